import { errno, isErrno, KernelError } from '../calls/errno.ts';
import { type IoctlRequest, ioctl, ioctlSync } from '../calls/ioctl.ts';
import { fileSystemOf } from '../calls/statfs.ts';
import { statusOf } from '../calls/statx.ts';

const BTRFS_IOC_SUBVOL_CREATE: IoctlRequest = { name: 'BTRFS_IOC_SUBVOL_CREATE', number: 0x5000940e };
const BTRFS_IOC_SNAP_DESTROY: IoctlRequest = { name: 'BTRFS_IOC_SNAP_DESTROY', number: 0x5000940f };
const BTRFS_IOC_INO_LOOKUP: IoctlRequest = { name: 'BTRFS_IOC_INO_LOOKUP', number: 0xd0009412 };
const BTRFS_IOC_WAIT_SYNC: IoctlRequest = { name: 'BTRFS_IOC_WAIT_SYNC', number: 0x40089416 };
const BTRFS_IOC_SNAP_CREATE_V2: IoctlRequest = { name: 'BTRFS_IOC_SNAP_CREATE_V2', number: 0x50009417 };
const BTRFS_IOC_START_SYNC: IoctlRequest = { name: 'BTRFS_IOC_START_SYNC', number: 0x80089418 };
const BTRFS_IOC_SUBVOL_GETFLAGS: IoctlRequest = { name: 'BTRFS_IOC_SUBVOL_GETFLAGS', number: 0x80089419 };
const BTRFS_IOC_SUBVOL_SETFLAGS: IoctlRequest = { name: 'BTRFS_IOC_SUBVOL_SETFLAGS', number: 0x4008941a };
const BTRFS_IOC_FS_INFO: IoctlRequest = { name: 'BTRFS_IOC_FS_INFO', number: 0x8400941f };

/** The magic number of btrfs in statfs(2). */
export const BTRFS_MAGIC = 0x9123683e;
/** The inode number of every subvolume's root, BTRFS_FIRST_FREE_OBJECTID. */
export const ROOT_INODE = 256n;
/** The flag of a read-only subvolume. */
const BTRFS_SUBVOL_RDONLY = 2n;

/** struct btrfs_ioctl_vol_args. */
const volumeArguments = { bytes: 4096, name: 8 } as const;
/** struct btrfs_ioctl_vol_args_v2. */
const snapshotArguments = { bytes: 4096, sourceFd: 0, flags: 16, name: 56 } as const;
/** struct btrfs_ioctl_ino_lookup_args. */
const inodeLookup = { bytes: 4096, treeId: 0, inode: 8 } as const;
/** struct btrfs_ioctl_fs_info_args. */
const fileSystemInfo = { bytes: 1024, uuid: 16 } as const;

/**
 * Makes an empty subvolume in a directory open for reading, like mkdir(2) with mode 0777.
 * @throws KernelError EEXIST, ENOTTY if the file system is not btrfs
 */
export async function createSubvolume(parentFd: number, name: string): Promise<void> {
  await ioctl(parentFd, BTRFS_IOC_SUBVOL_CREATE, namedArguments(Buffer.from(name)));
}

/**
 * Removes a subvolume with all its files in one step; its space is freed later, in the background.
 * @throws KernelError ENOENT, ENOTEMPTY if it contains other subvolumes, EBUSY if something is mounted on it,
 *   EINVAL if it is not a subvolume
 */
export async function deleteSubvolume(parentFd: number, name: string | Buffer): Promise<void> {
  await ioctl(parentFd, BTRFS_IOC_SNAP_DESTROY, namedArguments(Buffer.from(name)));
}

/**
 * Makes a snapshot of an open subvolume in a directory open for reading: a subvolume that holds everything written to the
 * source so far, synced or not, and shares its blocks. It is on disk when this resolves. Subvolumes nested in the source
 * are empty directories in it. It also gets the limit of the source's qgroup.
 * @throws KernelError EEXIST, EINVAL if the source is not the root of a subvolume, EXDEV if it is on another file system,
 *   ETXTBSY if it contains an active swap file
 */
