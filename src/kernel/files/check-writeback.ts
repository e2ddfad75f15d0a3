import { callSync, libraryCall } from '../calls/libc.ts';

const syncFileRange = libraryCall('sync_file_range', ['int', 'int64', 'int64', 'uint']);
const WAIT_BEFORE = 1;
const WRITE = 2;
const WAIT_AFTER = 4;

/**
 * Fails if data of an open file did not get to its disk since it was opened, or before and nobody was told: the kernel then
 * forgets that data, or parts of it, and a copy that shares blocks has what was there before. Writes what is left. Blocks its thread.
 * @throws KernelError EIO, ENOSPC, …
 */
export function checkWriteback(fd: number): void {
  // Without a commit of the file system, which an fsync would wait for.
  callSync(syncFileRange, fd, fd, 0, 0, WAIT_BEFORE | WRITE | WAIT_AFTER);
}
