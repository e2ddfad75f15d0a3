import { getXattr, setXattr } from '../attributes/xattr.ts';
import { ioctlSync } from '../calls/ioctl.ts';

const FS_IOC_GETFLAGS = { name: 'FS_IOC_GETFLAGS', number: 0x80086601 };
const FS_IOC_SETFLAGS = { name: 'FS_IOC_SETFLAGS', number: 0x40086602 };
const FS_NOCOW_FL = 0x0080_0000;
const FLAGS_BYTES = 8;

const COMPRESSION = Buffer.from('btrfs.compression');

// Both are inherited by what is made in the directory, exclude each other, and block their thread.

/** Has btrfs compress what is written in an open directory: `zstd`, `lzo` or `zlib`. */
export function setCompression(fd: number, algorithm: string): void {
  changeFlags(fd, (flags) => flags & ~FS_NOCOW_FL);
  setXattr(fd, COMPRESSION, Buffer.from(algorithm));
}

/** Has btrfs overwrite data of files in an open directory in place, without checksums. */
export function setNoDataCow(fd: number): void {
  if (getXattr(fd, COMPRESSION) !== undefined) setXattr(fd, COMPRESSION, Buffer.alloc(0));
  changeFlags(fd, (flags) => flags | FS_NOCOW_FL);
}

function changeFlags(fd: number, change: (flags: number) => number): void {
  const flags = Buffer.alloc(FLAGS_BYTES);
  ioctlSync(fd, FS_IOC_GETFLAGS, flags);
  const before = flags.readUInt32LE();
  const after = change(before) >>> 0;
  if (after === before) return;
  flags.writeUInt32LE(after);
  ioctlSync(fd, FS_IOC_SETFLAGS, flags);
}
