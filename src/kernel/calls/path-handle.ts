import { closeSync, constants } from 'node:fs';
import { errno, isErrno } from './errno.ts';
import { call, callNow, numberedCall } from './libc.ts';

const openat2 = numberedCall('openat2', 437, ['int', 'str', 'void *', 'size_t']);
const openat2Bytes = numberedCall('openat2', 437, ['int', 'void *', 'void *', 'size_t']);

const AT_FDCWD = -100;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const RESOLVE_NO_XDEV = 0x01;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_CACHED = 0x20;

function openHow(flags: number, resolve: number): Buffer {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | constants.O_NOFOLLOW | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve), 16);
  return how;
}

const asHandle = openHow(O_PATH, 0);
const asHandleCached = openHow(O_PATH, RESOLVE_CACHED | RESOLVE_NO_XDEV);
const asHandleInMount = openHow(O_PATH, RESOLVE_NO_XDEV);
const directoryInMount = openHow(constants.O_RDONLY | constants.O_DIRECTORY, RESOLVE_NO_XDEV);

/**
 * Opens a path for use as a handle (O_PATH) with no symbolic link followed anywhere in it. A symbolic link as
 * the last component is opened itself; one further up fails with ELOOP.
 * @returns a file descriptor that the caller closes
 */
async function openPath(path: string): Promise<number> {
  try {
    return callNow(openat2, path, AT_FDCWD, path, asHandleCached, asHandleCached.length);
  } catch (error) {
    // The kernel does not have every component in memory, and would have to ask a disk that may hang; or there is a mount
    // on the way, and NFS and 9p ask their server for the root of one.
    if (!isErrno(error, errno.EAGAIN, errno.EXDEV)) throw error;
    return call(openat2, path, AT_FDCWD, path, asHandle, asHandle.length);
  }
}

/**
 * Opens a path as a handle, lends the file descriptor to `use`, and closes it, whatever happens.
 * @throws KernelError ENOENT, ENOTDIR, ELOOP (a symbolic link on the way), ENAMETOOLONG, …
 */
export async function withPath<T>(path: string, use: (fd: number) => T | Promise<T>): Promise<T> {
  const fd = await openPath(path);
  try {
    return await use(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Whether anything is mounted at `name` below an open directory, which is one component. What is mounted there is not
 * asked.
 */
export async function isMountPoint(fd: number, name: string): Promise<boolean> {
  try {
    closeSync(await call(openat2, name, fd, name, asHandleInMount, asHandleInMount.length));
    return false;
  } catch (error) {
    if (isErrno(error, errno.ENOENT)) return false;
    if (isErrno(error, errno.EXDEV)) return true;
    throw error;
  }
}

/**
 * Opens a directory below an open one for reading, and no symbolic link.
 * @param name one component, whatever bytes
 * @returns a file descriptor that the caller closes
 * @throws KernelError EXDEV: something is mounted there, which is not asked
 */
export function openDirectoryInMount(fd: number, name: Buffer): Promise<number> {
  const terminated = Buffer.concat([name, Buffer.alloc(1)]);
  return call(openat2Bytes, name.toString(), fd, terminated, directoryInMount, directoryInMount.length);
}

/**
 * The path under which node:fs reaches `name` below an open directory, whatever has happened to the
 * directory's own path since; what openat(2) and its like are in C. `name` is one component.
 */
export function below<Name extends string | Buffer>(fd: number, name: Name): Name;
/** The path under which node:fs reaches an open directory itself. */
export function below(fd: number): string;
export function below(fd: number, name?: string | Buffer): string | Buffer {
  const directory = `/proc/self/fd/${fd}`;
  if (name === undefined) return directory;
  return typeof name === 'string'
    ? `${directory}/${name}`
    : Buffer.concat([Buffer.from(`${directory}/`), name]);
}
