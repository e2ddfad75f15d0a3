import { closeSync, constants, fstatSync, lstat, open } from 'node:fs';
import { promisify } from 'node:util';
import { errno, isErrno } from '../calls/errno.ts';
import { below, withPath } from '../calls/path-handle.ts';
import { assignProject, projectOf } from '../file-systems/project-quota.ts';
import { mountAttr, withDetachedClone } from '../mounts/bind-mount.ts';
import { type TreeVisitor, walkTree } from './walk-tree.ts';

const openAsync = promisify(open);
const lstatAsync = promisify(lstat);

// Hides mounts in the tree, keeps devices from being opened and leaves access times as they are.
const ATTRIBUTES = mountAttr.noDev | mountAttr.noSuid | mountAttr.noExec | mountAttr.noatime;
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
}

/** Which files are returned to the project, and how. */
export interface GatherOptions {
  readonly projectId: number;
  /** Whether a file in this other project must be returned. */
  isStray(projectId: number): boolean;
  /** Called when the project is too full to take a file back; lifts its limit. */
  liftLimit(): Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Checks the project of each file in a tree and returns files that the tree's owner moved to other projects; new entries
 * in returned directories inherit the project again. The tree may change during the walk. Symbolic links, FIFOs and
 * devices cannot be checked; they count for the tree's project, which they were created in.
 * @throws the signal's reason; KernelError for which `isQuotaOff` is false if the file system has no projects
 */
export async function gatherProject(path: string, options: GatherOptions): Promise<GatheredProject> {
  const gatherer = new Gatherer(options);
  await withPath(path, (fd) =>
    withDetachedClone(fd, ATTRIBUTES, mountAttr.accessTimeMask, (treeFd) =>
      walkTree(treeFd, gatherer, options.signal),
    ),
  );
  return gatherer.found;
}

class Gatherer implements TreeVisitor<true> {
  private readonly options: GatherOptions;
  private readonly reclaimed = new Map<number, number>();
  /** The last check of each file being checked that has several names, by inode; it never rejects. */
  private readonly checking = new Map<bigint, Promise<unknown>>();
  // A file with several names is visited once per name.
  private inodes = 0;
  private failures = 0;
  private hadAny = false;

  constructor(options: GatherOptions) {
    this.options = options;
  }

  get found(): GatheredProject {
    const { inodes, hadAny, reclaimed, failures } = this;
    return { inodes: Math.round(inodes), hadAny, reclaimed, failures };
  }

  async directory(
    { fd, trail }: Parameters<TreeVisitor<true>['directory']>[0],
    parent: true | undefined,
    walk: (context: true) => Promise<unknown>,
    step: Parameters<TreeVisitor<true>['directory']>[3],
  ): Promise<void> {
    // A directory deep in the tree is visited a second time, for its entries.
    const isFirstVisit = parent !== undefined || trail === undefined;
    // Before its entries, so that entries made during the walk inherit the right project.
    if (isFirstVisit)
      await step(() => this.checkFile(below(fd), constants.O_RDONLY | constants.O_DIRECTORY, 1));
    await walk(true);
  }

  async leaf({ parentFd, name }: Parameters<TreeVisitor<true>['leaf']>[0]): Promise<void> {
    const path = below(parentFd, name);
    try {
      const status = await lstatAsync(path);
      const share = 1 / Math.max(status.nlink, 1);
      if (status.isFile()) await this.checkFile(path, OPEN_FOR_CHECK, share);
      else this.inodes += share;
    } catch (error) {
      if (!isErrno(error, errno.ENOENT)) throw error;
    }
  }

  private async checkFile(path: string | Buffer, flags: number, share: number): Promise<void> {
    let fd: number;
    try {
      fd = await openAsync(path, flags);
    } catch (error) {
      // It is gone, or its name now belongs to something else.
      if (isErrno(error, errno.ENOENT, errno.ELOOP, errno.ENXIO)) return;
      if (!isErrno(error, errno.EAGAIN, errno.EACCES, errno.EPERM)) throw error;
      this.failures++;
      this.inodes += share;
      return;
    }
    try {
      const status = fstatSync(fd, { bigint: true });
      if (status.isFIFO()) return;
      const isOwn = await (share < 1 ? this.inTurn(status.ino, () => this.gather(fd)) : this.gather(fd));
      if (isOwn) this.inodes += share;
    } finally {
      closeSync(fd);
    }
  }

  /** Checks one name of a file after another: names that are visited at once would all count it as returned. */
  private async inTurn<T>(inode: bigint, check: () => Promise<T>): Promise<T> {
    const checked = (this.checking.get(inode) ?? Promise.resolve()).then(check);
    const settled = checked.catch(() => {});
    this.checking.set(inode, settled);
    try {
      return await checked;
    } finally {
      if (this.checking.get(inode) === settled) this.checking.delete(inode);
    }
  }

  /** @returns whether the file or directory counts for the project now */
  private async gather(fd: number): Promise<boolean> {
    const { projectId, isStray } = this.options;
    const found = projectOf(fd);
    const isDirectory = fstatSync(fd).isDirectory();
    const isOwn = found.projectId === projectId;
    this.hadAny ||= isOwn;
    // New entries in a directory that does not pass on its project are in no project.
    const strayFrom = isOwn && isDirectory && !found.inherits ? 0 : found.projectId;
    if (strayFrom === projectId || !isStray(strayFrom)) return isOwn;
    if (!(await this.reclaim(fd))) {
      this.failures++;
      return isOwn;
    }
    this.reclaimed.set(strayFrom, (this.reclaimed.get(strayFrom) ?? 0) + 1);
    return true;
  }

  private async reclaim(fd: number): Promise<boolean> {
    const { projectId, liftLimit } = this.options;
    try {
      await assignProject(fd, projectId);
    } catch (error) {
      if (!isErrno(error, errno.EDQUOT, errno.ENOSPC)) return falseIfRefused(error);
      await liftLimit();
      try {
        await assignProject(fd, projectId);
      } catch (second) {
        return falseIfRefused(second);
      }
    }
    return true;
  }
}

/** @returns false for a refusal, for instance by an immutable file; rethrows all other errors */
function falseIfRefused(error: unknown): false {
  if (isErrno(error, errno.EPERM, errno.EACCES, errno.EDQUOT, errno.ENOSPC, errno.EINVAL)) return false;
  throw error;
}
