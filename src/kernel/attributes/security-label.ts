import { entryName, nameBytes, type Place } from '../calls/entry-name.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { callSync, libraryCall } from '../calls/libc.ts';
import { below } from '../calls/path-handle.ts';
import { getXattr, setXattr } from './xattr.ts';

const lsetxattr = libraryCall('lsetxattr', ['void *', 'void *', 'void *', 'size_t', 'int']);

const NAME = Buffer.from('security.selinux');

// All of these block their thread.

/** The SELinux label of an open file or directory; undefined if it has none, or its file system has no labels. */
export function securityLabel(fd: number): string | undefined {
  try {
    // The kernel and most programs end it with a zero.
    return getXattr(fd, NAME)?.toString('latin1').replace(/\0$/, '');
  } catch (error) {
    if (isErrno(error, errno.EOPNOTSUPP)) return undefined;
    throw error;
  }
}

/** Sets the SELinux label of an open file or directory. @throws KernelError EOPNOTSUPP: its file system has no labels */
export function setSecurityLabel(fd: number, label: string): void {
  setXattr(fd, NAME, labelBytes(label));
}

/** The same for an entry of a directory; of a symbolic link itself. */
export function setEntryLabel({ parentFd, name }: Place, label: string): void {
  const value = labelBytes(label);
  const path = entryName(below(parentFd, nameBytes(name)));
  callSync(lsetxattr, name, path, entryName(NAME), value, value.length, 0);
}

function labelBytes(label: string): Buffer {
  return Buffer.from(`${label}\0`, 'latin1');
}
