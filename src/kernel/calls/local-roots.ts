import { closeSync } from 'node:fs';
import { KernelError } from './errno.ts';
import { tryCallSync } from './libc.ts';
import { asHandle, openat2, openHow, RESOLVE_CACHED, RESOLVE_NO_XDEV } from './open-how.ts';
import { type FileSystemStatus, localFileSystemOf } from './statfs.ts';
import { type FileStatus, isSameInMount, statusAt, statusOf, statusOfKept } from './statx.ts';

const cachedBelow = openHow(asHandle, RESOLVE_CACHED | RESOLVE_NO_XDEV);

/** A directory on a local file system, kept open: lookups that start there, and stay in its mount, wait for nothing. */
export class LocalRoot {
  readonly path: string;
  private readonly fd: number;
  private readonly opened: FileStatus;

  constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
    this.opened = statusOf(fd);
  }

  /** The status of what is at its path now. */
  status(): FileStatus {
    return statusAt(this.path);
  }

  /** The status of an entry that the driver keeps open as well. */
  statusBelow(name: string): FileStatus {
    return statusOfKept(this.fd, name);
  }

  /** The space of its file system, and the flags of its mount. */
  fileSystem(): FileSystemStatus {
    return localFileSystemOf(this.fd);
  }

  /** Whether its path still leads to it: the mount may have been moved, covered or unmounted. */
  isInPlace(): boolean {
    if (this.path === '/') return true;
    try {
      return isSameInMount(this.status(), this.opened);
    } catch (error) {
      if (error instanceof KernelError) return false;
      throw error;
    }
  }

  /** Whether a path is this directory or in it. */
  contains(path: string): boolean {
    return path === this.path || path.startsWith(this.path === '/' ? '/' : `${this.path}/`);
  }

  /**
   * Opens a path in it as a handle, from the kernel's cache.
   * @returns a descriptor; or a negative error number: EAGAIN if the cache does not have all of the path or it crosses a mount
   */
  open(path: string): number {
    const relative = path.slice(this.path === '/' ? 1 : this.path.length + 1) || '.';
    return tryCallSync(openat2, this.fd, relative, cachedBelow, cachedBelow.length);
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** The innermost first. */
const roots: LocalRoot[] = [];

export function addLocalRoot(root: LocalRoot): void {
  roots.push(root);
  roots.sort((one, other) => other.path.length - one.path.length);
}

export function removeLocalRoot(root: LocalRoot): void {
  const index = roots.indexOf(root);
  if (index === -1) return;
  roots.splice(index, 1);
  root.close();
}

/** The innermost root that contains a path, if it is in place. */
export function localRootOf(path: string): LocalRoot | undefined {
  const root = roots.find((each) => each.contains(path));
  return root?.isInPlace() ? root : undefined;
}
