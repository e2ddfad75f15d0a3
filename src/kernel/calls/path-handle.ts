import { closeSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errno, isErrno, KernelError } from './errno.ts';
import { call, callSync, tryCallSync } from './libc.ts';
import { openLocalMount } from './local-mounts.ts';
import { type LocalRoot, localRootOf } from './local-roots.ts';
import {
  asDirectory,
  asHandle,
  openat2,
  openat2Bytes,
  openHow,
  RESOLVE_CACHED,
  RESOLVE_NO_XDEV,
} from './open-how.ts';

const AT_FDCWD = -100;

const handle = openHow(asHandle, 0);
const handleInMount = openHow(asHandle, RESOLVE_NO_XDEV);
const handleCached = openHow(asHandle, RESOLVE_CACHED | RESOLVE_NO_XDEV);
const directoryInMount = openHow(asDirectory, RESOLVE_NO_XDEV);

/** A path that was opened as a handle (O_PATH). */
interface OpenPath {
  readonly fd: number;
  /** Whether it lies in the mount of a local root, whose file system tells what it has in memory at once. */
  readonly isLocal: boolean;
}

/**
 * Opens a path as a handle (O_PATH) without following symbolic links. A symbolic link as the last component is opened
 * itself; one earlier in the path fails with ELOOP.
 */
async function openPath(path: string): Promise<OpenPath> {
  const mounted = openLocalMount(path);
  if (mounted !== undefined) return { fd: mounted, isLocal: false };
  const root = localRootOf(path);
  const fd = root ? root.open(path) : tryCallSync(openat2, AT_FDCWD, path, handleCached, handleCached.length);
  if (fd >= 0) return { fd, isLocal: root !== undefined };
  if (!mustWait(-fd)) throw new KernelError('openat2', -fd, path);
  return { fd: await openAnywhere(path), isLocal: false };
}

/**
 * Whether some component is not in the kernel's cache, and a lookup would ask a disk that may hang; or the path crosses a mount,
 * whose root NFS and 9p ask their server for.
 */
function mustWait(errorNumber: number): boolean {
  return errorNumber === errno.EAGAIN || errorNumber === errno.EXDEV;
}

/**
 * Does something at a path at once, if it lies on a local file system and in the kernel's cache. `use` must not wait for a disk.
 * @param use gets the root whose mount the path is in; undefined for the path of a mount
 * @returns undefined if it does not
 * @throws as `withPath`
 */
export function withLocalPath<T>(path: string, use: (fd: number, root?: LocalRoot) => T): T | undefined {
  const mounted = openLocalMount(path);
  const root = mounted === undefined ? localRootOf(path) : undefined;
  const fd = mounted ?? root?.open(path) ?? -errno.EAGAIN;
  if (fd < 0) {
    if (mustWait(-fd)) return undefined;
    throw new KernelError('openat2', -fd, path);
  }
  try {
    return use(fd, root);
  } finally {
    closeSync(fd);
  }
}

function openAnywhere(path: string): Promise<number> {
  return call(openat2, path, AT_FDCWD, path, handle, handle.length);
}

/** Opens a path as `withPath` does. @returns a descriptor that the caller closes */
export async function openHandle(path: string): Promise<number> {
  return (await openPath(path)).fd;
}

/**
 * Opens a path as a handle, passes the file descriptor to `use` and always closes it.
 * @throws KernelError ENOENT, ENOTDIR, ELOOP (a symbolic link in the path), ENAMETOOLONG, …
 */
export async function withPath<T>(
  path: string,
  use: (fd: number, isLocal: boolean) => T | Promise<T>,
): Promise<T> {
  const { fd, isLocal } = await openPath(path);
  try {
    return await use(fd, isLocal);
  } finally {
    closeSync(fd);
  }
}

/** Whether `name`, a single component in an open directory, is a mount point. Does not query the mounted file system. */
export async function isMountPoint(fd: number, name: string): Promise<boolean> {
  try {
    closeSync(await openInMount(fd, name));
    return false;
  } catch (error) {
    if (isErrno(error, errno.ENOENT)) return false;
    if (isErrno(error, errno.EXDEV)) return true;
    throw error;
  }
}

async function openInMount(fd: number, name: string): Promise<number> {
  const inner = tryCallSync(openat2, fd, name, handleCached, handleCached.length);
  if (inner >= 0) return inner;
  if (!mustWait(-inner)) throw new KernelError('openat2', -inner, name);
  return call(openat2, name, fd, name, handleInMount, handleInMount.length);
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

/**
 * The path of an open file, or of an entry of an open directory, for messages: only its end if the kernel shows no path of
 * that length.
 */
export function realPathBelow(fd: number, name = ''): string {
  try {
    return join(readlinkSync(below(fd)), name);
  } catch (error) {
    if (isErrno(error, errno.ENAMETOOLONG)) return `…/${name}`;
    throw error;
  }
}
