import { randomUUID } from 'node:crypto';
import { closeSync } from 'node:fs';
import { link, mkdir, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { errno, isErrno, KernelError } from './errno.ts';
import { openDirectory } from './open-below.ts';
import { below } from './path-handle.ts';

/** A file of the source that has several names. */
export interface LinkedFile {
  /** Tells it from all others. */
  readonly key: string;
  readonly names: bigint;
}

/**
 * Gives the copies in a new tree the same hard links. Each file that has more names to come is linked in a directory at
 * the top of the tree, where it can be reached however deep the first name was made; `close` removes that directory.
 */
export class HardLinks {
  private readonly topFd: number;
  private readonly shelfName = Buffer.from(`.links-${randomUUID()}`);
  private shelf: Promise<number> | undefined;
  // How many names a file has by now, once what is done with it is done. 0: it is still to be made.
  private readonly made = new Map<string, Promise<bigint>>();

  constructor(topFd: number) {
    this.topFd = topFd;
  }

  /**
   * Gives a file one more name, at a path where nothing is.
   * @param make makes it, when this is its first name; answers whether there was anything to make
   */
  async place(file: LinkedFile, path: Buffer, make: () => Promise<boolean>): Promise<void> {
    // One after the other for each file.
    const before = this.made.get(file.key) ?? Promise.resolve(0n);
    const done = before.then((names) => this.placeNext(file, names, path, make));
    this.made.set(file.key, done);
    const names = await done;
    if (names === 0n && this.made.get(file.key) === done) this.made.delete(file.key);
  }

  private async placeNext(
    file: LinkedFile,
    names: bigint,
    path: Buffer,
    make: () => Promise<boolean>,
  ): Promise<bigint> {
    if (names === 0n) {
      if (!(await make())) return 0n;
      await link(path, await this.shelved(file));
      return 1n;
    }
    if (names + 1n >= file.names) {
      // Moved, because a file with the most names that it can have cannot have the one on the shelf as well.
      await rename(await this.shelved(file), path);
      return 0n;
    }
    return (await wasMade(link(await this.shelved(file), path))) ? names + 1n : names;
  }

  private async shelved({ key }: LinkedFile): Promise<Buffer> {
    this.shelf ??= this.openShelf();
    return below(await this.shelf, Buffer.from(key));
  }

  private async openShelf(): Promise<number> {
    await mkdir(below(this.topFd, this.shelfName), 0o700);
    const fd = await openDirectory(this.topFd, this.shelfName);
    if (fd === undefined) throw new KernelError('open', errno.ENOENT, this.shelfName.toString());
    return fd;
  }

  /** Removes what is needed no more, unless the copy `failed`: then the whole tree goes. */
  async close({ failed }: { failed: boolean }): Promise<void> {
    const fd = await this.shelf?.catch(() => undefined);
    if (fd === undefined) return;
    try {
      if (failed) return;
      for (const name of await readdir(below(fd))) await unlink(below(fd, name));
      await rmdir(below(this.topFd, this.shelfName));
    } finally {
      closeSync(fd);
    }
  }
}

/** Waits until something is made, and tells whether it was: a directory that changes may list a name twice. */
export async function wasMade(making: Promise<void>): Promise<boolean> {
  try {
    await making;
    return true;
  } catch (error) {
    if (isErrno(error, errno.EEXIST)) return false;
    throw error;
  }
}
