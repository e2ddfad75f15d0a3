import { closeSync, fsync, open, write } from 'node:fs';
import { promisify } from 'node:util';
import { call, libraryCall } from './libc.ts';

const syncfs = libraryCall('syncfs', ['int']);

const openAsync = promisify(open);
const writeAsync = promisify(write);

/**
 * Opens a file, lends its descriptor to `use` and closes it, whatever happens. Closing is done on this thread:
 * what could make it wait, unwritten data on a network, is not in a pool, and a thread would cost more.
 * @param flags as of open(2); `mode` is for files that are made
 */
export async function withDescriptor<T>(
  path: string | Buffer,
  flags: string | number,
  use: (fd: number) => T | Promise<T>,
  mode?: number,
): Promise<T> {
  const fd = await openAsync(path, flags, mode);
  try {
    return await use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Waits until a file, or the entries of a directory, are on the disk. */
export const syncDescriptor: (fd: number) => Promise<void> = promisify(fsync);

/** Waits until everything on the file system of an open file is on the disk. */
export async function syncFileSystem(fd: number): Promise<void> {
  await call(syncfs, `descriptor ${fd}`, fd);
}

/** Writes a whole text at the beginning of a file that is open for writing. */
export async function writeText(fd: number, text: string): Promise<void> {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    const { bytesWritten } = await writeAsync(fd, rest);
    rest = rest.subarray(bytesWritten);
  }
}
