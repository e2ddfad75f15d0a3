import { constants } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { withDescriptor, writeText } from '../calls/descriptor.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { type IoctlRequest, ioctl } from '../calls/ioctl.ts';
import { fileSystemOf } from '../calls/statfs.ts';

/** XFS_IOC_FSGEOMETRY_V4, whose structure every kernel since 2.6 fills, and the flags in it. */
const XFS_IOC_FSGEOMETRY: IoctlRequest = { name: 'XFS_IOC_FSGEOMETRY', number: 0x8070587c };
const geometryOf = { bytes: 112, flags: 92 } as const;
const XFS_FSOP_GEOM_FLAGS_REFLINK = 1 << 20;

const BTRFS_MAGIC = 0x9123683e;
const XFS_MAGIC = 0x58465342;
const EXT4_MAGIC = 0xef53;
const TMPFS_MAGIC = 0x01021994;

const FICLONE: IoctlRequest = { name: 'FICLONE', number: 0x40049409 };

// An unnamed file, so that nothing is left behind however the process ends.
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
const OWNER_ONLY = 0o600;
const CLONE_TO_NEW = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE;

const cannotClone = [errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.ENOSYS];

/**
 * Whether files in a directory can be cloned, sharing their blocks. It is tried, because a file system of a kind
 * that can may have been made without.
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
    // EISDIR: an old way to say that there are no unnamed files.
    if (isErrno(error, ...cannotClone, errno.EISDIR)) return false;
    throw error;
  }
}

/**
 * The same, without writing: what the file system says of itself, for one that takes no writes now.
 * @returns undefined where it does not say
 */
export async function saysItReflinks(directory: string): Promise<boolean | undefined> {
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
 * Makes an open file share all the blocks of another. What the target holds is replaced; it is empty, usually.
 * @returns false where these two cannot: on other file systems, on two, or for a file of another kind, like one that
 *   is swapped to
 * @throws KernelError ENOSPC, EDQUOT: what is shared counts against a quota in full
 */
export function cloneFile(sourceFd: number, targetFd: number): Promise<boolean> {
  return unlessImpossible(ioctl(targetFd, FICLONE, sourceFd));
}

/**
 * The same for a new file, with the other's permissions. All of it is done in one step by another thread, which for
 * many small files takes much less time.
 * @throws a node:fs error: EEXIST, ENOSPC, EDQUOT
 */
export function cloneToNewFile(source: string, target: Buffer): Promise<boolean> {
  return unlessImpossible(copyFile(source, target, CLONE_TO_NEW));
}

async function unlessImpossible(cloning: Promise<unknown>): Promise<boolean> {
  try {
    await cloning;
    return true;
  } catch (error) {
    if (isErrno(error, ...cannotClone, errno.EXDEV, errno.ETXTBSY)) return false;
    throw error;
  }
}
