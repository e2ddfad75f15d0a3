import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exclusive, KeyLocks, type Lock, shared } from '../../../src/rpc/key-locks.ts';

function acquired(locks: KeyLocks, ...wanted: Lock[]): () => void {
  const result = locks.tryAcquire(wanted);
  if ('heldKey' in result) throw new Error(`${result.heldKey} is held`);
  return result.release;
}

describe('an object', () => {
  test.each([
    ['held alone', exclusive('v'), exclusive('v')],
    ['held alone', exclusive('v'), shared('v')],
    ['shared', shared('v'), exclusive('v')],
  ])('%s is not given to one who excludes that, until it is released', (_, first, second) => {
    const locks = new KeyLocks();
    const release = acquired(locks, first);
    expect(locks.tryAcquire([second])).toEqual({ heldKey: 'v' });
    release();
    acquired(locks, second);
  });

  test('is shared by many, and free when the last of them lets go', () => {
    const locks = new KeyLocks();
    const releases = [acquired(locks, shared('v')), acquired(locks, shared('v'))];
    releases[0]?.();
    expect(locks.tryAcquire([exclusive('v')])).toEqual({ heldKey: 'v' });
    releases[1]?.();
    acquired(locks, exclusive('v'));
  });

  test('does not stand in the way of another', () => {
    const locks = new KeyLocks();
    acquired(locks, exclusive('v'));
    acquired(locks, exclusive('w'), shared('__proto__'));
  });
});

test('all locks of a call are taken, or none', () => {
  const locks = new KeyLocks();
  acquired(locks, exclusive('b'));
  expect(locks.tryAcquire([exclusive('a'), shared('c'), exclusive('b')])).toEqual({ heldKey: 'b' });
  acquired(locks, exclusive('a'), exclusive('c'));
});

test('a call that needs no lock is never refused', () => {
  acquired(new KeyLocks())();
});

test('releasing twice releases once', () => {
  const locks = new KeyLocks();
  const release = acquired(locks, shared('v'));
  release();
  acquired(locks, shared('v'));
  release();
  expect(locks.tryAcquire([exclusive('v')])).toEqual({ heldKey: 'v' });
});

test('whatever is taken and released, nobody shares what another has alone, and nothing is refused without cause', () => {
  const lock = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    mode: fc.constantFrom('exclusive', 'shared'),
  });
  const wanted = fc.uniqueArray(lock, { selector: ({ key }) => key, maxLength: 3 });
  const step = fc.record({ wanted, released: fc.nat({ max: 5 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const locks = new KeyLocks();
      const holders: { locks: Lock[]; release: () => void }[] = [];
      const clashes = ({ key, mode }: Lock) =>
        holders.some((holder) =>
          holder.locks.some(
            (each) => each.key === key && (mode === 'exclusive' || each.mode === 'exclusive'),
          ),
        );
      for (const { wanted, released } of steps) {
        const result = locks.tryAcquire(wanted);
        const rival = wanted.find(clashes);
        if (rival) expect(result).toEqual({ heldKey: rival.key });
        else holders.push({ locks: wanted, release: (result as { release: () => void }).release });
        for (const holder of holders.splice(released, 1)) holder.release();
      }
      for (const holder of holders) holder.release();
      acquired(locks, exclusive('a'), exclusive('b'), exclusive('c'));
    }),
  );
});
