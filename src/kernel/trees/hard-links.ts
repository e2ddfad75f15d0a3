import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync } from 'node:fs';
import { link, mkdir, rename } from 'node:fs/promises';
import { errno, isErrno, KernelError } from '../calls/errno.ts';
import { openDirectory, openEntry, withHandle } from '../calls/open-below.ts';
import { below } from '../calls/path-handle.ts';
import { crc32c } from '../file-systems/crc32c.ts';
import { removeBelow } from './remove-tree.ts';

const BUCKETS = 256;

/** A source file with several names. */
export interface LinkedFile {
  /** Identifies it among all source files. */
  readonly key: string;
  readonly names: bigint;
}

/** Waits while another visit places the same file. */
type Wait = (other: Promise<void>) => Promise<void>;

/**
 * Recreates hard links in a new tree. A file with more names to come is also linked on a shelf, a directory at the top
 * of the tree, where it can be reached however deep its first name is; `close` removes the shelf. The shelf holds all
 * state, and a file's link count says how many names it has so far: memory holds only the files that are being placed,
 * however many have several names.
 */
export class HardLinks {
  private readonly topFd: number;
  private readonly linkDirectoryName = Buffer.from(`.links-${randomUUID()}`);
  private linkDirectory: Promise<number> | undefined;
  private readonly buckets: (Promise<unknown> | undefined)[] = [];
  private readonly inProgress = new Map<string, Promise<void>>();

  constructor(topFd: number) {
    this.topFd = topFd;
  }

  /** The number of files being placed. */
  get inProgressCount(): number {
    return this.inProgress.size;
  }

  /**
   * Gives a file one more name, at an unused path.
   * @param make makes the file if this is its first name; returns whether there was anything to make
   */
  async addName(file: LinkedFile, path: Buffer, make: () => Promise<boolean>, wait: Wait): Promise<void> {
    // One name at a time for each file.
    for (let other = this.inProgress.get(file.key); other; other = this.inProgress.get(file.key))
      await wait(other);
    const adding = this.addNextName(file, path, make);
    const ended = () => void this.inProgress.delete(file.key);
    this.inProgress.set(file.key, adding.then(ended, ended));
    await adding;
  }

  private async addNextName(file: LinkedFile, path: Buffer, make: () => Promise<boolean>): Promise<void> {
    this.linkDirectory ??= this.openLinkDirectory();
    const linkDirectoryFd = await this.linkDirectory;
    const name = await this.linkName(linkDirectoryFd, file.key);
    const names = await namesInTree(openEntry(linkDirectoryFd, name));
    const keptLink = below(linkDirectoryFd, name);
    if (names === 0n) {
      if (await make()) await link(path, keptLink);
    } else if (names + 1n >= file.names) {
      // Moved, because a file at its maximum link count cannot keep another link on the shelf.
      await rename(keptLink, path);
    } else {
      await falseIfExists(link(keptLink, path));
    }
  }

  /** Spread over many directories, because operations in the same directory wait for each other. */
  private async linkName(linkDirectoryFd: number, key: string): Promise<Buffer> {
    const bucket = crc32c(Buffer.from(key)) % BUCKETS;
    this.buckets[bucket] ??= mkdir(below(linkDirectoryFd, String(bucket)), 0o700);
    await this.buckets[bucket];
    return Buffer.from(`${bucket}/${key}`);
  }

  private async openLinkDirectory(): Promise<number> {
    await mkdir(below(this.topFd, this.linkDirectoryName), 0o700);
    const fd = await openDirectory(this.topFd, this.linkDirectoryName);
    if (fd === undefined) throw new KernelError('open', errno.ENOENT, this.linkDirectoryName.toString());
    return fd;
  }

  /** Removes the shelf, unless the copy `failed`: then the whole tree is removed. */
  async close({ failed }: { failed: boolean }): Promise<void> {
    const fd = await this.linkDirectory?.catch(() => undefined);
    if (fd === undefined) return;
    closeSync(fd);
    if (!failed) await removeBelow(this.topFd, this.linkDirectoryName);
  }
}

/** A shelved file's link count without the shelf; 0 if it is not there. Opening is faster than a lookup by path. */
async function namesInTree(opening: Promise<number | undefined>): Promise<bigint> {
  let names = 0n;
  await withHandle(opening, async (fd) => {
    names = fstatSync(fd, { bigint: true }).nlink - 1n;
  });
  return names;
}

/** Waits until an entry is made. @returns whether it was: a changing directory may list a name twice */
export async function falseIfExists(making: Promise<void>): Promise<boolean> {
  try {
    await making;
    return true;
  } catch (error) {
    if (isErrno(error, errno.EEXIST)) return false;
    throw error;
  }
}
