import { closeSync, fsync, open, read, write } from 'node:fs';
import { promisify } from 'node:util';
import { call, libraryCall } from './libc.ts';

const syncfs = libraryCall('syncfs', ['int']);

const openAsync = promisify(open);
const readAsync = promisify(read);
const writeAsync = promisify(write);

/**
 * Opens a file, passes its descriptor to `use` and always closes it. It is closed on this thread: only unwritten data
 * on a network file system could make close(2) wait, pools hold none, and another thread would cost more.
 * @param flags as in open(2); `mode` applies to new files
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

/** Waits until a file, or a directory's entries, are on disk. */
export const syncDescriptor: (fd: number) => Promise<void> = promisify(fsync);

/** Waits until everything on an open file's file system is on disk. */
export async function syncFileSystem(fd: number): Promise<void> {
  await call(syncfs, `descriptor ${fd}`, fd);
}

/** Reads an open file of a known size; `readFile` would ask for the size again, on another thread. */
export async function readText(fd: number, sizeBytes: number): Promise<string> {
  const buffer = Buffer.allocUnsafe(sizeBytes);
  let length = 0;
  while (length < sizeBytes) {
    const { bytesRead } = await readAsync(fd, buffer, length, sizeBytes - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.toString('utf8', 0, length);
}

/** Writes all of a text at the beginning of a file that is open for writing. */
export async function writeText(fd: number, text: string): Promise<void> {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    const { bytesWritten } = await writeAsync(fd, rest);
    rest = rest.subarray(bytesWritten);
  }
}
