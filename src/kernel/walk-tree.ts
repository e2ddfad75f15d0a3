import type { Dirent } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { asOfSource, fromSource } from './copy-source.ts';
import { errno, isErrno } from './errno.ts';
import { openDirectory, openTrail, type Trail, withHandle } from './open-below.ts';
import { below } from './path-handle.ts';
import { Slots } from './slots.ts';

const FILES_AT_ONCE = 8;
const DIRECTORIES_AT_ONCE = 4;
// Each level of each directory at once holds descriptors open. What is deeper is set aside and visited later.
const DEPTH_LIMIT = 32;
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
   * `walk` answers that its entries are not visited yet, later, without the context of its parent, they are.
   */
  directory(
    directory: WalkedDirectory,
    parent: Context | undefined,
    walk: (context: Context) => Promise<'walked' | 'later'>,
  ): Promise<void>;
  /** Visits another entry. `signal` says that the walk is stopped, or has failed elsewhere. */
  leaf(leaf: Leaf, context: Context, signal: AbortSignal): Promise<void>;
}

/**
 * Visits everything in a tree, several entries at a time, in no order but that a directory's visit lasts until its
 * entries have been visited. The tree may be of any depth and change meanwhile: what goes is left out, no symbolic link
 * is followed. Mounts in it are crossed.
 * @param topFd the tree's directory, which may be a handle (O_PATH)
 * @throws what the visitor throws first; the signal's reason
 */
export async function walkTree<Context>(
  topFd: number,
  visitor: TreeVisitor<Context>,
  signal: AbortSignal,
): Promise<void> {
  const walk = new TreeWalk(topFd, visitor);
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
  private readonly files = new Slots(FILES_AT_ONCE);
  private readonly directories = new Slots(DIRECTORIES_AT_ONCE - 1);
  private readonly setAside: Trail[] = [];

  constructor(topFd: number, visitor: TreeVisitor<Context>) {
    this.topFd = topFd;
    this.visitor = visitor;
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
        if (trail !== undefined) await this.share(underWay, () => this.visitSetAside(trail));
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
    return this.visitor.directory(directory, undefined, (context) => this.walk(directory, context, 1));
  }

  private async visitSetAside(trail: Trail): Promise<void> {
    await withHandle(
      fromSource(() => openTrail(this.topFd, trail)),
      (fd) => this.visit({ fd, trail }),
    );
  }

  private async walk(directory: WalkedDirectory, context: Context, depth: number): Promise<'walked'> {
    const underWay = new Set<Promise<void>>();
    try {
      for await (const entry of entriesOf(directory.fd)) {
        this.stopping.signal.throwIfAborted();
        const leaf = { parentFd: directory.fd, name: entry.name };
        if (await isDirectory(entry, leaf)) {
          await this.share(underWay, () => this.visitInner(directory, entry.name, context, depth));
        } else {
          await this.files.take();
          this.start(underWay, this.files, () => this.visitor.leaf(leaf, context, this.stopping.signal));
        }
      }
    } catch (error) {
      this.stop(error);
    } finally {
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
      fromSource(() => openDirectory(parent.fd, name)),
      async (fd) => {
        const directory = { fd, trail: { parent: parent.trail, name } };
        await this.visitor.directory(directory, parentContext, async (context) => {
          if (depth < DEPTH_LIMIT) return this.walk(directory, context, depth + 1);
          this.setAside.push(directory.trail);
          return 'later';
        });
      },
    );
  }

  /** Does something beside everything else, or, when enough is being done at once, here and now. */
  private async share(underWay: Set<Promise<void>>, work: () => Promise<void>): Promise<void> {
    if (this.directories.tryTake()) this.start(underWay, this.directories, work);
    else await work();
  }

  /** Starts something that holds a slot. What goes wrong in it stops the whole walk. */
  private start(underWay: Set<Promise<void>>, slots: Slots, work: () => Promise<void>): void {
    const done = work()
      .catch((error) => this.stop(error))
      .finally(() => {
        slots.give();
        underWay.delete(done);
      });
    underWay.add(done);
  }
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

// Some file systems leave the type out of a directory's entries.
async function isDirectory(entry: Dirent<Buffer>, { parentFd, name }: Leaf): Promise<boolean> {
  if (entry.isDirectory() || entry.isFile() || entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return (await fromSource(() => lstat(below(parentFd, name)))).isDirectory();
  } catch (error) {
    if (isErrno(error, errno.ENOENT)) return false;
    throw error;
  }
}
