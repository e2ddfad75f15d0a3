import { setTimes } from '../../src/kernel/attributes/file-times.ts';

const NANOSECONDS = 1_000_000_000n;

/** Sets when an open file was last read and last modified. It may be a handle, also of a symbolic link itself. */
export function setTimesNs(fd: number, { atimeNs, mtimeNs }: { atimeNs: bigint; mtimeNs: bigint }): void {
  const times = Buffer.alloc(32);
  writeTime(times, 0, atimeNs);
  writeTime(times, 16, mtimeNs);
  setTimes(fd, times);
}

/** Writes a struct timespec. Before 1970 the seconds are negative, but the nanoseconds never are. */
function writeTime(buffer: Buffer, offset: number, timeNs: bigint): void {
  const nanoseconds = ((timeNs % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  buffer.writeBigInt64LE((timeNs - nanoseconds) / NANOSECONDS, offset);
  buffer.writeBigInt64LE(nanoseconds, offset + 8);
}
