import type { BlockType, ByteRange, ChangeSearch } from '../ports/block-maps.ts';
import { blocksOf, clipped, joined } from './block-ranges.ts';

/** Which blocks of an image are told, and how. */
export interface BlockLayout {
  readonly blockType: BlockType;
  readonly sizeBytes: bigint;
  /** The first byte that is of interest; what comes before is left out. */
  readonly startingOffset: bigint;
}

const LARGEST_BLOCK_BYTES = 65_536n;
// File systems and the page cache write no less at a time, so that a closer look would only make more and smaller ranges.
const PAGE_BYTES = 4096n;

/**
 * Lays out the ranges of an image. Blocks of one size are sent whole, also the one that the starting offset lies in;
 * other ranges begin there. Either way this is, from that offset on, what a layout from the beginning has.
 * @param rangesFrom answers the ranges from an offset on, as OpenImage does
 */
export function laidOut(
  { blockType, sizeBytes, startingOffset }: BlockLayout,
  rangesFrom: (search: ChangeSearch) => AsyncIterable<ByteRange>,
): AsyncIterable<ByteRange> {
  const isFixed = blockType === 'FIXED_LENGTH';
  const granuleBytes = isFixed ? blockBytesOf(sizeBytes) : PAGE_BYTES;
  const ranges = rangesFrom({ start: startingOffset - (startingOffset % granuleBytes), granuleBytes });
  return isFixed ? blocksOf(ranges, granuleBytes) : clipped(joined(ranges), startingOffset);
}

/** The largest block of which an image has a whole number, so that none passes its end. */
function blockBytesOf(sizeBytes: bigint): bigint {
  let bytes = LARGEST_BLOCK_BYTES;
  while (sizeBytes % bytes !== 0n) bytes /= 2n;
  return bytes;
}
