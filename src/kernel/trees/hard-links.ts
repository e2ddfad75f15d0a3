import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync } from 'node:fs';
import { link, mkdir, rename } from 'node:fs/promises';
import { errno, isErrno, KernelError } from '../calls/errno.ts';
import { openDirectory, openEntry, withHandle } from '../calls/open-below.ts';
import { below } from '../calls/path-handle.ts';
import { crc32c } from '../file-systems/crc32c.ts';
import { removeBelow } from './remove-tree.ts';

const DRAWERS = 256;

/** A file of the source that has several names. */
export interface LinkedFile {
  /** Tells it from all others. */
  readonly key: string;
  readonly names: bigint;
}

/** Waits for another who is giving a name to the same file. */
type Wait = (other: Promise<void>) => Promise<void>;

/**
 * Gives the copies in a new tree the same hard links. Each file that has more names to come is linked on a shelf, a
 * directory at the top of the tree, where it can be reached however deep the first name was made; `close` removes the
 * shelf. What is known of a file is there alone, and its number of links says how many names it has by now: in memory
 * are only the files that are being given a name, however many have several.
 */
export class HardLinks {
  private readonly topFd: number;
  private readonly shelfName = Buffer.from(`.links-${randomUUID()}`);
  private shelf: Promise<number> | undefined;
  private readonly drawers: (Promise<unknown> | undefined)[] = [];
  private readonly underWay = new Map<string, Promise<void>>();

  constructor(topFd: number) {
    this.topFd = topFd;
  }

  /** How many files are being given a name. */
  get underWayCount(): number {
    return this.underWay.size;
  }

  /**
   * Gives a file one more name, at a path where nothing is.
   * @param make makes it, when this is its first name; answers whether there was anything to make
   */
  async place(file: LinkedFile, path: Buffer, make: () => Promise<boolean>, wait: Wait): Promise<void> {
    // One after the other for each file.
    for (let other = this.underWay.get(file.key); other; other = this.underWay.get(file.key))
      await wait(other);
    const placing = this.placeNext(file, path, make);
    const ended = () => void this.underWay.delete(file.key);
    this.underWay.set(file.key, placing.then(ended, ended));
    await placing;
  }

  private async placeNext(file: LinkedFile, path: Buffer, make: () => Promise<boolean>): Promise<void> {
    this.shelf ??= this.openShelf();
    const shelfFd = await this.shelf;
    const name = await this.nameOnShelf(shelfFd, file.key);
    const names = await namesBesideShelf(openEntry(shelfFd, name));
    const shelved = below(shelfFd, name);
    if (names === 0n) {
      if (await make()) await link(path, shelved);
    } else if (names + 1n >= file.names) {
      // Moved, because a file with the most names that it can have cannot have the one on the shelf as well.
      await rename(shelved, path);
    } else {
      await wasMade(link(shelved, path));
    }
  }

  /** In one of many directories: those who work in the same one wait for each other. */
  private async nameOnShelf(shelfFd: number, key: string): Promise<Buffer> {
    const drawer = crc32c(Buffer.from(key)) % DRAWERS;
    this.drawers[drawer] ??= mkdir(below(shelfFd, String(drawer)), 0o700);
    await this.drawers[drawer];
    return Buffer.from(`${drawer}/${key}`);
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
    closeSync(fd);
    if (!failed) await removeBelow(this.topFd, this.shelfName);
  }
}

/** How many names a file has that is on the shelf; 0 where it is not. Opened is faster than asked for by its path. */
async function namesBesideShelf(opening: Promise<number | undefined>): Promise<bigint> {
  let names = 0n;
  await withHandle(opening, async (fd) => {
    names = fstatSync(fd, { bigint: true }).nlink - 1n;
  });
  return names;
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
