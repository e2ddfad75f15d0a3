import { constants } from 'node:fs';
import { numberedCall } from './libc.ts';

/** openat2(2): the directory, the path, and how to open it. */
export const openat2 = numberedCall('openat2', 437, ['int', 'str', 'void *', 'size_t']);

/** The same with the path as bytes. */
export const openat2Bytes = numberedCall('openat2', 437, ['int', 'void *', 'void *', 'size_t']);

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;

/** Crosses no mount. */
export const RESOLVE_NO_XDEV = 0x01;
/** Waits for nothing: the kernel's cache must have all of the path. */
export const RESOLVE_CACHED = 0x20;

export const asHandle = O_PATH;
export const asDirectory = constants.O_RDONLY | constants.O_DIRECTORY;

/** The structure for opening a path without following symbolic links. */
export function openHow(flags: number, resolve: number): Buffer {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | constants.O_NOFOLLOW | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve), 16);
  return how;
}
