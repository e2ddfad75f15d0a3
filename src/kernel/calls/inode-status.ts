import { constants } from 'node:fs';
import { encodeDevice } from './device-number.ts';
import type { EntryName, Place } from './entry-name.ts';
import { errno, isErrno } from './errno.ts';
import { callSync, libraryCall, type Subject } from './libc.ts';

const statxCall = libraryCall('statx', ['int', 'void *', 'int', 'uint', 'void *']);

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const NO_NAME: EntryName = Buffer.alloc(1);
const STAT_BLOCK_BYTES = 512n;
// Of a time in struct statx too, on every 64-bit little-endian architecture.
const TIMESPEC_BYTES = 16;

/** struct statx. */
const statx = {
  bytes: 256,
  nlink: 16,
  uid: 20,
  gid: 24,
  mode: 28,
  inode: 32,
  size: 40,
  blocks: 48,
  atime: 64,
  mtime: 112,
  nodeMajor: 128,
  nodeMinor: 132,
  deviceMajor: 136,
  deviceMinor: 140,
} as const;

/** What stat(2) reports, decoded where it is read: `fs.Stats` with exact numbers costs more than the call. */
export class InodeStatus {
  private readonly buffer: Buffer;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  /** The file type and permissions. */
  get mode(): number {
    return this.buffer.readUInt16LE(statx.mode);
  }

  get isFile(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFREG;
  }

  get isDirectory(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFDIR;
  }

  get isSymlink(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFLNK;
  }

  get uid(): number {
    return this.buffer.readUInt32LE(statx.uid);
  }

  get gid(): number {
    return this.buffer.readUInt32LE(statx.gid);
  }

  get names(): number {
    return this.buffer.readUInt32LE(statx.nlink);
  }

  get sizeBytes(): bigint {
    return this.buffer.readBigUInt64LE(statx.size);
  }

  /** The space that it takes on disk. */
  get allocatedBytes(): bigint {
    return this.buffer.readBigUInt64LE(statx.blocks) * STAT_BLOCK_BYTES;
  }

  /** When it was last read and last modified, as utimensat(2) takes it: two of struct timespec. */
  get times(): Buffer {
    const times = Buffer.allocUnsafe(2 * TIMESPEC_BYTES);
    this.buffer.copy(times, 0, statx.atime, statx.atime + TIMESPEC_BYTES);
    this.buffer.copy(times, TIMESPEC_BYTES, statx.mtime, statx.mtime + TIMESPEC_BYTES);
    return times;
  }

  /** Identifies it among all files of the node. */
  get key(): string {
    const device = `${this.buffer.readUInt32LE(statx.deviceMajor)}-${this.buffer.readUInt32LE(statx.deviceMinor)}`;
    return `${device}-${this.buffer.readBigUInt64LE(statx.inode)}`;
  }

  /** The number of a device node, as mknod(2) takes it. */
  get nodeNumber(): bigint {
    const major = this.buffer.readUInt32LE(statx.nodeMajor);
    const minor = this.buffer.readUInt32LE(statx.nodeMinor);
    return encodeDevice(major, minor);
  }
}

/** The status of an open file, which may be a handle (O_PATH). Blocks its thread. */
export function inodeStatus(fd: number): InodeStatus {
  return read(fd, NO_NAME, AT_EMPTY_PATH, fd);
}

/** The status of an entry of an open directory, of a symbolic link itself; undefined if it is gone. Blocks its thread. */
export function inodeStatusBelow({ parentFd, name }: Place): InodeStatus | undefined {
  try {
    return read(parentFd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, name);
  } catch (error) {
    if (isErrno(error, errno.ENOENT)) return undefined;
    throw error;
  }
}

function read(fd: number, name: EntryName, flags: number, subject: Subject): InodeStatus {
  const buffer = Buffer.allocUnsafe(statx.bytes);
  callSync(statxCall, subject, fd, name, flags, STATX_BASIC_STATS, buffer);
  return new InodeStatus(buffer);
}
