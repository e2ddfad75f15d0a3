import { tryCallSync } from './libc.ts';
import { asHandle, openat2, openHow, RESOLVE_CACHED } from './open-how.ts';

const AT_FDCWD = -100;

const cachedAcrossMounts = openHow(asHandle, RESOLVE_CACHED);

/** The paths of mounts that this process made of directories on local file systems, whose roots wait for nothing. */
const paths = new Set<string>();

/** Makes lookups of a mount point itself wait for nothing. Only for mounts of local file systems. */
export function addLocalMount(path: string): void {
  paths.add(path);
}

export function removeLocalMount(path: string): void {
  paths.delete(path);
}

export function isLocalMount(path: string): boolean {
  return paths.has(path);
}

/**
 * Opens the mount point at a path as a handle, from the kernel's cache.
 * @returns undefined if it is not known to be local, or the cache does not have all of the path
 */
export function openLocalMount(path: string): number | undefined {
  if (!paths.has(path)) return undefined;
  const fd = tryCallSync(openat2, AT_FDCWD, path, cachedAcrossMounts, cachedAcrossMounts.length);
  if (fd >= 0) return fd;
  // Others may remove what they did not mount.
  paths.delete(path);
  return undefined;
}
