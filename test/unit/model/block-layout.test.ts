import { expect, test } from 'vitest';
import type { ByteRange, ChangeSearch } from '../../../src/model/ports/block-maps.ts';
import { type BlockLayout, layOutRanges } from '../../../src/model/snapshots/block-layout.ts';

const KIB = 1024n;
const MIB = 1024n ** 2n;

/** The requested offset, and the result for these ranges. */
async function layOut(layout: BlockLayout, ranges: readonly ByteRange[]) {
  const searches: ChangeSearch[] = [];
  const found: ByteRange[] = [];
  const blocks = layOutRanges(layout, async function* (search) {
    searches.push(search);
    yield* ranges;
  });
  for await (const block of blocks) found.push(block);
  return { search: searches[0], found };
}

test.each([
  [MIB, 64n * KIB],
  [3n * 64n * KIB, 64n * KIB],
  [96n * KIB, 32n * KIB],
  [MIB + 4n * KIB, 4n * KIB],
  [MIB + 512n, 512n],
  [512n, 512n],
  [0n, 64n * KIB],
])('an image of %d bytes has a whole number of blocks of %d', async (sizeBytes, blockBytes) => {
  const layout = { blockType: 'FIXED_LENGTH', sizeBytes, startingOffset: 0n } as const;
  const { search, found } = await layOut(
    layout,
    sizeBytes > 0n ? [{ start: sizeBytes - 1n, end: sizeBytes }] : [],
  );
  expect(search).toEqual({ start: 0n, granuleBytes: blockBytes });
  expect(found).toEqual(sizeBytes > 0n ? [{ start: sizeBytes - blockBytes, end: sizeBytes }] : []);
});

test('fixed-size blocks are searched from the start of the block that contains the offset', async () => {
  const layout = { blockType: 'FIXED_LENGTH', sizeBytes: MIB, startingOffset: 70_000n } as const;
  const { search, found } = await layOut(layout, [{ start: 70_001n, end: 70_002n }]);
  expect(search).toEqual({ start: 64n * KIB, granuleBytes: 64n * KIB });
  expect(found).toEqual([{ start: 64n * KIB, end: 128n * KIB }]);
});

test('variable ranges begin at the offset, and are searched from the page that contains it', async () => {
  const layout = { blockType: 'VARIABLE_LENGTH', sizeBytes: MIB, startingOffset: 5000n } as const;
  const { search, found } = await layOut(layout, [
    { start: 4096n, end: 4608n },
    { start: 4608n, end: 8192n },
    { start: 8192n, end: 9000n },
    { start: 9500n, end: 9600n },
  ]);
  expect(search).toEqual({ start: 4096n, granuleBytes: 4096n });
  expect(found).toEqual([
    { start: 5000n, end: 9000n },
    { start: 9500n, end: 9600n },
  ]);
});
