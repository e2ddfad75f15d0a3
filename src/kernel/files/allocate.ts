import { call, libraryCall } from '../calls/libc.ts';

// off_t has 64 bits on every architecture that the driver runs on.
const fallocate = libraryCall('fallocate', ['int', 'int', 'int64', 'int64']);

/**
 * Gives an open file space from its beginning, without writing it, so that writing it later needs none.
 * @throws KernelError ENOSPC, EDQUOT; EOPNOTSUPP where the file system cannot
 */
export async function allocate(fd: number, bytes: number): Promise<void> {
  await call(fallocate, `descriptor ${fd}`, fd, 0, 0, bytes);
}
