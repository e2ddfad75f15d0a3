import { max, min } from '../../units/bigint.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { call, numberedCall } from '../calls/libc.ts';

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
 * The parts of an open file that are not holes, in order, between two offsets. They may extend slightly into the holes
 * around them. Moves the position of the open file.
 */
export async function* dataRanges(
  fd: number,
  end: bigint,
  start = 0n,
): AsyncGenerator<Range, void, undefined> {
  for (let position = start; position < end; ) {
    const data = await nextData(fd, position);
    if (data === undefined || data >= end) return;
    const hole = await seek(fd, data, SEEK_HOLE);
    // The file was truncated there in the meantime.
    if (hole === undefined) return;
    const range = { start: max(position, roundedDown(data)), end: min(roundedUp(hole), end) };
    yield range;
    position = range.end;
  }
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
    if (isErrno(error, errno.ENXIO)) return undefined;
    throw error;
  }
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
