import { constants } from 'node:fs';
import { min } from '../../units/bigint.ts';
import { syncDescriptor, withDescriptor, writeAt } from '../calls/descriptor.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { call, libraryCall } from '../calls/libc.ts';
import { below, withPath } from '../calls/path-handle.ts';
import { statusOf } from '../calls/statx.ts';
import { nextData, type Range } from './data-ranges.ts';

const ftruncate = libraryCall('ftruncate', ['int', 'int64']);

/** Makes a new file of this size without allocated blocks, with access for its owner only, and syncs it. */
export async function makeSparse(path: string, bytes: bigint): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  await withDescriptor(path, flags, (fd) => setSize(fd, path, bytes), 0o600);
}

/** Grows a file without allocating blocks, and syncs it. A file that is already this long or longer stays as it is. */
export async function growSparse(path: string, bytes: bigint): Promise<void> {
  await withDescriptor(path, constants.O_WRONLY | constants.O_NOFOLLOW, async (fd) => {
    if (statusOf(fd).sizeBytes < bytes) await setSize(fd, path, bytes);
  });
}

/**
 * Truncates a file and syncs it. A file that was ever written beyond the new size, or is not longer, stays as it is.
 * @returns the resulting size in bytes
 */
export async function truncateSparse(path: string, bytes: bigint): Promise<bigint> {
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

/** Whether a file was never written: it has no data at all, a stronger statement than reading as zero. */
export async function isBlank(fd: number): Promise<boolean> {
  // Opened again, because seeking moves the position of every descriptor that shares the open file.
  return withDescriptor(below(fd), 'r', async (ownFd) => (await nextData(ownFd, 0n)) === undefined);
}

/** The space that a file takes on disk. */
export async function allocatedBytes(path: string): Promise<bigint> {
  return (await withPath(path, statusOf)).allocatedBytes;
}

// off_t is 64 bits on every architecture the driver supports.
const fallocate = libraryCall('fallocate', ['int', 'int', 'int64', 'int64']);

/**
 * Allocates space for an open file from its beginning, without writing, so that later writes there need no new space.
 * @throws KernelError ENOSPC, EDQUOT; EOPNOTSUPP if the file system cannot
 */
export async function allocate(fd: number, bytes: number): Promise<void> {
  await call(fallocate, `descriptor ${fd}`, fd, 0, 0, bytes);
}

const FALLOC_FL_UNSHARE_RANGE = 0x40;
// So that it can be stopped in between.
const ALLOCATION_CHUNK_BYTES = 256 * 1024 ** 2;

/**
 * Allocates space for all of a file, so that no write in it needs new space, and syncs it. What is allocated already takes little time.
 * @param isUnshared whether blocks that it shares with other files are copied, too
 * @throws KernelError ENOSPC, EDQUOT; the signal's reason
 */
export async function allocateAll(
  path: string,
  { isUnshared = false, signal }: { isUnshared?: boolean; signal?: AbortSignal } = {},
): Promise<void> {
  await withDescriptor(path, constants.O_RDWR | constants.O_NOFOLLOW, async (fd) => {
    const end = Number(statusOf(fd).sizeBytes);
    for (let start = 0; start < end; start += ALLOCATION_CHUNK_BYTES) {
      signal?.throwIfAborted();
      const bytes = Math.min(ALLOCATION_CHUNK_BYTES, end - start);
      await call(fallocate, path, fd, 0, start, bytes);
      if (isUnshared) await unshare(fd, path, start, bytes);
    }
    await syncDescriptor(fd);
  });
}

async function unshare(fd: number, path: string, start: number, bytes: number): Promise<void> {
  try {
    await call(fallocate, path, fd, FALLOC_FL_UNSHARE_RANGE, start, bytes);
  } catch (error) {
    // A file system that shares no blocks has no such request.
    if (!isErrno(error, errno.EOPNOTSUPP)) throw error;
  }
}
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

/** Makes a part of an open file read as zero: as a hole, if the file system can. */
export async function zeroRange(fd: number, { start, end }: Range): Promise<void> {
  try {
    const mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
    await call(fallocate, `descriptor ${fd}`, fd, mode, start, end - start);
  } catch (error) {
    if (!isErrno(error, errno.EOPNOTSUPP)) throw error;
    for (let at = start; at < end; at += ZERO_BYTES)
      await writeAt(fd, Number(at), Buffer.alloc(Number(min(ZERO_BYTES, end - at))));
  }
}

const ZERO_BYTES = 1024n ** 2n;
