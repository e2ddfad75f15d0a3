import { constants } from 'node:fs';
import { call, callSync, libraryCall } from './libc.ts';

const statxCall = libraryCall('statx', ['int', 'str', 'int', 'uint', 'void *']);

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_MNT_ID = 0x1000;
const STATX_MNT_ID_UNIQUE = 0x4000;
const STATX_ATTR_MOUNT_ROOT = 0x2000n;

/** The fields of statx(2) that the driver uses. */
export interface FileStatus {
  readonly type: 'directory' | 'file' | 'symlink' | 'other';
  readonly inode: bigint;
  /** The device, `major:minor`. On btrfs it differs from the one in mountinfo. */
  readonly device: string;
  /** The device number of a device node, `major:minor`; undefined for other files. */
  readonly deviceNode: string | undefined;
  readonly sizeBytes: bigint;
  /** What it takes on disk. */
  readonly allocatedBytes: bigint;
  /** The id of the file's mount; the kernel reuses free ids. */
  readonly mountId: number;
  /** Whether the file is the root of that mount, that is, a mount point. */
  readonly isMountRoot: boolean;
}

const STRUCT_STATX_BYTES = 256;
/** The unit in which statx(2) counts what a file takes on disk. */
const BLOCK_BYTES = 512n;
const MASK = STATX_BASIC_STATS | STATX_MNT_ID;

// Answered from cache, even by network file systems: FUSE and NFS do not ask their server. 9p may, but has just answered the
// lookup that opened the file.
const AT_STATX_DONT_SYNC = 0x4000;

/** The status of an open file, read on this thread. */
export function statusOf(fd: number): FileStatus {
  const buffer = Buffer.alloc(STRUCT_STATX_BYTES);
  callSync(statxCall, `descriptor ${fd}`, fd, '', AT_EMPTY_PATH | AT_STATX_DONT_SYNC, MASK, buffer);
  return decode(buffer);
}

/**
 * The status of a path on this thread, or of a symbolic link itself. Only for paths that led to a local file system
 * before: the kernel's cache has the whole path as long as something there is open.
 */
export function statusAt(path: string): FileStatus {
  return statusAtSync(AT_FDCWD, path);
}

/** The same for an entry of an open directory that the driver keeps open as well. */
export function statusOfKept(fd: number, name: string): FileStatus {
  return statusAtSync(fd, name);
}

function statusAtSync(fd: number, path: string): FileStatus {
  const buffer = Buffer.alloc(STRUCT_STATX_BYTES);
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
  callSync(statxCall, path, fd, path, flags, MASK, buffer);
  return decode(buffer);
}

/** Whether two statuses are of the same file in the same mount. The kernel reuses mount ids, so the file must be the same too. */
export function isSameInMount(one: FileStatus, other: FileStatus): boolean {
  return one.mountId === other.mountId && one.device === other.device && one.inode === other.inode;
}

/** The id of an open file's mount, which the kernel never reuses; undefined before Linux 6.8. */
export function uniqueMountIdOf(fd: number): bigint | undefined {
  const buffer = Buffer.alloc(STRUCT_STATX_BYTES);
  callSync(statxCall, fd, fd, '', AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID_UNIQUE, buffer);
  const isGiven = (buffer.readUInt32LE(0) & STATX_MNT_ID_UNIQUE) !== 0;
  return isGiven ? buffer.readBigUInt64LE(144) : undefined;
}

/** The status of any open file, read on another thread. */
export async function statusOfAsync(fd: number): Promise<FileStatus> {
  const buffer = Buffer.alloc(STRUCT_STATX_BYTES);
  await call(statxCall, `descriptor ${fd}`, fd, '', AT_EMPTY_PATH | AT_STATX_DONT_SYNC, MASK, buffer);
  return decode(buffer);
}

/** The status of `name` in an open directory: of a symbolic link itself; of the mounted root if it is a mount point. */
export async function statusBelow(fd: number, name: string): Promise<FileStatus> {
  const buffer = Buffer.alloc(STRUCT_STATX_BYTES);
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
  await call(statxCall, name, fd, name, flags, MASK, buffer);
  return decode(buffer);
}

function decode(buffer: Buffer): FileStatus {
  const mode = buffer.readUInt16LE(28);
  return {
    type: typeOf(mode),
    deviceNode: isDeviceNode(mode) ? `${buffer.readUInt32LE(128)}:${buffer.readUInt32LE(132)}` : undefined,
    inode: buffer.readBigUInt64LE(32),
    device: `${buffer.readUInt32LE(136)}:${buffer.readUInt32LE(140)}`,
    sizeBytes: buffer.readBigUInt64LE(40),
    allocatedBytes: buffer.readBigUInt64LE(48) * BLOCK_BYTES,
    mountId: Number(buffer.readBigUInt64LE(144)),
    isMountRoot: (buffer.readBigUInt64LE(8) & STATX_ATTR_MOUNT_ROOT) !== 0n,
  };
}

function isDeviceNode(mode: number): boolean {
  const format = mode & constants.S_IFMT;
  return format === constants.S_IFBLK || format === constants.S_IFCHR;
}

function typeOf(mode: number): FileStatus['type'] {
  switch (mode & constants.S_IFMT) {
    case constants.S_IFDIR:
      return 'directory';
    case constants.S_IFREG:
      return 'file';
    case constants.S_IFLNK:
      return 'symlink';
    default:
      return 'other';
  }
}
