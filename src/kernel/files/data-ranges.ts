import { max, min } from '../../units/bigint.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { call, callSync, numberedCall } from '../calls/libc.ts';

// Called by number, because an offset does not fit the int that a library call returns.
const lseek = numberedCall('lseek', process.arch === 'arm64' ? 62 : 8, ['int', 'int64', 'int']);

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
// The largest rounding error of an offset above 2^53 once it is a number.
const ROUNDING_BYTES = 1024n;

/** A part of a file: the offset of its first byte, and the offset after its last. */
export interface Range {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * The parts of an open file that are not holes, in order, before an offset. They may extend slightly into the holes
 * around them. Moves the position of the open file. Blocks its thread.
 */
export function* dataRanges(fd: number, end: bigint): Generator<Range, void, undefined> {
  const seek = (offset: bigint, whence: number) => {
    try {
      return BigInt(callSync(lseek, fd, fd, offset, whence));
    } catch (error) {
      return undefinedAtEnd(error);
    }
  };
  for (let start = 0n; start < end; ) {
    const data = seek(start, SEEK_DATA);
    const range = rangeAt({ start, end }, data, data === undefined ? data : seek(data, SEEK_HOLE));
    if (range === undefined) return;
    yield range;
    start = range.end;
  }
}

/** The first of the parts of an open file between two offsets that are not holes, as in `dataRanges`. */
export async function firstDataRange(fd: number, { start, end }: Range): Promise<Range | undefined> {
  if (start >= end) return undefined;
  const data = await seek(fd, start, SEEK_DATA);
  return rangeAt({ start, end }, data, data === undefined ? data : await seek(fd, data, SEEK_HOLE));
}

/**
 * The offset of the next data in an open file, from an offset on; undefined if only holes follow. Moves the position of
 * the open file.
 */
export function nextData(fd: number, offset: bigint): Promise<bigint | undefined> {
  return seek(fd, offset, SEEK_DATA);
}

/** @returns the next data or hole from an offset on; undefined if there is none before the end of the file */
async function seek(fd: number, offset: bigint, whence: number): Promise<bigint | undefined> {
  try {
    return BigInt(await call(lseek, `descriptor ${fd}`, fd, offset, whence));
  } catch (error) {
    return undefinedAtEnd(error);
  }
}

function undefinedAtEnd(error: unknown): undefined {
  if (!isErrno(error, errno.ENXIO)) throw error;
}

/** @param hole undefined if the file was truncated after the data was found */
function rangeAt(
  { start, end }: Range,
  data: bigint | undefined,
  hole: bigint | undefined,
): Range | undefined {
  if (data === undefined || data >= end || hole === undefined) return undefined;
  return { start: max(start, roundedDown(data)), end: min(roundedUp(hole), end) };
}

function roundedDown(offset: bigint): bigint {
  return isExact(offset) ? offset : offset - ROUNDING_BYTES;
}

function roundedUp(offset: bigint): bigint {
  return isExact(offset) ? offset : offset + ROUNDING_BYTES;
}

function isExact(offset: bigint): boolean {
  return offset <= BigInt(Number.MAX_SAFE_INTEGER);
}
