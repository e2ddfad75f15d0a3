import { chmodSync } from 'node:fs';
import { setTimes } from '../attributes/file-times.ts';
import { getXattr, listXattrs, setXattr } from '../attributes/xattr.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { type InodeStatus, inodeStatus } from '../calls/inode-status.ts';
import { callSync, libraryCall } from '../calls/libc.ts';
import { below, realPathBelow } from '../calls/path-handle.ts';
import { fromSource, TreeObstacleError } from '../files/copy-source.ts';

const fchownat = libraryCall('fchownat', ['int', 'str', 'uint', 'uint', 'int']);

const AT_EMPTY_PATH = 0x1000;
const PERMISSIONS = 0o7777;

// Attributes that belong to programs. Others are about the file system itself, for instance how btrfs compresses a file
// or how SELinux labels it, and mean nothing to a file system without them.
const PORTABLE_XATTRS = /^(user\.|trusted\.|security\.capability$|system\.posix_acl_)/;

// XFS's own storage of access control lists, shown in addition to their usual names.
const DUPLICATE_XATTRS = /^trusted\.SGI_ACL_/;

/**
 * Copies the owner, extended attributes, mode and times of one open file or directory to another. Both may be handles
 * (O_PATH), also of symbolic links themselves. The target must not be written afterwards, nor entries made in it. Blocks
 * its thread.
 * @param status the source's status, taken now or before it was read
 * @throws KernelError; TreeObstacle: its extended attributes cannot be listed
 */
export function copyAttributes(sourceFd: number, targetFd: number, status: InodeStatus): void {
  // The owner first, because changing it clears capabilities and set-id bits.
  const { uid, gid } = status;
  const made = inodeStatus(targetFd);
  const hasOwner = made.uid === uid && made.gid === gid;
  if (!hasOwner) callSync(fchownat, targetFd, targetFd, '', uid, gid, AT_EMPTY_PATH);
  const hasXattrs = copyXattrs(sourceFd, targetFd);
  // After the access control list, which changes the mode.
  copyMode(targetFd, status, hasOwner && !hasXattrs ? made : inodeStatus(targetFd));
  // The times last, because all of the above changes them.
  setTimes(targetFd, status.times);
}

/** @returns whether there are any */
function copyXattrs(sourceFd: number, targetFd: number): boolean {
  const names = fromSource(() => sourceXattrs(sourceFd));
  for (const name of names) {
    if (DUPLICATE_XATTRS.test(name.toString('latin1'))) continue;
    const value = fromSource(() => getXattr(sourceFd, name));
    if (value === undefined) continue;
    try {
      setXattr(targetFd, name, value);
    } catch (error) {
      const isKept = PORTABLE_XATTRS.test(name.toString('latin1'));
      if (isKept || !isErrno(error, errno.EOPNOTSUPP)) throw error;
    }
  }
  return names.length > 0;
}

function sourceXattrs(sourceFd: number): Buffer[] {
  try {
    return listXattrs(sourceFd);
  } catch (error) {
    if (!isErrno(error, errno.E2BIG)) throw error;
    const path = JSON.stringify(realPathBelow(sourceFd));
    throw new TreeObstacleError(`${path} has more extended attributes than Linux can list; remove some`);
  }
}

function copyMode(targetFd: number, { mode, isSymlink }: InodeStatus, made: InodeStatus): void {
  // A symbolic link's mode is fixed and cannot be set.
  if (mode !== made.mode && !isSymlink) chmodSync(below(targetFd), mode & PERMISSIONS);
}
