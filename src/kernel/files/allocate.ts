import { call, libraryCall } from '../calls/libc.ts';

// off_t is 64 bits on every architecture the driver supports.
const fallocate = libraryCall('fallocate', ['int', 'int', 'int64', 'int64']);

/**
 * Allocates space for an open file from its beginning, without writing, so that later writes there need no new space.
 * @throws KernelError ENOSPC, EDQUOT; EOPNOTSUPP if the file system cannot
 */
export async function allocate(fd: number, bytes: number): Promise<void> {
  await call(fallocate, `descriptor ${fd}`, fd, 0, 0, bytes);
}
