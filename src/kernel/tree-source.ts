import { mountAttr, withDetachedClone } from './bind-mount.ts';
import { errno, isErrno, KernelError } from './errno.ts';
import { withPath } from './path-handle.ts';
import { statusOf } from './statx.ts';

const QUIET = mountAttr.readOnly | mountAttr.noDev | mountAttr.noSuid | mountAttr.noExec;

/**
 * Lends a handle of a directory to read a tree by, in a mount of its own: what is mounted in the tree does not show,
 * reading leaves access times as they are, and no device can be opened.
 * @throws KernelError ENOENT, ENOTDIR, ELOOP (a symbolic link on the way)
 */
export async function withTreeSource<T>(path: string, use: (fd: number) => Promise<T>): Promise<T> {
  return withPath(path, async (fd) => {
    if (statusOf(fd).type !== 'directory') throw new KernelError('open', errno.ENOTDIR, path);
    const attributes = (await canLeaveAccessTimes(fd)) ? QUIET | mountAttr.noatime : QUIET;
    const cleared = attributes === QUIET ? 0 : mountAttr.accessTimeMask;
    return withDetachedClone(fd, attributes, cleared, use);
  });
}

// In a user namespace, the access times of the host's mounts are locked.
async function canLeaveAccessTimes(fd: number): Promise<boolean> {
  try {
    await withDetachedClone(fd, mountAttr.noatime, mountAttr.accessTimeMask, () => {});
    return true;
  } catch (error) {
    if (isErrno(error, errno.EPERM)) return false;
    throw error;
  }
}
