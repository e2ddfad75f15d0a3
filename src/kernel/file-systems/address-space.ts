import { FS_XFLAG_REALTIME, fsxattr, readAttributes } from '../attributes/file-attributes.ts';
import { fileSystemName, fileSystemOf } from '../calls/statfs.ts';
import { statusOf } from '../calls/statx.ts';
import { fileSystemUuid } from './btrfs.ts';

/**
 * The address space of an open file's extents: equal addresses are the same place on a disk only if the address spaces are
 * equal too. Undefined if addresses are not reliable: only file systems known to share blocks between files are listed,
 * since others may span several disks and use equal addresses on two of them.
 */
export async function addressSpaceOf(fd: number): Promise<string | undefined> {
  switch (fileSystemName((await fileSystemOf(fd)).magic)) {
    case 'btrfs':
      // Its device number differs between subvolumes, while one address space spans all its disks.
      return `btrfs ${fileSystemUuid(fd)}`;
    case 'xfs':
      return `xfs ${statusOf(fd).device} ${isRealtime(fd) ? 'realtime' : 'data'}`;
    default:
      return undefined;
  }
}

function isRealtime(fd: number): boolean {
  return (readAttributes(fd).readUInt32LE(fsxattr.flags) & FS_XFLAG_REALTIME) !== 0;
}
