import { constants } from 'node:fs';
import { rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDescriptor, withDescriptor, writeText } from '../kernel/calls/descriptor.ts';

const RECORD_MODE = 0o600;

// Opening a FIFO would wait for a reader, and a symbolic link leads to another file.
const WRITE_ANEW =
  constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** Writes a new file. It is durable once the file and its directory are synced. */
export async function writeNewFile(path: string, text: string): Promise<void> {
  await withDescriptor(path, 'wx', (fd) => writeText(fd, text), RECORD_MODE);
}

/**
 * Replaces a file in one durable step: a reader sees either the whole old text or the whole new text, even after a
 * crash.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  const writeAndSync = async (fd: number) => {
    await writeText(fd, text);
    await syncDescriptor(fd);
  };
  try {
    await withDescriptor(temporary, WRITE_ANEW, writeAndSync, RECORD_MODE);
    await rename(temporary, path);
  } catch (error) {
    // It would take space on a disk that may have none.
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncPath(dirname(path));
}

/** Waits until a file, or the entries of a directory, are on disk. */
export async function syncPath(path: string): Promise<void> {
  await withDescriptor(path, 'r', syncDescriptor);
}
