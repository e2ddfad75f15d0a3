import { closeSync, constants } from 'node:fs';
import { errno, isErrno } from './errno.ts';
import { call, callNow, numberedCall } from './libc.ts';

// Paths are bytes, so they are given as such.
const openat2 = numberedCall('openat2', 437, ['int', 'void *', 'void *', 'size_t']);

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_CACHED = 0x20;
const PATH_MAX = 4096;

/** How to open a handle: as what is in memory already tells, or else as a disk does. */
interface OpenHow {
  readonly cached: Buffer;
  readonly asked: Buffer;
}

const entry = openHow(O_PATH | O_CLOEXEC | constants.O_NOFOLLOW);
const directory = openHow(O_PATH | O_CLOEXEC | constants.O_NOFOLLOW | constants.O_DIRECTORY);

function openHow(flags: number): OpenHow {
  const asked = Buffer.alloc(24);
  asked.writeBigUInt64LE(BigInt(flags), 0);
  asked.writeBigUInt64LE(BigInt(RESOLVE_NO_SYMLINKS), 16);
  const cached = Buffer.from(asked);
  cached.writeBigUInt64LE(BigInt(RESOLVE_NO_SYMLINKS | RESOLVE_CACHED), 16);
  return { cached, asked };
}

/** The way from the top of a tree to a directory in it: the directory's name and the way to its parent. */
export interface Trail {
  readonly parent: Trail | undefined;
  readonly name: Buffer;
  /** How many directories there are on the way, with this one. */
  readonly levels: number;
}

/**
 * Opens an entry of an open directory as a handle (O_PATH): a symbolic link itself, and nothing waits or notices.
 * @returns undefined when it is gone
 */
export function openEntry(parentFd: number, name: Buffer): Promise<number | undefined> {
  return openHandle(parentFd, [name], entry);
}

/** The same for an entry that is a directory. One that is none any more counts as gone. */
export function openDirectory(parentFd: number, name: Buffer): Promise<number | undefined> {
  return openHandle(parentFd, [name], directory);
}

/**
 * Opens the directory at the end of a trail as a handle, however long the trail.
 * @returns undefined when the trail does not lead there any more
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
 * Lends what is being opened to `use` and closes it, whatever happens.
 * @returns whether it was there
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
    return callNow(openat2, 'an entry', fd, path, how.cached, how.cached.length);
  } catch (error) {
    if (isGone(error)) return undefined;
    if (!isErrno(error, errno.EAGAIN)) throw error;
  }
  try {
    return await call(openat2, 'an entry', fd, path, how.asked, how.asked.length);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

const SLASH = Buffer.from('/');

/** The names of a trail in paths, each relative to the one before and no longer than the kernel takes. */
function pathsOf(trail: Trail): Buffer[][] {
  const names: Buffer[] = [];
  for (let at: Trail | undefined = trail; at !== undefined; at = at.parent) names.push(at.name);
  const paths: Buffer[][] = [];
  let roomBytes = 0;
  for (const name of names.reverse()) {
    // With the slash or the zero after it.
    const bytes = name.length + SLASH.length;
    if (bytes > roomBytes) {
      paths.push([]);
      roomBytes = PATH_MAX;
    }
    paths.at(-1)?.push(name);
    roomBytes -= bytes;
  }
  return paths;
}

// ENOTDIR, ELOOP: something else has its name now.
function isGone(error: unknown): boolean {
  return isErrno(error, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE);
}
