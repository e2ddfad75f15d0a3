import type { Dirent } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { errno, isErrno } from '../calls/errno.ts';
import { openDirectory, openTrail, type Trail, withHandle } from '../calls/open-below.ts';
import { below } from '../calls/path-handle.ts';
import { Slots } from '../calls/slots.ts';
import { asOfSource, fromSource } from '../files/copy-source.ts';
import { TreeObstacle } from '../files/tree-obstacle.ts';
import type { FairPlaces, Share } from './fair-places.ts';
import { LeafVisit } from './leaf-visit.ts';
import { walkPlaces } from './walk-places.ts';

const FILES_AT_ONCE = 8;
// Beside these, the files that wait for something else than the disk.
const WAITING_FILES = 64;
const DIRECTORIES_AT_ONCE = 4;
// Each level of each directory at once holds descriptors open. What is deeper is set aside and visited later, unless so
// much is set aside already; then what is deeper still ends the walk.
const DEPTH_LIMIT = 32;
const SET_ASIDE_LIMIT = 4096;
const LAST_DEPTH_LIMIT = 128;
// The way to a directory is kept in memory, and walked again from the top every 32 levels.
const LEVEL_LIMIT = 8192;
const TOO_DEEP = `more than ${SET_ASIDE_LIMIT} of its directories are deep, and one is ${LAST_DEPTH_LIMIT} levels below the others`;
const LISTED_AT_ONCE = 256;

/** A directory of a tree that is being walked. */
export interface WalkedDirectory {
  /** A handle (O_PATH). */
  readonly fd: number;
  /** The way to it, undefined for the top. */
  readonly trail: Trail | undefined;
}

/** An entry of a directory that is no directory, at least when it was listed. */
export interface Leaf {
  readonly parentFd: number;
  readonly name: Buffer;
}

/** What is done with the directories and the other entries of a tree. Context is what belongs to an open directory. */
export interface TreeVisitor<Context> {
  /**
   * Visits a directory: calls `walk` for its entries. A directory that is deep in the tree is visited twice: first
   * `walk` answers that its entries are not visited yet, later, without the context of its parent, they are. System calls
   * are made in `step`, when it is their turn, one at a time; `walk` is called outside of it.
   */
  directory(
    directory: WalkedDirectory,
    parent: Context | undefined,
    walk: (context: Context) => Promise<'walked' | 'later'>,
    step: <T>(calls: () => Promise<T>) => Promise<T>,
  ): Promise<void>;
  /** Visits another entry, with one system call at a time. */
  leaf(leaf: Leaf, context: Context, visit: LeafVisit): Promise<void>;
}

/**
 * Visits everything in a tree, several entries at a time, in no order but that a directory's visit lasts until its
 * entries have been visited. The tree may change meanwhile: what goes is left out, no symbolic link is followed. Mounts
 * in it are crossed. However large it is, what the walk needs of memory, descriptors and threads is bounded.
 * @param topFd the tree's directory, which may be a handle (O_PATH)
 * @param places where its system calls are made
 * @throws what the visitor throws first; the signal's reason; TreeObstacle: it is too deep
 */
