import { closeSync, constants } from 'node:fs';
import { errno, isErrno } from './errno.ts';
import { call, callSync, numberedCall } from './libc.ts';

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
 * Opens a path as a handle (O_PATH) without following symbolic links. A symbolic link as the last component is opened
 * itself; one earlier in the path fails with ELOOP.
 * @returns a file descriptor that the caller closes
 */
async function openPath(path: string): Promise<number> {
  try {
    return callSync(openat2, path, AT_FDCWD, path, asHandleCached, asHandleCached.length);
  } catch (error) {
    // Some component is not in the kernel's cache, and a lookup would ask a disk that may hang; or the path crosses a
    // mount, whose root NFS and 9p ask their server for.
    if (!isErrno(error, errno.EAGAIN, errno.EXDEV)) throw error;
    return call(openat2, path, AT_FDCWD, path, asHandle, asHandle.length);
  }
}

/**
 * Opens a path as a handle, passes the file descriptor to `use` and always closes it.
 * @throws KernelError ENOENT, ENOTDIR, ELOOP (a symbolic link in the path), ENAMETOOLONG, …
 */
export async function withPath<T>(path: string, use: (fd: number) => T | Promise<T>): Promise<T> {
  const fd = await openPath(path);
  try {
    return await use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Whether `name`, a single component in an open directory, is a mount point. Does not query the mounted file system. */
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
 * Opens a directory in an open directory for reading, on this thread; refuses symbolic links.
 * @param name one component, of any bytes
 * @returns a file descriptor that the caller closes
 * @throws KernelError EXDEV: it is a mount point; the mounted file system is not queried
 */
export function openDirectoryInMount(fd: number, name: Buffer): number {
  const terminated = Buffer.concat([name, Buffer.alloc(1)]);
  return callSync(openat2Bytes, name.toString(), fd, terminated, directoryInMount, directoryInMount.length);
}

/**
 * The path by which node:fs reaches `name` in an open directory even after the directory's own path has changed, like
 * openat(2) in C. `name` is one component.
 */
export function below<Name extends string | Buffer>(fd: number, name: Name): Name;
/** The path by which node:fs reaches an open directory itself. */
export function below(fd: number): string;
export function below(fd: number, name?: string | Buffer): string | Buffer {
  const directory = `/proc/self/fd/${fd}`;
  if (name === undefined) return directory;
  return typeof name === 'string'
    ? `${directory}/${name}`
    : Buffer.concat([Buffer.from(`${directory}/`), name]);
}
