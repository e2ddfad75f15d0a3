import { call, libraryCall } from '../calls/libc.ts';

const utimensat = libraryCall('utimensat', ['int', 'str', 'void *', 'int']);

const AT_EMPTY_PATH = 0x1000;
const NANOSECONDS = 1_000_000_000n;

/** When a file was last read and last modified. */
export interface FileTimes {
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
}

/** Sets the times of an open file, which may be a handle, also of a symbolic link itself. */
export async function setTimes(fd: number, { atimeNs, mtimeNs }: FileTimes): Promise<void> {
  const times = Buffer.alloc(32);
  writeTime(times, 0, atimeNs);
  writeTime(times, 16, mtimeNs);
  await call(utimensat, `descriptor ${fd}`, fd, '', times, AT_EMPTY_PATH);
}

/** Writes a struct timespec. Before 1970 the seconds are negative, but the nanoseconds never are. */
function writeTime(buffer: Buffer, offset: number, timeNs: bigint): void {
  const nanoseconds = ((timeNs % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  buffer.writeBigInt64LE((timeNs - nanoseconds) / NANOSECONDS, offset);
  buffer.writeBigInt64LE(nanoseconds, offset + 8);
}
