import type { ByteRange } from '../ports/block-maps.ts';

/** Ranges in ascending order that do not overlap, joined where they are adjacent. */
export async function* mergeAdjacent(
  ranges: AsyncIterable<ByteRange>,
): AsyncGenerator<ByteRange, void, undefined> {
  let open: ByteRange | undefined;
  for await (const range of ranges) {
    if (open?.end === range.start) {
      open = { start: open.start, end: range.end };
    } else {
      if (open) yield open;
      open = range;
    }
  }
  if (open) yield open;
}

/** The parts of ranges at or after an offset. */
export async function* clipFrom(
  ranges: AsyncIterable<ByteRange>,
  offset: bigint,
): AsyncGenerator<ByteRange, void, undefined> {
  for await (const { start, end } of ranges) {
    if (end > offset) yield { start: later(start, offset), end };
  }
}

/** The blocks of one size, at multiples of it, that contain any byte of the ranges. */
export async function* blocksOf(
  ranges: AsyncIterable<ByteRange>,
  blockBytes: bigint,
): AsyncGenerator<ByteRange, void, undefined> {
  let next = 0n;
  for await (const { start, end } of ranges) {
    // The last block of one range may be the first of another.
    for (next = later(next, start - (start % blockBytes)); next < end; next += blockBytes) {
      yield { start: next, end: next + blockBytes };
    }
  }
}

/** Ranges as lists of a limited length; if there are no ranges, one empty list. */
export async function* pagesOf(
  ranges: AsyncIterable<ByteRange>,
  limit: number,
): AsyncGenerator<readonly ByteRange[], void, undefined> {
  let page: ByteRange[] = [];
  let isFirst = true;
  for await (const range of ranges) {
    page.push(range);
    if (page.length < limit) continue;
    yield page;
    page = [];
    isFirst = false;
  }
  if (isFirst || page.length > 0) yield page;
}

function later(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
