import { constants } from 'node:fs';
import { withDescriptor, writeText } from '../calls/descriptor.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { type IoctlRequest, ioctl, ioctlSync } from '../calls/ioctl.ts';
import { fileSystemOf } from '../calls/statfs.ts';

/** XFS_IOC_FSGEOMETRY_V4, supported by every kernel since 2.6, and the flags in its structure. */
const XFS_IOC_FSGEOMETRY: IoctlRequest = { name: 'XFS_IOC_FSGEOMETRY', number: 0x8070587c };
const geometryOf = { bytes: 112, flags: 92 } as const;
const XFS_FSOP_GEOM_FLAGS_REFLINK = 1 << 20;

const BTRFS_MAGIC = 0x9123683e;
const XFS_MAGIC = 0x58465342;
const EXT4_MAGIC = 0xef53;
const TMPFS_MAGIC = 0x01021994;

const FICLONE: IoctlRequest = { name: 'FICLONE', number: 0x40049409 };

// An unnamed file, which disappears however the process ends.
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
const OWNER_ONLY = 0o600;

const cloneUnsupportedNumbers = [errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.ENOSYS];

/**
 * Whether files in a directory can be cloned, sharing their blocks. Tests it with a clone, because a file system of a
 * capable type may have been made without the feature.
 */
export async function canReflink(directory: string): Promise<boolean> {
  const flags = O_TMPFILE | constants.O_RDWR;
  try {
    await withDescriptor(
      directory,
      flags,
      async (source) => {
        await writeText(source, 'content');
        await withDescriptor(directory, flags, (target) => ioctl(target, FICLONE, source), OWNER_ONLY);
      },
      OWNER_ONLY,
    );
    return true;
  } catch (error) {
    // EISDIR: older kernels report missing O_TMPFILE support this way.
    if (isErrno(error, ...cloneUnsupportedNumbers, errno.EISDIR)) return false;
    throw error;
  }
}

/**
 * Like `canReflink`, but from what the file system reports and without writing, for one that cannot be written now.
 * @returns undefined if the file system does not report it
 */
export async function reportsReflink(directory: string): Promise<boolean | undefined> {
  return withDescriptor(directory, 'r', async (fd) => {
    const { magic } = await fileSystemOf(fd);
    switch (magic >>> 0) {
      case BTRFS_MAGIC:
        return true;
      case XFS_MAGIC: {
        const geometry = Buffer.alloc(geometryOf.bytes);
        await ioctl(fd, XFS_IOC_FSGEOMETRY, geometry);
        return (geometry.readUInt32LE(geometryOf.flags) & XFS_FSOP_GEOM_FLAGS_REFLINK) !== 0;
      }
      case EXT4_MAGIC:
      case TMPFS_MAGIC:
        return false;
      default:
        return undefined;
    }
  });
}

/**
 * Makes an open file share all blocks of another. Replaces the target's content; usually it is empty. Blocks its thread.
 * @returns false if these two files cannot share: an unsupported file system, two file systems, or an unsupported kind
 *   of file, such as a swap file
 * @throws KernelError ENOSPC, EDQUOT: shared blocks count against a quota in full
 */
export function cloneFile(sourceFd: number, targetFd: number): boolean {
  try {
    ioctlSync(targetFd, FICLONE, sourceFd);
    return true;
  } catch (error) {
    if (isErrno(error, ...cloneUnsupportedNumbers, errno.EXDEV, errno.ETXTBSY)) return false;
    throw error;
  }
}
