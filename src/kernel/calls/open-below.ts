import { closeSync, constants } from 'node:fs';
import { errno, isErrno } from './errno.ts';
import { call, callSync, numberedCall } from './libc.ts';

// Paths are bytes, not strings.
const openat2 = numberedCall('openat2', 437, ['int', 'void *', 'void *', 'size_t']);

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_CACHED = 0x20;
const PATH_MAX = 4096;

/** How to open a handle: from the kernel's cache only, or by asking the disk. */
interface OpenHow {
  readonly cached: Buffer;
  readonly uncached: Buffer;
}

const entry = openHow(O_PATH | O_CLOEXEC | constants.O_NOFOLLOW);
const directory = openHow(O_PATH | O_CLOEXEC | constants.O_NOFOLLOW | constants.O_DIRECTORY);

function openHow(flags: number): OpenHow {
  const uncached = Buffer.alloc(24);
  uncached.writeBigUInt64LE(BigInt(flags), 0);
  uncached.writeBigUInt64LE(BigInt(RESOLVE_NO_SYMLINKS), 16);
  const cached = Buffer.from(uncached);
  cached.writeBigUInt64LE(BigInt(RESOLVE_NO_SYMLINKS | RESOLVE_CACHED), 16);
  return { cached, uncached };
}

/** The path from the top of a tree to a directory in it: the directory's name and its parent's trail. */
export interface Trail {
  readonly parent: Trail | undefined;
  readonly name: Buffer;
  /** The number of directories in the trail, including this one. */
  readonly levels: number;
}

/**
 * Opens an entry of an open directory as a handle (O_PATH), a symbolic link as itself. Opening neither blocks nor is
 * noticed by other processes.
 * @returns undefined when the entry is gone
 */
export function openEntry(parentFd: number, name: Buffer): Promise<number | undefined> {
  return openHandle(parentFd, [name], entry);
}

/** Opens a directory in an open directory as a handle. An entry that is no longer a directory counts as gone. */
export function openDirectory(parentFd: number, name: Buffer): Promise<number | undefined> {
  return openHandle(parentFd, [name], directory);
}

/**
 * Opens the directory at the end of a trail as a handle, however long the trail is.
 * @returns undefined when the trail no longer leads to a directory
 */
export async function openTrail(topFd: number, trail: Trail): Promise<number | undefined> {
  const opened: number[] = [];
  try {
    for (const names of pathsOf(trail)) {
      const fd = await openHandle(opened.at(-1) ?? topFd, names, directory);
      if (fd === undefined) return undefined;
      opened.push(fd);
    }
    return opened.pop();
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/**
 * Passes the handle being opened to `use` and always closes it.
 * @returns whether the entry was there
 */
export async function withHandle(
  opening: Promise<number | undefined>,
  use: (fd: number) => Promise<void>,
): Promise<boolean> {
  const fd = await opening;
  if (fd === undefined) return false;
  try {
    await use(fd);
  } finally {
    closeSync(fd);
  }
  return true;
}

async function openHandle(fd: number, names: Buffer[], how: OpenHow): Promise<number | undefined> {
  const path = Buffer.concat(names.flatMap((name) => [name, SLASH]));
  path[path.length - 1] = 0;
  try {
    return callSync(openat2, 'an entry', fd, path, how.cached, how.cached.length);
  } catch (error) {
    if (isGone(error)) return undefined;
    if (!isErrno(error, errno.EAGAIN)) throw error;
  }
  try {
    return await call(openat2, 'an entry', fd, path, how.uncached, how.uncached.length);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

const SLASH = Buffer.from('/');

/** Splits a trail into paths, each relative to the one before and within the kernel's length limit. */
function pathsOf(trail: Trail): Buffer[][] {
  const names: Buffer[] = [];
  for (let at: Trail | undefined = trail; at !== undefined; at = at.parent) names.push(at.name);
  const paths: Buffer[][] = [];
  let remainingBytes = 0;
  for (const name of names.reverse()) {
    // Plus the following slash or terminating zero.
    const bytes = name.length + SLASH.length;
    if (bytes > remainingBytes) {
      paths.push([]);
      remainingBytes = PATH_MAX;
    }
    paths.at(-1)?.push(name);
    remainingBytes -= bytes;
  }
  return paths;
}

// ENOTDIR, ELOOP: the name now belongs to something else.
function isGone(error: unknown): boolean {
  return isErrno(error, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE);
}
