import { type DirectoryEntry, entriesOf } from '../calls/directory-entries.ts';
import { type EntryName, type Place, thisDirectory } from '../calls/entry-name.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { inodeStatusBelow } from '../calls/inode-status.ts';
import { openDirectory, openTrail, type Trail, withOpen } from '../calls/open-below.ts';
import type { StopFlag } from '../calls/stop-flag.ts';
import { fromSource, markSourceError, TreeObstacleError } from '../files/copy-source.ts';

// Each level holds descriptors open. Deeper directories are set aside and visited later. Once the set-aside limit is
// reached, a directory below the last depth limit ends the walk.
const DEPTH_LIMIT = 32;
const DEFERRED_LIMIT = 4096;
const LAST_DEPTH_LIMIT = 128;
// The trail to a directory is kept in memory, and opened again from the top every 32 levels.
const LEVEL_LIMIT = 8192;
const TOO_DEEP = `it has more than ${DEFERRED_LIMIT} deeply nested directories, and one is nested another ${LAST_DEPTH_LIMIT} levels deep`;

/** A directory of a tree being walked. */
export interface WalkedDirectory {
  /** Open for reading. */
  readonly fd: number;
  /** Its trail from the top; undefined for the top itself. */
  readonly trail: Trail | undefined;
}

/** Whether something was visited, or will be when everything else has been. */
export type Visit = 'visited' | 'later';

/** Handles the directories and other entries of a tree. Context belongs to an open directory. */
export interface TreeVisitor<Context> {
  /**
   * Visits a directory and calls `walk` for its entries. If `walk` returns 'later', some of them are left, and the
   * directory is visited again for them, without its parent's context.
   */
  directory(directory: WalkedDirectory, parent: Context | undefined, walk: (context: Context) => Visit): void;
  /**
   * Visits another entry: one that is not a directory, at least when it was listed.
   * @param canWait whether the visit may return 'later', if it would have to wait for something now
   */
  leaf(leaf: Place, context: Context, canWait: boolean): Visit;
}

/**
 * Visits everything in a tree, in no particular order, except that a directory's visit lasts until its entries have been
 * visited. The tree may change during the walk: removed entries are left out, and symbolic links are not followed.
 * Crosses mounts in the tree. Memory and descriptors are bounded for any size of tree. Blocks its thread.
 * @param topFd the tree's directory, which may be a handle (O_PATH)
 * @throws the visitor's first error; StoppedError; TreeObstacle: the tree is too deep
 */
export function walkTree<Context>(topFd: number, visitor: TreeVisitor<Context>, stop: StopFlag): void {
  new TreeWalk(topFd, visitor, stop).run();
}

/** A directory and, unless all of its entries are left, those that are. */
interface Deferred {
  readonly trail: Trail | undefined;
  readonly names?: readonly EntryName[];
}

class TreeWalk<Context> {
  private readonly topFd: number;
  private readonly visitor: TreeVisitor<Context>;
  private readonly stop: StopFlag;
  /** Directories below the depth limit. */
  private readonly deep: Deferred[] = [];
  /** Directories with entries that would have to wait. */
  private readonly waiting: Deferred[] = [];
  private waitingCount = 0;

  constructor(topFd: number, visitor: TreeVisitor<Context>, stop: StopFlag) {
    this.topFd = topFd;
    this.visitor = visitor;
    this.stop = stop;
  }

  run(): void {
    this.visitDeferred({ trail: undefined });
    for (;;) {
      const deferred = this.deep.pop() ?? this.waiting.pop();
      if (deferred === undefined) return;
      this.visitDeferred(deferred);
    }
  }

  private visitDeferred({ trail, names }: Deferred): void {
    const visit = (fd: number) => {
      const walk = (context: Context) =>
        names === undefined ? this.walk({ fd, trail }, context, 1) : this.visitWaiting(fd, names, context);
      this.visitor.directory({ fd, trail }, undefined, walk);
    };
    const opened = fromSource(() =>
      trail === undefined ? openDirectory(this.topFd, thisDirectory) : openTrail(this.topFd, trail),
    );
    withOpen(opened, visit);
  }

  private visitWaiting(parentFd: number, names: readonly EntryName[], context: Context): Visit {
    for (const name of names) {
      this.stop.throwIfStopped();
      this.visitor.leaf({ parentFd, name }, context, false);
      this.waitingCount--;
    }
    return 'visited';
  }

  private walk(directory: WalkedDirectory, context: Context, depth: number): Visit {
    const waiting: EntryName[] = [];
    for (const { name, isDirectory } of sourceEntriesOf(directory.fd)) {
      this.stop.throwIfStopped();
      const leaf = { parentFd: directory.fd, name };
      if (isDirectory ?? isDirectoryNow(leaf)) this.visitInner(directory, name, context, depth);
      else if (this.visitor.leaf(leaf, context, this.waitingCount < DEFERRED_LIMIT) === 'later') {
        waiting.push(Buffer.from(name));
        this.waitingCount++;
      }
    }
    if (waiting.length === 0) return 'visited';
    this.waiting.push({ trail: directory.trail, names: waiting });
    return 'later';
  }

  private visitInner(parent: WalkedDirectory, name: EntryName, parentContext: Context, depth: number): void {
    const visit = (fd: number) => {
      const directory = { fd, trail: trailTo(parent.trail, name) };
      const walk = (context: Context) => {
        const isFull = this.deep.length >= DEFERRED_LIMIT;
        if (depth < (isFull ? LAST_DEPTH_LIMIT : DEPTH_LIMIT))
          return this.walk(directory, context, depth + 1);
        if (isFull) throw new TreeObstacleError(TOO_DEEP);
        this.deep.push({ trail: directory.trail });
        return 'later';
      };
      this.visitor.directory(directory, parentContext, walk);
    };
    withOpen(
      fromSource(() => openDirectory(parent.fd, name)),
      visit,
    );
  }
}

function trailTo(parent: Trail | undefined, name: EntryName): Trail {
  const levels = (parent?.levels ?? 0) + 1;
  if (levels > LEVEL_LIMIT)
    throw new TreeObstacleError(`its directories are nested more than ${LEVEL_LIMIT} levels deep`);
  return { parent, name: Buffer.from(name), levels };
}

function* sourceEntriesOf(fd: number): Generator<DirectoryEntry, void, undefined> {
  try {
    yield* entriesOf(fd);
  } catch (error) {
    // The directory itself was removed. Errors thrown while visiting an entry are not caught here.
    if (!isErrno(error, errno.ENOENT)) throw markSourceError(error);
  }
}

// Some file systems omit the type from directory entries.
function isDirectoryNow(leaf: Place): boolean {
  return fromSource(() => inodeStatusBelow(leaf))?.isDirectory ?? false;
}
