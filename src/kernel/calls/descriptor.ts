import { closeSync, fsync, fsyncSync, open, openSync, read, readSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { areCallsBlocking } from './blocking.ts';
import { call, libraryCall } from './libc.ts';

const syncfs = libraryCall('syncfs', ['int']);

const openAsync = promisify(open);
const readAsync = promisify(read);
const writeAsync = promisify(write);
const fsyncAsync = promisify(fsync);

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
  const fd = areCallsBlocking() ? openSync(path, flags, mode) : await openAsync(path, flags, mode);
  try {
    return await use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Waits until a file, or a directory's entries, are on disk. */
export async function syncDescriptor(fd: number): Promise<void> {
  if (areCallsBlocking()) fsyncSync(fd);
  else await fsyncAsync(fd);
}

/** Waits until everything on an open file's file system is on disk. */
export async function syncFileSystem(fd: number): Promise<void> {
  await call(syncfs, `descriptor ${fd}`, fd);
}

/** Reads part of an open file or block device. @returns less at its end */
export async function readAt(fd: number, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const rest = [fd, buffer, filled, length - filled, offset + filled] as const;
    const bytes = areCallsBlocking() ? readSync(...rest) : (await readAsync(...rest)).bytesRead;
    if (bytes === 0) break;
    filled += bytes;
  }
  return buffer.subarray(0, filled);
}

/** Reads an open file of a known size; `readFile` would ask for the size again, on another thread. */
export async function readText(fd: number, sizeBytes: number): Promise<string> {
  return (await readAt(fd, 0, sizeBytes)).toString('utf8');
}

/** Writes all of these bytes to an open file, from an offset on. */
export async function writeAt(fd: number, offset: number, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const rest = [fd, bytes, written, bytes.length - written, offset + written] as const;
    written += (await writeAsync(...rest)).bytesWritten;
  }
}

/** Writes all of a text at the beginning of a file that is open for writing. */
export async function writeText(fd: number, text: string): Promise<void> {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    const { bytesWritten } = await writeAsync(fd, rest);
    rest = rest.subarray(bytesWritten);
  }
}
