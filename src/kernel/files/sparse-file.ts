import { constants } from 'node:fs';
import { stat } from 'node:fs/promises';
import { syncDescriptor, withDescriptor } from '../calls/descriptor.ts';
import { call, libraryCall } from '../calls/libc.ts';
import { below } from '../calls/path-handle.ts';
import { statusOf } from '../calls/statx.ts';
import { nextData } from './data-ranges.ts';

const ftruncate = libraryCall('ftruncate', ['int', 'int64']);

const STAT_BLOCK_BYTES = 512n;

/** Makes a new file of this size that takes no space yet, for its owner alone, and syncs it. */
export async function makeSparse(path: string, bytes: bigint): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  await withDescriptor(path, flags, (fd) => setSize(fd, path, bytes), 0o600);
}

/** Grows a file, by a part that takes no space yet, and syncs it. A file that is this long or longer stays as it is. */
export async function growSparse(path: string, bytes: bigint): Promise<void> {
  await withDescriptor(path, constants.O_WRONLY | constants.O_NOFOLLOW, async (fd) => {
    if (statusOf(fd).sizeBytes < bytes) await setSize(fd, path, bytes);
  });
}

/**
 * Cuts a file at a size and syncs it, unless anything was ever written beyond: then it stays as it is. A file that is not
 * longer stays, too.
 * @returns the size it has then
 */
export async function cutSparse(path: string, bytes: bigint): Promise<bigint> {
  return withDescriptor(path, constants.O_RDWR | constants.O_NOFOLLOW, async (fd) => {
    const { sizeBytes } = statusOf(fd);
    if (sizeBytes <= bytes || (await nextData(fd, bytes)) !== undefined) return sizeBytes;
    await setSize(fd, path, bytes);
    return bytes;
  });
}

async function setSize(fd: number, path: string, bytes: bigint): Promise<void> {
  await call(ftruncate, path, fd, bytes);
  await syncDescriptor(fd);
}

/** Whether nothing was ever written to a file: it has no data, which is more than that all of it reads as zero. */
export async function isBlank(fd: number): Promise<boolean> {
  // Opened anew, because seeking moves the position of an open file for all who share it.
  return withDescriptor(below(fd), 'r', async (ownFd) => (await nextData(ownFd, 0n)) === undefined);
}

/** The space a file takes on its disk. */
export async function allocatedBytes(path: string): Promise<bigint> {
  return (await stat(path, { bigint: true })).blocks * STAT_BLOCK_BYTES;
}
