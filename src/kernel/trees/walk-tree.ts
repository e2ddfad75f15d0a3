import type { Dirent } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { errno, isErrno } from '../calls/errno.ts';
import { openDirectory, openTrail, type Trail, withHandle } from '../calls/open-below.ts';
import { below } from '../calls/path-handle.ts';
import { Slots } from '../calls/slots.ts';
import { fromSource, markSourceError, TreeObstacleError } from '../files/copy-source.ts';
import { type FairSlots, type Share, walkSlots } from './fair-slots.ts';
import { LeafVisit } from './leaf-visit.ts';

const MAX_CONCURRENT_FILES = 8;
// Files that wait for something other than the disk, in addition to these.
const WAITING_FILES = 64;
const MAX_CONCURRENT_DIRECTORIES = 4;
// Each level of each directory being visited holds descriptors open. Deeper directories are set aside and visited later.
// Once the set-aside limit is reached, a directory below the last depth limit ends the walk.
const DEPTH_LIMIT = 32;
const DEFERRED_LIMIT = 4096;
const LAST_DEPTH_LIMIT = 128;
// The trail to a directory is kept in memory, and opened again from the top every 32 levels.
const LEVEL_LIMIT = 8192;
const TOO_DEEP = `it has more than ${DEFERRED_LIMIT} deeply nested directories, and one is nested another ${LAST_DEPTH_LIMIT} levels deep`;
const LIST_BUFFER_ENTRIES = 256;

/** A directory of a tree being walked. */
export interface WalkedDirectory {
  /** A handle (O_PATH). */
  readonly fd: number;
  /** Its trail from the top; undefined for the top itself. */
  readonly trail: Trail | undefined;
}

/** An entry that is not a directory, at least when it was listed. */
export interface Leaf {
  readonly parentFd: number;
  readonly name: Buffer;
}

/** Handles the directories and other entries of a tree. Context belongs to an open directory. */
export interface TreeVisitor<Context> {
  /**
   * Visits a directory and calls `walk` for its entries. A directory deep in the tree is visited twice: the first time
   * `walk` returns without visiting the entries; the second time, without its parent's context, it visits them. Make
   * system calls in `step`, which waits for a turn, one at a time; call `walk` outside of it.
   */
  directory(
    directory: WalkedDirectory,
    parent: Context | undefined,
    walk: (context: Context) => Promise<'walked' | 'later'>,
    step: <T>(calls: () => Promise<T>) => Promise<T>,
  ): Promise<void>;
  /** Visits another entry, making one system call at a time. */
  leaf(leaf: Leaf, context: Context, visit: LeafVisit): Promise<void>;
}

/**
 * Visits everything in a tree, several entries at a time, in no particular order, except that a directory's visit lasts
 * until its entries have been visited. The tree may change during the walk: removed entries are left out, and symbolic
 * links are not followed. Crosses mounts in the tree. Memory, descriptors and threads are bounded for any size of tree.
 * @param topFd the tree's directory, which may be a handle (O_PATH)
 * @param slots for the walk's system calls
 * @throws the visitor's first error; the signal's reason; TreeObstacle: the tree is too deep
 */