export async function snapshotSubvolume(
  sourceFd: number,
  parentFd: number,
  name: string,
  { readOnly }: { readOnly: boolean },
): Promise<void> {
  const args = Buffer.alloc(snapshotArguments.bytes);
  args.writeBigInt64LE(BigInt(sourceFd), snapshotArguments.sourceFd);
  args.writeBigUInt64LE(readOnly ? BTRFS_SUBVOL_RDONLY : 0n, snapshotArguments.flags);
  writeName(args, snapshotArguments.name, Buffer.from(name));
  await ioctl(parentFd, BTRFS_IOC_SNAP_CREATE_V2, args);
}

function namedArguments(name: Buffer): Buffer {
  const args = Buffer.alloc(volumeArguments.bytes);
  writeName(args, volumeArguments.name, name);
  return args;
}

function writeName(args: Buffer, offset: number, name: Buffer): void {
  // The kernel reads the name up to the first zero byte, so a name with one would mean another subvolume.
  if (offset + name.length >= args.length || name.includes(0)) {
    throw new KernelError('subvolume', errno.ENAMETOOLONG, name.toString());
  }
  name.copy(args, offset);
}

/** Whether an open directory is the root of a subvolume. */
export async function isSubvolume(fd: number): Promise<boolean> {
  return statusOf(fd).inode === ROOT_INODE && (await fileSystemOf(fd)).magic === BTRFS_MAGIC;
}

/** The id of the subvolume that an open file or directory lies in. Ids are never reused. */
export function subvolumeId(fd: number): number {
  const args = Buffer.alloc(inodeLookup.bytes);
  args.writeBigUInt64LE(ROOT_INODE, inodeLookup.inode);
  ioctlSync(fd, BTRFS_IOC_INO_LOOKUP, args);
  return Number(args.readBigUInt64LE(inodeLookup.treeId));
}

/** Whether the subvolume that an open file or directory lies in is read-only. */
export function isReadOnlySubvolume(fd: number): boolean {
  return (flagsOf(fd) & BTRFS_SUBVOL_RDONLY) !== 0n;
}

/** Makes an open subvolume writable. */
export async function makeWritable(fd: number): Promise<void> {
  const bits = flagsOf(fd);
  if ((bits & BTRFS_SUBVOL_RDONLY) === 0n) return;
  const flags = Buffer.alloc(8);
  flags.writeBigUInt64LE(bits & ~BTRFS_SUBVOL_RDONLY);
  await ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, flags);
}

function flagsOf(fd: number): bigint {
  const flags = Buffer.alloc(8);
  ioctlSync(fd, BTRFS_IOC_SUBVOL_GETFLAGS, flags);
  return flags.readBigUInt64LE();
}

/**
 * Waits until all metadata changes so far are on disk, including qgroup limits, which fsync(2) does not cover. Unlike
 * syncfs(2) it does not first write back the data of all files.
 */
export async function commitTransaction(fd: number): Promise<void> {
  const transaction = Buffer.alloc(8);
  await ioctl(fd, BTRFS_IOC_START_SYNC, transaction);
  try {
    await ioctl(fd, BTRFS_IOC_WAIT_SYNC, transaction);
  } catch (error) {
    // The transaction is gone without being committed: a write has failed, and the file system accepts no more.
    if (isErrno(error, errno.EINVAL)) throw new KernelError('commit', errno.EIO, `descriptor ${fd}`);
    throw error;
  }
}

/** The UUID of an open file's file system, as in /sys/fs/btrfs. */
export function fileSystemUuid(fd: number): string {
  const info = Buffer.alloc(fileSystemInfo.bytes);
  ioctlSync(fd, BTRFS_IOC_FS_INFO, info);
  return uuidText(info.subarray(fileSystemInfo.uuid, fileSystemInfo.uuid + 16));
}

/** A UUID of 16 bytes as in /sys/fs/btrfs. */
export function uuidText(uuid: Buffer): string {
  return uuid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