export async function walkTree<Context>(
  topFd: number,
  visitor: TreeVisitor<Context>,
  signal: AbortSignal,
  places = walkPlaces,
): Promise<void> {
  const walk = new TreeWalk(topFd, visitor, places);
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
  private readonly files = new Slots(FILES_AT_ONCE);
  private readonly waitingFiles = new Slots(WAITING_FILES);
  private readonly directories = new Slots(DIRECTORIES_AT_ONCE - 1);
  private readonly setAside: Trail[] = [];

  constructor(topFd: number, visitor: TreeVisitor<Context>, places: FairPlaces) {
    this.topFd = topFd;
    this.visitor = visitor;
    this.share = places.share(this.stopping.signal);
    this.step = (calls) => this.share.run(calls);
  }

  /** Ends the walk, unless it has ended already, with this as its error. */
  stop(reason: unknown): void {
    this.stopping.abort(reason);
  }

  async run(): Promise<void> {
    const underWay = new Set<Promise<void>>();
    try {
      await this.visit({ fd: this.topFd, trail: undefined });
      for (;;) {
        this.stopping.signal.throwIfAborted();
        const trail = this.setAside.pop();
        if (trail !== undefined) await this.besides(underWay, () => this.visitSetAside(trail));
        else if (underWay.size > 0) await Promise.race(underWay);
        else return;
      }
    } catch (error) {
      this.stop(error);
      throw error;
    } finally {
      await Promise.all(underWay);
    }
  }

  private visit(directory: WalkedDirectory): Promise<void> {
    const walk = (context: Context) => this.walk(directory, context, 1);
    return this.visitor.directory(directory, undefined, walk, this.step);
  }

  private async visitSetAside(trail: Trail): Promise<void> {
    await withHandle(
      this.step(() => fromSource(() => openTrail(this.topFd, trail))),
      (fd) => this.visit({ fd, trail }),
    );
  }

  private async walk(directory: WalkedDirectory, context: Context, depth: number): Promise<'walked'> {
    const underWay = new Set<Promise<void>>();
    const entries = entriesOf(directory.fd);
    try {
      for (;;) {
        const { value: entry } = await this.step(() => entries.next());
        if (entry === undefined) break;
        const leaf = { parentFd: directory.fd, name: entry.name };
        if (await this.isDirectory(entry, leaf)) {
          await this.besides(underWay, () => this.visitInner(directory, entry.name, context, depth));
        } else {
          await this.files.take();
          this.startLeaf(underWay, leaf, context);
        }
      }
    } catch (error) {
      this.stop(error);
    } finally {
      await entries.return();
      await Promise.all(underWay);
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
          const isFull = this.setAside.length >= SET_ASIDE_LIMIT;
          if (depth < (isFull ? LAST_DEPTH_LIMIT : DEPTH_LIMIT))
            return this.walk(directory, context, depth + 1);
          if (isFull) throw new TreeObstacle(TOO_DEEP);
          this.setAside.push(directory.trail);
          return 'later';
        };
        await this.visitor.directory(directory, parentContext, walk, this.step);
      },
    );
  }

  // Some file systems leave the type out of a directory's entries.
  private async isDirectory(entry: Dirent<Buffer>, leaf: Leaf): Promise<boolean> {
    if (entry.isDirectory() || entry.isFile() || entry.isSymbolicLink()) return entry.isDirectory();
    return this.step(() => isDirectoryNow(leaf));
  }

  /** Does something beside everything else, or, when enough is being done at once, here and now. */
  private async besides(underWay: Set<Promise<void>>, work: () => Promise<void>): Promise<void> {
    if (this.directories.tryTake()) this.start(underWay, this.directories, work);
    else await work();
  }

  /** Starts the visit of a leaf, for which a slot was taken. */
  private startLeaf(underWay: Set<Promise<void>>, leaf: Leaf, context: Context): void {
    const visit = new LeafVisit(this.stopping.signal, this.share, this.files, this.waitingFiles);
    const work = () => visit.run(() => this.visitor.leaf(leaf, context, visit));
    this.start(underWay, visit, work);
  }

  /** Starts something that holds a slot. What goes wrong in it stops the whole walk. */
  private start(underWay: Set<Promise<void>>, slot: { give(): void }, work: () => Promise<void>): void {
    const done = work()
      .catch((error) => this.stop(error))
      .finally(() => {
        slot.give();
        underWay.delete(done);
      });
    underWay.add(done);
  }
}

function trailTo(parent: Trail | undefined, name: Buffer): Trail {
  const levels = (parent?.levels ?? 0) + 1;
  if (levels > LEVEL_LIMIT)
    throw new TreeObstacle(`its directories are more than ${LEVEL_LIMIT} levels deep`);
  return { parent, name, levels };
}

async function* entriesOf(fd: number): AsyncGenerator<Dirent<Buffer>, void, undefined> {
  try {
    const options = { encoding: 'buffer' as BufferEncoding, bufferSize: LISTED_AT_ONCE };
    // The types know only the names of encodings that make strings.
    yield* (await opendir(below(fd), options)) as unknown as AsyncIterable<Dirent<Buffer>>;
  } catch (error) {
    // The directory itself has been removed. What is thrown while an entry is visited does not come here.
    if (!isErrno(error, errno.ENOENT)) throw asOfSource(error);
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
