import { errno, KernelError } from '../calls/errno.ts';
import { withPath } from '../calls/path-handle.ts';
import { statusOf } from '../calls/statx.ts';
import { markSourceError } from '../files/copy-source.ts';
import { mountAttr, withDetachedClone } from '../mounts/bind-mount.ts';

// Reading through a read-only mount does not change access times.
const READ_ONLY_ATTRIBUTES = mountAttr.readOnly | mountAttr.noDev | mountAttr.noSuid | mountAttr.noExec;

/**
 * Passes `use` a handle for reading a tree through a private mount: mounts in the tree are not visible, reading changes
 * nothing, and devices cannot be opened.
 * @throws KernelError ENOENT, ENOTDIR, ELOOP (a symbolic link in the path)
 */
export async function withTreeSource<T>(path: string, use: (fd: number) => T | Promise<T>): Promise<T> {
  // Errors of `use` pass through unmarked.
  let isOpen = false;
  try {
    return await withPath(path, (fd) => {
      if (statusOf(fd).type !== 'directory') throw new KernelError('open', errno.ENOTDIR, path);
      return withDetachedClone(fd, READ_ONLY_ATTRIBUTES, 0, (cloneFd) => {
        isOpen = true;
        return use(cloneFd);
      });
    });
  } catch (error) {
    throw isOpen ? error : markSourceError(error);
  }
}
