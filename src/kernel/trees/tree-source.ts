import { errno, KernelError } from '../calls/errno.ts';
import { withPath } from '../calls/path-handle.ts';
import { statusOf } from '../calls/statx.ts';
import { asOfSource } from '../files/copy-source.ts';
import { mountAttr, withDetachedClone } from '../mounts/bind-mount.ts';

// Reading from a mount that is read-only leaves access times as they are.
const ONLY_READING = mountAttr.readOnly | mountAttr.noDev | mountAttr.noSuid | mountAttr.noExec;

/**
 * Lends a handle of a directory to read a tree by, in a mount of its own: what is mounted in the tree does not show,
 * nothing is changed by reading it, and no device can be opened.
 * @throws KernelError ENOENT, ENOTDIR, ELOOP (a symbolic link on the way)
 */
export async function withTreeSource<T>(path: string, use: (fd: number) => Promise<T>): Promise<T> {
  // What goes wrong in `use` is not for this to judge.
  let isOpen = false;
  try {
    return await withPath(path, (fd) => {
      if (statusOf(fd).type !== 'directory') throw new KernelError('open', errno.ENOTDIR, path);
      return withDetachedClone(fd, ONLY_READING, 0, (cloneFd) => {
        isOpen = true;
        return use(cloneFd);
      });
    });
  } catch (error) {
    throw isOpen ? error : asOfSource(error);
  }
}
