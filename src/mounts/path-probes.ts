import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errno, errnoName, errnoOf, isErrno } from '../kernel/calls/errno.ts';
import type { LocalRoot } from '../kernel/calls/local-roots.ts';
import { isMountPoint, withLocalPath, withPath } from '../kernel/calls/path-handle.ts';
import { fileSystemOf } from '../kernel/calls/statfs.ts';
import { type FileStatus, statusOf } from '../kernel/calls/statx.ts';
import { mountAttributesOf } from '../kernel/mounts/mount-attributes.ts';
import { readMountinfo } from '../kernel/mounts/mountinfo.ts';
import { Probes } from '../kernel/process/probes.ts';
import type { PathState, UnreadableState } from '../model/ports/paths-port.ts';
import type { MountFlags } from '../model/requests/mount-flags.ts';
import { pathError } from './mount-error.ts';
import { fromMountAttributes, fromStatfsFlags } from './mount-flag-bits.ts';

const MAX_WAIT_MS = 1000;

/** Errors of the path leading to a mount, and of this process, which say nothing about the mount itself. */
const pathErrorNumbers = [
  ...[errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG],
  ...[errno.EMFILE, errno.ENFILE, errno.ENOMEM],
];

/** As mountinfo names them: what they have in memory they tell at once. */
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
 * Probes paths where anything may be mounted: each probe runs on another thread, and the caller gets an answer even if
 * the file system gives none. A probe holds the mount open, and the kernel cannot unmount it during that time.
 */
export class PathProbes {
  private readonly probes = new Probes();
  /** Probes of local file systems, which continue when too many probes at other file systems hang. */
  private readonly localProbes = new Probes();
  /** Looks at the parents of unreadable paths. */
  private readonly parentProbes = new Probes();
  /** The paths of all running probes, including hung ones. */
  private readonly running = new Set<{ readonly path: string }>();
  /** The paths where a mount that a probe held open is being unmounted. */
  private readonly unmounting = new Map<string, Promise<unknown>>();

  async inspect(path: string): Promise<PathState> {
    try {
      return withLocalPath(path, localStateOf) ?? (await this.probe(path, stateOf));
    } catch (error) {
      if (isErrno(error, errno.ENOENT)) return { kind: 'absent' };
      const number = errnoOf(error);
      if (number === undefined || pathErrorNumbers.includes(number)) throw pathError(error, path);
      return this.unreadable(path, number);
    }
  }

  /** Works on an open path. An error on the way to it is the caller's mistake and is reported with the path. */
  async run<T>(path: string, use: (fd: number) => Promise<T>): Promise<T> {
    try {
      return await this.probe(path, use);
    } catch (error) {
      throw pathError(error, path);
    }
  }

  /** Whether a probe at or below a path is running, so that its mount cannot be unmounted. */
  isProbed(path: string): boolean {
    return this.runningBelow(path).length > 0;
  }

  /** Whether one of those probes hangs. */
  isHung(path: string): boolean {
    const isHung = (each: string) => this.probes.isHung(each) || this.localProbes.isHung(each);
    return this.runningBelow(path).some((probe) => isHung(probe.path));
  }

  /** Works on the mount at a path while new probes there wait. */
  async withProbesBlocked<T>(path: string, work: () => Promise<T>): Promise<T> {
    const working = work();
    this.unmounting.set(path, working);
    try {
      return await working;
    } finally {
      this.unmounting.delete(path);
    }
  }

  private runningBelow(path: string): { readonly path: string }[] {
    return [...this.running].filter((probe) => probe.path === path || probe.path.startsWith(`${path}/`));
  }

  private async probe<T>(path: string, use: (fd: number) => Promise<T>): Promise<T> {
    // Waits for an unmount in progress, but not for one that hangs.
    const unmounting = this.unmounting.get(path)?.catch(() => {});
    if (unmounting !== undefined) await Promise.race([unmounting, delay(MAX_WAIT_MS)]);
    const probes = this.probes.isFull && (await isLocal(path)) ? this.localProbes : this.probes;
    return probes.run(path, async () => {
      const probe = { path };
      this.running.add(probe);
      try {
        return await withPath(path, use);
      } finally {
        this.running.delete(probe);
      }
    });
  }

  /** Identifies the mount at a path from its parent and the mount list, since the mount itself cannot be queried. */
  private async unreadable(path: string, number: number): Promise<UnreadableState> {
    const why = number === errno.ETIMEDOUT ? 'does not respond' : `fails with ${errnoName(number)}`;
    const isMounted = () => withPath(dirname(path), (parentFd) => isMountPoint(parentFd, basename(path)));
    const found = await this.parentProbes.run(path, isMounted).catch(() => false);
    const mount = found ? readMountinfo().findLast((entry) => entry.path === path) : undefined;
    return { kind: 'unreadable', mountId: mount?.mountId, why };
  }
}

/** Whether a path lies on a file system that has no server and answers from memory. */
async function isLocal(path: string): Promise<boolean> {
  const mounts = readMountinfo().filter(
    (mount) => mount.path === path || mount.path === '/' || path.startsWith(`${mount.path}/`),
  );
  const longest = Math.max(...mounts.map((mount) => mount.path.length));
  const topmost = mounts.findLast((mount) => mount.path.length === longest);
  return topmost !== undefined && localFileSystems.has(topmost.fsType);
}

async function stateOf(fd: number): Promise<PathState> {
  const status = statusOf(fd);
  return toState(status, fromStatfsFlags((await fileSystemOf(fd)).flags));
}

/** @returns undefined if the flags of the mount cannot be read at once */
function localStateOf(fd: number, root: LocalRoot | undefined): PathState | undefined {
  // A path in a root has the flags of the root, since it is in the same mount.
  if (root) return toState(statusOf(fd), fromStatfsFlags(root.fileSystem().flags));
  const attributes = mountAttributesOf(fd);
  return attributes === undefined ? undefined : toState(statusOf(fd), fromMountAttributes(attributes));
}

function toState(status: FileStatus, flags: MountFlags): PathState {
  const { type, inode, device, deviceNode, mountId, isMountRoot, sizeBytes } = status;
  const identity = { inode, device };
  if (isMountRoot) {
    return { kind: 'mounted', mountId, identity, flags, deviceNode };
  }
  switch (type) {
    case 'directory':
      return { kind: 'directory', identity, mountId, flags };
    case 'file':
      return { kind: 'file', isEmpty: sizeBytes === 0n };
    case 'symlink':
    case 'other':
      return { kind: type };
  }
}
