import { call, callSync, libraryCall } from './libc.ts';

const fstatfs = libraryCall('fstatfs', ['int', 'void *']);

const STRUCT_STATFS_BYTES = 120;

/** The statfs(2) result for an open file's file system and mount. Sizes are bytes. */
export interface FileSystemStatus {
  /** The file system's magic number, for instance 0xef53 for ext4. */
  readonly magic: number;
  /** f_fsid as 16 hexadecimal digits. */
  readonly id: string;
  readonly totalBytes: bigint;
  readonly freeBytes: bigint;
  /** Bytes available to unprivileged writers. */
  readonly availableBytes: bigint;
  readonly totalInodes: bigint;
  readonly freeInodes: bigint;
  /** ST_* bits: the flags of this mount and of its file system. */
  readonly flags: number;
}

const nameByMagic: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs'],
  [0x794c7630, 'overlay'],
  [0x2fc12fc1, 'zfs'],
  [0x6969, 'nfs'],
]);

/** The name of a file system type, or its magic number if it is not listed here. */
export function fileSystemName(magic: number): string {
  return nameByMagic.get(magic >>> 0) ?? `0x${(magic >>> 0).toString(16)}`;
}

/** File systems without a server: what they have in memory they tell at once, even while their disk hangs. */
const localFileSystems: ReadonlySet<string> = new Set(['ext4', 'xfs', 'btrfs', 'tmpfs']);

export function isLocal({ magic }: FileSystemStatus): boolean {
  return localFileSystems.has(fileSystemName(magic));
}

/** The space of an open file's file system. May wait for the file system. */
export async function fileSystemOf(fd: number): Promise<FileSystemStatus> {
  const buffer = Buffer.alloc(STRUCT_STATFS_BYTES);
  await call(fstatfs, `descriptor ${fd}`, fd, buffer);
  return decode(buffer);
}

/**
 * The same on this thread, for a directory of a local file system. Not for one in a volume: the space of a directory with a
 * project quota is that of the quota, which the file system may have to read.
 */
export function localFileSystemOf(fd: number): FileSystemStatus {
  const buffer = Buffer.alloc(STRUCT_STATFS_BYTES);
  callSync(fstatfs, `descriptor ${fd}`, fd, buffer);
  return decode(buffer);
}

// The layout is the same on every 64-bit architecture.
function decode(buffer: Buffer): FileSystemStatus {
  const blockBytes = buffer.readBigInt64LE(72) || buffer.readBigInt64LE(8);
  return {
    magic: Number(buffer.readBigInt64LE(0)),
    id: buffer.readBigUInt64LE(56).toString(16).padStart(16, '0'),
    totalBytes: buffer.readBigUInt64LE(16) * blockBytes,
    freeBytes: buffer.readBigUInt64LE(24) * blockBytes,
    availableBytes: buffer.readBigUInt64LE(32) * blockBytes,
    totalInodes: buffer.readBigUInt64LE(40),
    freeInodes: buffer.readBigUInt64LE(48),
    flags: Number(buffer.readBigInt64LE(80)),
  };
}
