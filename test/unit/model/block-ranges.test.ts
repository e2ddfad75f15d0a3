import { describe, expect, test } from 'vitest';
import { blocksOf, clipFrom, mergeAdjacent, pagesOf } from '../../../src/model/snapshots/block-ranges.ts';

type Pair = readonly [start: number, end: number];

async function* rangesOf(pairs: readonly Pair[]) {
  for (const [start, end] of pairs) yield { start: BigInt(start), end: BigInt(end) };
}

async function pairsOf(ranges: AsyncIterable<{ start: bigint; end: bigint }>): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for await (const { start, end } of ranges) pairs.push([Number(start), Number(end)]);
  return pairs;
}

const joins: [string, Pair[], Pair[]][] = [
  ['none', [], []],
  [
    'apart',
    [
      [0, 1],
      [2, 3],
    ],
    [
      [0, 1],
      [2, 3],
    ],
  ],
  [
    'adjacent',
    [
      [0, 1],
      [1, 3],
      [3, 4],
      [6, 7],
    ],
    [
      [0, 4],
      [6, 7],
    ],
  ],
];

test.each(joins)('adjacent ranges are joined: %s', async (_, given, expected) => {
  expect(await pairsOf(mergeAdjacent(rangesOf(given)))).toEqual(expected);
});

test('ranges before an offset are left out, and the range around it begins there', async () => {
  const ranges = () =>
    rangesOf([
      [0, 10],
      [20, 30],
      [40, 50],
    ]);
  expect(await pairsOf(clipFrom(ranges(), 25n))).toEqual([
    [25, 30],
    [40, 50],
  ]);
  expect(await pairsOf(clipFrom(ranges(), 10n))).toEqual([
    [20, 30],
    [40, 50],
  ]);
  expect(await pairsOf(clipFrom(ranges(), 50n))).toEqual([]);
});

describe('blocks', () => {
  test('are all blocks that a range touches', async () => {
    expect(await pairsOf(blocksOf(rangesOf([[5, 21]]), 8n))).toEqual([
      [0, 8],
      [8, 16],
      [16, 24],
    ]);
    expect(await pairsOf(blocksOf(rangesOf([[8, 16]]), 8n))).toEqual([[8, 16]]);
  });

  test('that several ranges touch are reported once', async () => {
    const ranges = rangesOf([
      [0, 1],
      [2, 3],
      [7, 9],
      [15, 16],
      [40, 41],
    ]);
    expect(await pairsOf(blocksOf(ranges, 8n))).toEqual([
      [0, 8],
      [8, 16],
      [40, 48],
    ]);
  });
});

describe('pages', () => {
  const lengths = async (count: number, limit: number) => {
    const ranges = rangesOf(Array.from({ length: count }, (_, index): Pair => [2 * index, 2 * index + 1]));
    const found: number[] = [];
    for await (const page of pagesOf(ranges, limit)) found.push(page.length);
    return found;
  };

  test.each([
    [7, 3, [3, 3, 1]],
    [6, 3, [3, 3]],
    [2, 3, [2]],
  ])('of %d ranges, at most %d each, have %j', async (count, limit, expected) => {
    expect(await lengths(count, limit)).toEqual(expected);
  });

  test('of no ranges are one empty message', async () => {
    expect(await lengths(0, 3)).toEqual([0]);
  });

  test('are made only on demand', async () => {
    let pulledCount = 0;
    const counted = async function* () {
      for await (const range of rangesOf(Array.from({ length: 100 }, (_, index) => [index, index + 1]))) {
        pulledCount++;
        yield range;
      }
    };
    const pages = pagesOf(counted(), 10);
    await pages.next();
    expect(pulledCount).toBe(10);
    await pages.return();
    expect(pulledCount).toBe(10);
  });
});
