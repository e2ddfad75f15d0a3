import { FS_XFLAG_REALTIME, fsxattr, readAttributes } from '../attributes/file-attributes.ts';
import { fileSystemName, fileSystemOf } from '../calls/statfs.ts';
import { statusOf } from '../calls/statx.ts';
import { fileSystemUuid } from './btrfs.ts';

/**
 * What the addresses of an open file's extents are counted in: two addresses that are equal are one place on a disk only
 * where this is equal too. Undefined where addresses are not relied on: the file systems that share blocks between files
 * are known one by one, since others have several disks and do not tell the same address on two of them apart.
 */
export async function addressSpaceOf(fd: number): Promise<string | undefined> {
  switch (fileSystemName((await fileSystemOf(fd)).magic)) {
    case 'btrfs':
      // Its device number is another for each subvolume, while one space spans all its disks.
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
