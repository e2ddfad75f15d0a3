import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errno, errnoName, errnoOf, isErrno } from '../kernel/calls/errno.ts';
import { isMountPoint, withPath } from '../kernel/calls/path-handle.ts';
import { fileSystemOf } from '../kernel/calls/statfs.ts';
import { askStatus } from '../kernel/calls/statx.ts';
import { readMountinfo } from '../kernel/mounts/mountinfo.ts';
import { Looks } from '../kernel/process/looks.ts';
import type { PathState, UnreadableState } from '../model/ports/mounts-port.ts';
import { fromStatfsFlags } from './mount-flag-bits.ts';
import { pathError } from './path-error.ts';

const LONGEST_WAIT_MS = 1000;

/** Errors of the path leading to a mount, and of this process, which say nothing about the mount itself. */
const otherErrors = [
  ...[errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG],
  ...[errno.EMFILE, errno.ENFILE, errno.ENOMEM],
];

const localFileSystems: ReadonlySet<string> = new Set([
  'ext2',
  'ext3',
  'ext4',
  'xfs',
  'btrfs',
  'tmpfs',
  'devtmpfs',
]);

/**
 * Looks at paths where anything may be mounted: each look runs on another thread, and the caller gets an answer even if
 * the file system gives none. A look holds the mount open, and the kernel cannot unmount it during that time.
 */
export class PathLooks {
  private readonly looks = new Looks();
  /** Looks at local file systems, which continue when too many looks at other file systems hang. */
  private readonly localLooks = new Looks();
  /** Looks at the parents of unreadable paths. */
  private readonly parentLooks = new Looks();
  /** The paths of all running looks, including hung ones. */
  private readonly open = new Set<{ readonly path: string }>();
  /** The paths where a mount that a look held open is being unmounted. */
  private readonly unmounting = new Map<string, Promise<unknown>>();

  async inspect(path: string): Promise<PathState> {
    try {
      return await this.look(path, stateOf);
    } catch (error) {
      if (isErrno(error, errno.ENOENT)) return { kind: 'absent' };
      const number = errnoOf(error);
      if (number === undefined || otherErrors.includes(number)) throw pathError(error, path);
      return this.unreadable(path, number);
    }
  }

  /** Works on an open path. An error on the way to it is the caller's mistake and is reported with the path. */
  async at<T>(path: string, use: (fd: number) => Promise<T>): Promise<T> {
    try {
      return await this.look(path, use);
    } catch (error) {
      throw pathError(error, path);
    }
  }

  /** Whether a look at or below a path is running, so that its mount cannot be unmounted. */
  isLookedAt(path: string): boolean {
    return this.openBelow(path).length > 0;
  }

  /** Whether one of those looks hangs. */
  isHung(path: string): boolean {
    const isHung = (each: string) => this.looks.isHung(each) || this.localLooks.isHung(each);
    return this.openBelow(path).some((look) => isHung(look.path));
  }

  /** Works on the mount at a path while new looks there wait. */
  async keepingAway<T>(path: string, work: () => Promise<T>): Promise<T> {
    const working = work();
    this.unmounting.set(path, working);
    try {
      return await working;
    } finally {
      this.unmounting.delete(path);
    }
  }

  private openBelow(path: string): { readonly path: string }[] {
    return [...this.open].filter((look) => look.path === path || look.path.startsWith(`${path}/`));
  }

  private async look<T>(path: string, use: (fd: number) => Promise<T>): Promise<T> {
    // Waits for an unmount in progress, but not for one that hangs.
    const unmounting = this.unmounting.get(path)?.catch(() => {});
    if (unmounting !== undefined) await Promise.race([unmounting, delay(LONGEST_WAIT_MS)]);
    const looks = this.looks.isFull && (await isLocal(path)) ? this.localLooks : this.looks;
    return looks.at(path, async () => {
      const look = { path };
      this.open.add(look);
      try {
        return await withPath(path, use);
      } finally {
        this.open.delete(look);
      }
    });
  }

  /** Identifies the mount at a path from its parent and the mount list, since the mount itself cannot be queried. */
  private async unreadable(path: string, number: number): Promise<UnreadableState> {
    const why = number === errno.ETIMEDOUT ? 'does not answer' : `answers ${errnoName(number)}`;
    const isMounted = () => withPath(dirname(path), (parentFd) => isMountPoint(parentFd, basename(path)));
    const found = await this.parentLooks.at(path, isMounted).catch(() => false);
    const mount = found ? (await readMountinfo()).findLast((entry) => entry.path === path) : undefined;
    return { kind: 'unreadable', mountId: mount?.mountId, why };
  }
}

/** Whether a path lies on a file system that has no server and answers from memory. */
async function isLocal(path: string): Promise<boolean> {
  const mounts = (await readMountinfo()).filter(
    (mount) => mount.path === path || mount.path === '/' || path.startsWith(`${mount.path}/`),
  );
  const longest = Math.max(...mounts.map((mount) => mount.path.length));
  const topmost = mounts.findLast((mount) => mount.path.length === longest);
  return topmost !== undefined && localFileSystems.has(topmost.fsType);
}

async function stateOf(fd: number): Promise<PathState> {
  // Waits for both results, even failures, since the descriptor is closed afterwards.
  const [asked, space] = await Promise.allSettled([askStatus(fd), fileSystemOf(fd)]);
  const { type, inode, device, deviceNode, mountId, isMountRoot, sizeBytes } = fulfilled(asked);
  const identity = { inode, device };
  if (isMountRoot) {
    return { kind: 'mounted', mountId, identity, flags: fromStatfsFlags(fulfilled(space).flags), deviceNode };
  }
  switch (type) {
    case 'directory':
      return { kind: 'directory', identity, mountId, flags: fromStatfsFlags(fulfilled(space).flags) };
    case 'file':
      return { kind: 'file', isEmpty: sizeBytes === 0n };
    case 'symlink':
    case 'other':
      return { kind: type };
  }
}

function fulfilled<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'fulfilled') return settled.value;
  throw settled.reason;
}
