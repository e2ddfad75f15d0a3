import { closeSync, constants } from 'node:fs';
import type { EntryName, Place } from './entry-name.ts';
import { errno, isErrno } from './errno.ts';
import { inodeStatusBelow } from './inode-status.ts';
import { callSync } from './libc.ts';
import { asDirectory, asHandle, openat2Bytes, openHow } from './open-how.ts';

const PATH_MAX = 4096;
const SLASH = 0x2f;

const handle = openHow(asHandle, 0);
const file = openHow(constants.O_RDONLY | constants.O_NONBLOCK, 0);
const directory = openHow(asDirectory, 0);

/** The path from the top of a tree to a directory in it: the directory's name and its parent's trail. */
export interface Trail {
  readonly parent: Trail | undefined;
  readonly name: EntryName;
  /** The number of directories in the trail, including this one. */
  readonly levels: number;
}

/**
 * Opens an entry of an open directory as a handle (O_PATH), a symbolic link as itself. Opening it is not noticed by
 * other processes. Blocks its thread, as do the others.
 * @returns undefined when the entry is gone
 */
export function openEntry(parentFd: number, name: EntryName): number | undefined {
  return open(parentFd, name, handle);
}

/**
 * Opens a file in an open directory for reading, without blocking. Whatever else has taken its name may be opened too,
 * but is not followed.
 * @returns undefined when it is gone, or replaced by a socket or a device that cannot be opened
 * @throws KernelError EAGAIN: a process holds a lease on the file
 */
export function openFile(place: Place): number | undefined {
  try {
    return open(place.parentFd, place.name, file);
  } catch (error) {
    if (inodeStatusBelow(place)?.isFile) throw error;
    return undefined;
  }
}

/** Opens a directory in an open directory for reading. An entry that is no longer a directory counts as gone. */
export function openDirectory(parentFd: number, name: EntryName): number | undefined {
  return open(parentFd, name, directory);
}

/**
 * Opens the directory at the end of a trail for reading, however long the trail is.
 * @returns undefined when the trail no longer leads to a directory
 */
export function openTrail(topFd: number, trail: Trail): number | undefined {
  let fd: number | undefined = topFd;
  for (const path of pathsOf(trail)) {
    const parentFd: number = fd;
    try {
      fd = openDirectory(parentFd, path);
    } finally {
      if (parentFd !== topFd) closeSync(parentFd);
    }
    if (fd === undefined) return undefined;
  }
  return fd;
}

/** Passes an open file to `use`, unless it was gone, and always closes it. @returns undefined if it was gone */
export function withOpen<T>(fd: number | undefined, use: (fd: number) => T): T | undefined {
  if (fd === undefined) return undefined;
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function open(fd: number, path: Buffer, how: Buffer): number | undefined {
  try {
    return callSync(openat2Bytes, path, fd, path, how, how.length);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Splits a trail into paths, each relative to the one before and within the kernel's length limit. */
function pathsOf(trail: Trail): Buffer[] {
  const names: EntryName[] = [];
  for (let at: Trail | undefined = trail; at !== undefined; at = at.parent) names.push(at.name);
  const paths: Buffer[] = [];
  for (const name of names.reverse()) {
    const before = paths.at(-1);
    if (before === undefined || before.length + name.length > PATH_MAX) {
      paths.push(name);
    } else {
      const path = Buffer.concat([before, name]);
      path[before.length - 1] = SLASH;
      paths[paths.length - 1] = path;
    }
  }
  return paths;
}

// ENOTDIR, ELOOP: the name now belongs to something else.
function isGone(error: unknown): boolean {
  return isErrno(error, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE);
}
