import { constants } from 'node:fs';
import type { EntryName, Place } from './entry-name.ts';
import { errno, isErrno } from './errno.ts';
import { callSync, libraryCall, numberedCall } from './libc.ts';

const openat = libraryCall('openat', ['int', 'void *', 'int', 'uint']);
const mkdirat = libraryCall('mkdirat', ['int', 'void *', 'uint']);
const symlinkat = libraryCall('symlinkat', ['void *', 'int', 'void *']);
const linkat = libraryCall('linkat', ['int', 'void *', 'int', 'void *', 'int']);
const renameat = libraryCall('renameat', ['int', 'void *', 'int', 'void *']);
// By number, because older C libraries use another name.
const mknodat = numberedCall('mknodat', process.arch === 'arm64' ? 33 : 259, [
  'int',
  'void *',
  'uint',
  'uint',
]);

const O_CLOEXEC = 0o2000000;
const MAKE_FILE =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | O_CLOEXEC;

// Each of these makes an entry, unless there is one of this name already: a changing directory may list a name twice. They
// block their thread.

/** @returns a file descriptor for writing, that the caller closes; undefined if there was an entry */
export function makeFileAt({ parentFd, name }: Place, mode: number): number | undefined {
  return unlessExists(() => callSync(openat, name, parentFd, name, MAKE_FILE, mode));
}

/** @returns false if there was an entry */
export function makeDirectoryAt({ parentFd, name }: Place, mode: number): boolean {
  return unlessExists(() => callSync(mkdirat, name, parentFd, name, mode)) !== undefined;
}

/** @returns false if there was an entry */
export function makeSymlinkAt({ parentFd, name }: Place, text: EntryName): boolean {
  return unlessExists(() => callSync(symlinkat, name, text, parentFd, name)) !== undefined;
}

/**
 * Makes a fifo, a socket or a device node.
 * @param mode the file type and permissions, as in stat(2)
 * @returns false if there was an entry
 */
export function makeNodeAt({ parentFd, name }: Place, mode: number, device: bigint): boolean {
  return unlessExists(() => callSync(mknodat, name, parentFd, name, mode, Number(device))) !== undefined;
}

/** @returns false if there was an entry */
export function linkAt(from: Place, to: Place): boolean {
  const link = () => callSync(linkat, to.name, from.parentFd, from.name, to.parentFd, to.name, 0);
  return unlessExists(link) !== undefined;
}

/** Moves an entry, in place of another if there is one. Blocks its thread. */
export function renameAt(from: Place, to: Place): void {
  callSync(renameat, to.name, from.parentFd, from.name, to.parentFd, to.name);
}

function unlessExists(make: () => number): number | undefined {
  try {
    return make();
  } catch (error) {
    if (isErrno(error, errno.EEXIST)) return undefined;
    throw error;
  }
}
