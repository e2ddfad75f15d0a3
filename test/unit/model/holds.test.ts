import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exclusive, type Held, type HoldRequest, Holds, shared } from '../../../src/model/state/holds.ts';

const volume = { alone: exclusive('volume', 'v'), shared: shared('volume', 'v') };
const busy = expect.objectContaining({ kind: 'aborted', message: expect.stringContaining('volume "v"') });

describe('an object', () => {
  test.each([
    ['held exclusively', volume.alone, volume.alone],
    ['held exclusively', volume.alone, volume.shared],
    ['shared', volume.shared, volume.alone],
  ])('%s cannot be held in a conflicting mode, until it is released', (_, first, second) => {
    const holds = new Holds();
    const held = holds.hold([first]);
    expect(() => holds.hold([second])).toThrow(busy);
    held.release();
    holds.hold([second]);
  });

  test('can be shared by many, and is free when the last of them releases it', () => {
    const holds = new Holds();
    const [first, second] = [holds.hold([volume.shared]), holds.hold([volume.shared])];
    first.release();
    expect(() => holds.hold([volume.alone])).toThrow(busy);
    second.release();
    holds.hold([volume.alone]);
  });

  test('does not block another object, or one of another kind', () => {
    const holds = new Holds();
    holds.hold([volume.alone]);
    holds.hold([exclusive('volume', 'w'), exclusive('snapshot', 'v'), shared('volume', '__proto__')]);
  });

  test('with a long id does not block another with the same beginning', () => {
    const holds = new Holds();
    holds.hold([exclusive('volume name', `${'n'.repeat(300)}1`)]);
    holds.hold([exclusive('volume name', `${'n'.repeat(300)}2`)]);
  });
});

test('all holds of a call are taken, or none', () => {
  const holds = new Holds();
  holds.hold([volume.alone]);
  const [a, c] = ['a', 'c'].map((id) => exclusive('volume', id)) as [HoldRequest, HoldRequest];
  expect(() => holds.hold([a, c, volume.alone])).toThrow(busy);
  holds.hold([a, c]);
});

test('a call that holds nothing is never refused', () => {
  new Holds().hold([]).release();
});

test('releasing twice releases once', () => {
  const holds = new Holds();
  const held = holds.hold([volume.shared]);
  held.release();
  holds.hold([volume.shared]);
  held.release();
  expect(() => holds.hold([volume.alone])).toThrow(busy);
});

test('a call cannot claim to hold what it does not', () => {
  const held = new Holds().hold([volume.shared, exclusive('path', '/p')]);
  expect(held.exclusive('path', '/p').id).toBe('/p');
  expect([held.shared('volume', 'v').mode, held.shared('path', '/p').mode]).toEqual(['shared', 'exclusive']);
  expect(() => held.exclusive('volume', 'v')).toThrow('does not hold volume "v"');
  expect(() => held.shared('volume', 'w')).toThrow('does not hold volume "w"');
});

test('in any sequence, exclusive holds are never shared, and nothing is refused without cause', () => {
  const request = fc.record({
    kind: fc.constant('volume' as const),
    id: fc.constantFrom('a', 'b', 'c'),
    mode: fc.constantFrom('exclusive' as const, 'shared' as const),
  });
  const wanted = fc.uniqueArray(request, { selector: ({ id }) => id, maxLength: 3 });
  const step = fc.record({ wanted, released: fc.nat({ max: 5 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const holds = new Holds();
      const holders: { requests: HoldRequest[]; held: Held }[] = [];
      const clashes = ({ id, mode }: HoldRequest) =>
        holders.some(({ requests }) =>
          requests.some((each) => each.id === id && (mode === 'exclusive' || each.mode === 'exclusive')),
        );
      for (const { wanted: requests, released } of steps) {
        const rival = requests.find(clashes);
        if (rival) expect(() => holds.hold(requests)).toThrow(`volume "${rival.id}"`);
        else holders.push({ requests, held: holds.hold(requests) });
        for (const { held } of holders.splice(released, 1)) held.release();
      }
      for (const { held } of holders) held.release();
      holds.hold(['a', 'b', 'c'].map((id) => exclusive('volume', id)));
    }),
  );
});
