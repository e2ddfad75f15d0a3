import type { BigIntStats } from 'node:fs';
import { constants, fstatSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { setTimes } from '../attributes/file-times.ts';
import { getXattr, listXattrs, setXattr } from '../attributes/xattr.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { call, libraryCall } from '../calls/libc.ts';
import { below } from '../calls/path-handle.ts';
import { fromSource } from '../files/copy-source.ts';

const fchownat = libraryCall('fchownat', ['int', 'str', 'uint', 'uint', 'int']);

const AT_EMPTY_PATH = 0x1000;
const PERMISSIONS = 0o7777n;

// Attributes that belong to programs. Others are about the file system itself, for instance how btrfs compresses a file
// or how SELinux labels it, and mean nothing to a file system without them.
const PORTABLE_XATTRS = /^(user\.|trusted\.|security\.capability$|system\.posix_acl_)/;

// XFS's own storage of access control lists, shown in addition to their usual names.
const DUPLICATE_XATTRS = /^trusted\.SGI_ACL_/;

/**
 * Copies the owner, extended attributes, mode and times of one open file or directory to another. Both may be handles
 * (O_PATH), also of symbolic links themselves. The target must not be written afterwards, nor entries made in it.
 * @param status the source's status, taken now or before it was read
 */
export async function copyAttributes(sourceFd: number, targetFd: number, status: BigIntStats): Promise<void> {
  // The owner first, because changing it clears capabilities and set-id bits.
  const made = fstatSync(targetFd, { bigint: true });
  if (made.uid !== status.uid || made.gid !== status.gid) {
    const owner = [Number(status.uid), Number(status.gid)] as const;
    await call(fchownat, `descriptor ${targetFd}`, targetFd, '', ...owner, AT_EMPTY_PATH);
  }
  await copyXattrs(sourceFd, targetFd);
  await copyMode(targetFd, status);
  // The times last, because all of the above changes them.
  await setTimes(targetFd, status);
}

async function copyXattrs(sourceFd: number, targetFd: number): Promise<void> {
  for (const name of await fromSource(() => listXattrs(sourceFd))) {
    if (DUPLICATE_XATTRS.test(name.toString('latin1'))) continue;
    const value = await fromSource(() => getXattr(sourceFd, name));
    if (value === undefined) continue;
    try {
      await setXattr(targetFd, name, value);
    } catch (error) {
      const isKept = PORTABLE_XATTRS.test(name.toString('latin1'));
      if (isKept || !isErrno(error, errno.EOPNOTSUPP)) throw error;
    }
  }
}

/** Sets the mode after the access control list, which changes it. */
async function copyMode(targetFd: number, { mode }: BigIntStats): Promise<void> {
  const changed = fstatSync(targetFd, { bigint: true });
  // A symbolic link's mode is fixed and cannot be set.
  if (Number(mode) === Number(changed.mode) || isSymlink(mode)) return;
  await chmod(below(targetFd), Number(mode & PERMISSIONS));
}

function isSymlink(mode: bigint): boolean {
  return (Number(mode) & constants.S_IFMT) === constants.S_IFLNK;
}