export async function walkTree<Context>(
  topFd: number,
  visitor: TreeVisitor<Context>,
  signal: AbortSignal,
  slots = walkSlots,
): Promise<void> {
  const walk = new TreeWalk(topFd, visitor, slots);
  const stop = () => walk.stop(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    await walk.run();
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

class TreeWalk<Context> {
  private readonly topFd: number;
  private readonly visitor: TreeVisitor<Context>;
  private readonly stopping = new AbortController();
  private readonly share: Share;
  private readonly step: <T>(calls: () => Promise<T>) => Promise<T>;
  private readonly files = new Slots(MAX_CONCURRENT_FILES);
  private readonly waitingFiles = new Slots(WAITING_FILES);
  private readonly directories = new Slots(MAX_CONCURRENT_DIRECTORIES - 1);
  private readonly deferred: Trail[] = [];

  constructor(topFd: number, visitor: TreeVisitor<Context>, slots: FairSlots) {
    this.topFd = topFd;
    this.visitor = visitor;
    this.share = slots.share(this.stopping.signal);
    this.step = (calls) => this.share.run(calls);
  }

  /** Ends the walk with this error, unless it has already ended. */
  stop(reason: unknown): void {
    this.stopping.abort(reason);
  }

  async run(): Promise<void> {
    const running = new Set<Promise<void>>();
    try {
      await this.visit({ fd: this.topFd, trail: undefined });
      for (;;) {
        this.stopping.signal.throwIfAborted();
        const trail = this.deferred.pop();
        if (trail !== undefined) await this.runConcurrently(running, () => this.visitDeferred(trail));
        else if (running.size > 0) await Promise.race(running);
        else return;
      }
    } catch (error) {
      this.stop(error);
      throw error;
    } finally {
      await Promise.all(running);
    }
  }

  private visit(directory: WalkedDirectory): Promise<void> {
    const walk = (context: Context) => this.walk(directory, context, 1);
    return this.visitor.directory(directory, undefined, walk, this.step);
  }

  private async visitDeferred(trail: Trail): Promise<void> {
    await withHandle(
      this.step(() => fromSource(() => openTrail(this.topFd, trail))),
      (fd) => this.visit({ fd, trail }),
    );
  }

  private async walk(directory: WalkedDirectory, context: Context, depth: number): Promise<'walked'> {
    const running = new Set<Promise<void>>();
    const entries = entriesOf(directory.fd);
    try {
      for (;;) {
        const { value: entry } = await this.step(() => entries.next());
        if (entry === undefined) break;
        const leaf = { parentFd: directory.fd, name: entry.name };
        if (await this.isDirectory(entry, leaf)) {
          await this.runConcurrently(running, () => this.visitInner(directory, entry.name, context, depth));
        } else {
          await this.files.acquire();
          this.startLeaf(running, leaf, context);
        }
      }
    } catch (error) {
      this.stop(error);
    } finally {
      await entries.return();
      await Promise.all(running);
    }
    this.stopping.signal.throwIfAborted();
    return 'walked';
  }

  private async visitInner(
    parent: WalkedDirectory,
    name: Buffer,
    parentContext: Context,
    depth: number,
  ): Promise<void> {
    await withHandle(
      this.step(() => fromSource(() => openDirectory(parent.fd, name))),
      async (fd) => {
        const directory = { fd, trail: trailTo(parent.trail, name) };
        const walk = async (context: Context) => {
          const isFull = this.deferred.length >= DEFERRED_LIMIT;
          if (depth < (isFull ? LAST_DEPTH_LIMIT : DEPTH_LIMIT))
            return this.walk(directory, context, depth + 1);
          if (isFull) throw new TreeObstacleError(TOO_DEEP);
          this.deferred.push(directory.trail);
          return 'later';
        };
        await this.visitor.directory(directory, parentContext, walk, this.step);
      },
    );
  }

  // Some file systems omit the type from directory entries.
  private async isDirectory(entry: Dirent<Buffer>, leaf: Leaf): Promise<boolean> {
    if (entry.isDirectory() || entry.isFile() || entry.isSymbolicLink()) return entry.isDirectory();
    return this.step(() => isDirectoryNow(leaf));
  }

  /** Runs work concurrently, or inline if the limit of concurrent work is reached. */
  private async runConcurrently(running: Set<Promise<void>>, work: () => Promise<void>): Promise<void> {
    if (this.directories.tryAcquire()) this.start(running, this.directories, work);
    else await work();
  }

  /** Starts the visit of a leaf whose slot is already taken. */
  private startLeaf(running: Set<Promise<void>>, leaf: Leaf, context: Context): void {
    const visit = new LeafVisit(this.stopping.signal, this.share, this.files, this.waitingFiles);
    const work = () => visit.run(() => this.visitor.leaf(leaf, context, visit));
    this.start(running, visit, work);
  }

  /** Starts work that holds a slot. An error in it stops the whole walk. */
  private start(running: Set<Promise<void>>, slot: { release(): void }, work: () => Promise<void>): void {
    const done = work()
      .catch((error) => this.stop(error))
      .finally(() => {
        slot.release();
        running.delete(done);
      });
    running.add(done);
  }
}

function trailTo(parent: Trail | undefined, name: Buffer): Trail {
  const levels = (parent?.levels ?? 0) + 1;
  if (levels > LEVEL_LIMIT)
    throw new TreeObstacleError(`its directories are nested more than ${LEVEL_LIMIT} levels deep`);
  return { parent, name, levels };
}

async function* entriesOf(fd: number): AsyncGenerator<Dirent<Buffer>, void, undefined> {
  try {
    const options = { encoding: 'buffer' as BufferEncoding, bufferSize: LIST_BUFFER_ENTRIES };
    // The types only list encodings that yield strings.
    yield* (await opendir(below(fd), options)) as unknown as AsyncIterable<Dirent<Buffer>>;
  } catch (error) {
    // The directory itself was removed. Errors thrown while visiting an entry are not caught here.
    if (!isErrno(error, errno.ENOENT)) throw markSourceError(error);
  }
}

async function isDirectoryNow({ parentFd, name }: Leaf): Promise<boolean> {
  try {
    return (await fromSource(() => lstat(below(parentFd, name)))).isDirectory();
  } catch (error) {
    if (isErrno(error, errno.ENOENT)) return false;
    throw error;
  }
}
