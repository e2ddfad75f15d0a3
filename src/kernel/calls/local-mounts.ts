import { closeSync } from 'node:fs';
import { tryCallSync } from './libc.ts';
import { asHandle, openat2, openHow, RESOLVE_CACHED } from './open-how.ts';
import { statusOf } from './statx.ts';

const AT_FDCWD = -100;

const cachedAcrossMounts = openHow(asHandle, RESOLVE_CACHED);

/** The ids of mounts that this process made of directories on local file systems, by their paths. */
const mountIds = new Map<string, number>();

/** Makes lookups of a mount point itself wait for nothing. Only for mounts of local file systems. */
export function addLocalMount(path: string, mountId: number): void {
  mountIds.set(path, mountId);
}

export function removeLocalMount(path: string): void {
  mountIds.delete(path);
}

export function isLocalMount(path: string): boolean {
  return mountIds.has(path);
}

/**
 * Opens the mount point at a path as a handle, from the kernel's cache.
 * @returns undefined if it is not known to be local, the cache does not have all of the path, or another mount covers it
 */
export function openLocalMount(path: string): number | undefined {
  const mountId = mountIds.get(path);
  if (mountId === undefined) return undefined;
  const fd = tryCallSync(openat2, AT_FDCWD, path, cachedAcrossMounts, cachedAcrossMounts.length);
  if (fd >= 0) {
    if (isMount(fd, mountId)) return fd;
    closeSync(fd);
  }
  // Others may unmount it, and mount there.
  mountIds.delete(path);
  return undefined;
}

function isMount(fd: number, mountId: number): boolean {
  try {
    return statusOf(fd).mountId === mountId;
  } catch {
    // Its file system fails, which those find out who ask it on another thread.
    return false;
  }
}
