import { describe, expect, test } from 'vitest';
import { unknownParts } from '../../../../src/backends/image/extent-difference.ts';
import type { Extent } from '../../../../src/kernel/files/extents.ts';

const whole = { start: 0n, end: 100n };

/** An extent that is shared, at an address. */
function shared(start: number, end: number, address: number): Extent {
  return { start: BigInt(start), end: BigInt(end), address: BigInt(address), isShared: true };
}

function alone(start: number, end: number, address: number): Extent {
  return { ...shared(start, end, address), isShared: false };
}

function withoutAddress(start: number, end: number): Extent {
  return { ...shared(start, end, 0), address: undefined };
}

function parts(base: Extent[], target: Extent[], areComparable = true, range = whole) {
  return unknownParts(range, base, target, areComparable).map(
    ({ start, end, baseHasData, targetHasData }) => [
      Number(start),
      Number(end),
      `${baseHasData ? 'data' : 'hole'}/${targetHasData ? 'data' : 'hole'}`,
    ],
  );
}

describe('nothing has to be read', () => {
  test('where neither has data', () => expect(parts([], [])).toEqual([]));

  test('where both share the same blocks, however they are split', () => {
    expect(parts([shared(0, 50, 1000)], [shared(0, 50, 1000)])).toEqual([]);
    expect(parts([shared(0, 50, 1000)], [shared(0, 20, 1000), shared(20, 50, 1020)])).toEqual([]);
    expect(parts([shared(0, 10, 1000), shared(10, 50, 1010)], [shared(0, 50, 1000)])).toEqual([]);
  });
});

describe('everything has to be read', () => {
  test.each<[string, Extent, Extent]>([
    ['where the addresses differ', shared(0, 50, 1000), shared(0, 50, 2000)],
    ['where one of them is not shared', shared(0, 50, 1000), alone(0, 50, 1000)],
    ['where the other is not shared', alone(0, 50, 1000), shared(0, 50, 1000)],
    ['where one has no address', shared(0, 50, 1000), withoutAddress(0, 50)],
    ['where the other has none', withoutAddress(0, 50), shared(0, 50, 1000)],
    ['where neither has one', withoutAddress(0, 50), withoutAddress(0, 50)],
  ])('%s', (_, base, target) => {
    expect(parts([base], [target])).toEqual([[0, 50, 'data/data']]);
  });

  test('where addresses cannot be compared', () => {
    const extents = [shared(0, 50, 1000)];
    expect(parts(extents, extents, false)).toEqual([[0, 50, 'data/data']]);
  });

  test('where the same blocks are at other offsets', () => {
    expect(parts([shared(0, 50, 1000)], [shared(10, 60, 1000)])).toEqual([
      [0, 10, 'data/hole'],
      [10, 50, 'data/data'],
      [50, 60, 'hole/data'],
    ]);
  });
});

test('a range with data in only one of them is read from that one', () => {
  expect(parts([shared(10, 30, 1000)], [shared(20, 40, 1010)])).toEqual([
    [10, 20, 'data/hole'],
    [30, 40, 'hole/data'],
  ]);
});

test('adjacent parts of one kind are read in one piece', () => {
  expect(parts([alone(0, 10, 1), alone(10, 30, 50)], [alone(0, 20, 3), alone(20, 30, 4)])).toEqual([
    [0, 30, 'data/data'],
  ]);
  expect(parts([shared(0, 10, 1), alone(10, 30, 50)], [shared(0, 10, 1), alone(10, 30, 4)])).toEqual([
    [10, 30, 'data/data'],
  ]);
});

test('only the requested range counts', () => {
  const range = { start: 5n, end: 25n };
  expect(parts([alone(0, 10, 1)], [alone(20, 40, 3)], true, range)).toEqual([
    [5, 10, 'data/hole'],
    [20, 25, 'hole/data'],
  ]);
});
