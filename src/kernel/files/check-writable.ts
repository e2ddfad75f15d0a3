import { statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { errno, isErrno } from '../calls/errno.ts';
import { call, callSync, libraryCall } from '../calls/libc.ts';

const EXT4_MAGIC = 0xef53;
const removexattr = libraryCall('removexattr', ['str', 'str']);
/** No directory has this attribute. */
const NO_ATTRIBUTE = 'trusted.csi-hostpath.none';
/** How the removal ends while changes can begin; in a user namespace without beginning one. */
const usualNumbers = [errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM];

/**
 * Fails if the ext4 of a directory has given up, for a caller that has just synced something. After a write to its journal fails,
 * ext4 reports that to the sync that waits for it; all other and later syncs may succeed, although nothing more gets to the
 * disk. But no change can begin then, so this begins one: the removal of what is not there. Other file systems fail every sync.
 * @throws KernelError EROFS, EIO, …
 */
export async function checkWritable(directory: string): Promise<void> {
  if ((await statfs(directory)).type !== EXT4_MAGIC) return;
  await call(removexattr, directory, directory, NO_ATTRIBUTE).catch(throwUnlessUsual);
}

/** The same, on this thread. */
export function checkWritableSync(directory: string): void {
  if (statfsSync(directory).type !== EXT4_MAGIC) return;
  try {
    callSync(removexattr, directory, directory, NO_ATTRIBUTE);
  } catch (error) {
    throwUnlessUsual(error);
  }
}

function throwUnlessUsual(error: unknown): void {
  if (!isErrno(error, ...usualNumbers)) throw error;
}
