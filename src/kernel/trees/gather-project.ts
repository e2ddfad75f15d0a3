import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { nameBytes, type Place } from '../calls/entry-name.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { inodeStatusBelow } from '../calls/inode-status.ts';
import { below, withPath } from '../calls/path-handle.ts';
import type { StopFlag } from '../calls/stop-flag.ts';
import { assignProject, projectOf } from '../file-systems/project-quota.ts';
import { withCloneToWalk } from '../mounts/bind-mount.ts';
import { type TreeVisitor, type Visit, type WalkedDirectory, walkTree } from './walk-tree.ts';

// Opens without blocking, either on a lease held on a file or on the other end of a FIFO.
const OPEN_FOR_CHECK = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The result of gathering a tree into its project. */
export interface GatheredProject {
  /** Files and directories that now count for the project, each once as far as can be determined. */
  readonly inodes: number;
  /** Whether any file or directory was in the project before. */
  readonly hadAny: boolean;
  /** The number of files and directories returned to the project, by the project they were in. */
  readonly reclaimed: ReadonlyMap<number, number>;
  /** The number that could not be opened or returned. */
  readonly failures: number;
  /** Whether some could not be returned because the project has reached its limit. */
  readonly isFull: boolean;
}

/** Which files are returned to the project. */
export interface GatherOptions {
  readonly projectId: number;
  /** Files in these are returned. */
  readonly otherProjects: ReadonlySet<number>;
  /** Whether files in any other project, or in none, are returned as well. */
  readonly isExclusive: boolean;
}

/**
 * Checks the project of each file in a tree and returns files that the tree's owner moved to other projects; new entries
 * in returned directories inherit the project again. The tree may change during the walk. Symbolic links, FIFOs and
 * devices cannot be checked; they count for the tree's project, which they were created in. Blocks its thread.
 * @throws StoppedError; KernelError for which `isQuotaOff` is false if the file system has no projects
 */
export async function gatherProject(
  path: string,
  options: GatherOptions,
  { stop }: { readonly stop: StopFlag },
): Promise<GatheredProject> {
  const gatherer = new Gatherer(options);
  await withPath(path, (fd) => withCloneToWalk(fd, (treeFd) => walkTree(treeFd, gatherer, stop)));
  return gatherer.found;
}

class Gatherer implements TreeVisitor<true> {
  private readonly options: GatherOptions;
  private readonly reclaimed = new Map<number, number>();
  // A file with several names is visited once per name.
  private inodes = 0;
  private failures = 0;
  private hadAny = false;
  private isFull = false;

  constructor(options: GatherOptions) {
    this.options = options;
  }

  get found(): GatheredProject {
    const { inodes, hadAny, reclaimed, failures, isFull } = this;
    return { inodes: Math.round(inodes), hadAny, reclaimed, failures, isFull };
  }

  directory({ fd, trail }: WalkedDirectory, parent: true | undefined, walk: (context: true) => Visit): void {
    // A directory deep in the tree is visited a second time, for its entries.
    const isFirstVisit = parent !== undefined || trail === undefined;
    // Before its entries, so that entries made during the walk inherit the right project.
    if (isFirstVisit && this.gather(fd)) this.inodes++;
    walk(true);
  }

  leaf(leaf: Place): Visit {
    const status = inodeStatusBelow(leaf);
    if (status === undefined) return 'visited';
    const share = 1 / Math.max(status.names, 1);
    if (status.isFile) this.checkFile(leaf, share);
    else this.inodes += share;
    return 'visited';
  }

  private checkFile({ parentFd, name }: Place, share: number): void {
    let fd: number;
    try {
      fd = openSync(below(parentFd, nameBytes(name)), OPEN_FOR_CHECK);
    } catch (error) {
      // It is gone, or its name now belongs to something else.
      if (isErrno(error, errno.ENOENT, errno.ELOOP, errno.ENXIO)) return;
      if (!isErrno(error, errno.EAGAIN, errno.EACCES, errno.EPERM, errno.ENOKEY)) throw error;
      this.failures++;
      this.inodes += share;
      return;
    }
    try {
      if (!fstatSync(fd).isFIFO() && this.gather(fd)) this.inodes += share;
    } finally {
      closeSync(fd);
    }
  }

  /** @returns whether the file or directory counts for the project now */
  private gather(fd: number): boolean {
    const { projectId, otherProjects, isExclusive } = this.options;
    const found = projectOf(fd);
    const isOwn = found.projectId === projectId;
    this.hadAny ||= isOwn;
    // New entries in a directory that does not pass on its project are in no project.
    const strayFrom = isOwn && fstatSync(fd).isDirectory() && !found.inherits ? 0 : found.projectId;
    if (strayFrom === projectId || !(isExclusive || otherProjects.has(strayFrom))) return isOwn;
    if (!this.reclaim(fd)) {
      this.failures++;
      return isOwn;
    }
    this.reclaimed.set(strayFrom, (this.reclaimed.get(strayFrom) ?? 0) + 1);
    return true;
  }

  /** @returns false if it was refused, for instance because the file is immutable */
  private reclaim(fd: number): boolean {
    try {
      assignProject(fd, this.options.projectId);
      return true;
    } catch (error) {
      this.isFull ||= isErrno(error, errno.EDQUOT, errno.ENOSPC);
      if (isErrno(error, errno.EPERM, errno.EACCES, errno.EDQUOT, errno.ENOSPC, errno.EINVAL)) return false;
      throw error;
    }
  }
}
