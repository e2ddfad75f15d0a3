import type { BlockType, ByteRange, ChangeSearch } from '../ports/block-maps.ts';
import { blocksOf, clipFrom, mergeAdjacent } from './block-ranges.ts';

/** Which blocks of an image are reported, and how. */
export interface BlockLayout {
  readonly blockType: BlockType;
  readonly sizeBytes: bigint;
  /** The offset of the first reported byte; ranges before it are left out. */
  readonly startingOffset: bigint;
}

const LARGEST_BLOCK_BYTES = 65_536n;
// File systems and the page cache write at least this much at a time, so a finer comparison would only give more and
// smaller ranges.
const PAGE_BYTES = 4096n;

/**
 * Lays out the ranges of an image. Fixed-length blocks are reported whole, including the block that contains the starting
 * offset; other ranges begin at the offset. Either way the result equals a layout from the beginning, from that offset on.
 * @param rangesFrom returns the ranges from an offset on, as OpenImage does
 */
export function layOutRanges(
  { blockType, sizeBytes, startingOffset }: BlockLayout,
  rangesFrom: (search: ChangeSearch) => AsyncIterable<ByteRange>,
): AsyncIterable<ByteRange> {
  const isFixed = blockType === 'FIXED_LENGTH';
  const granuleBytes = isFixed ? blockBytesOf(sizeBytes) : PAGE_BYTES;
  const ranges = rangesFrom({ start: startingOffset - (startingOffset % granuleBytes), granuleBytes });
  return isFixed ? blocksOf(ranges, granuleBytes) : clipFrom(mergeAdjacent(ranges), startingOffset);
}

/** The largest block size that divides the size of an image, so that no block extends past its end. */
function blockBytesOf(sizeBytes: bigint): bigint {
  let bytes = LARGEST_BLOCK_BYTES;
  while (sizeBytes % bytes !== 0n) bytes /= 2n;
  return bytes;
}
