import { randomUUID } from 'node:crypto';
import { closeSync } from 'node:fs';
import { entryName, nameText, type Place } from '../calls/entry-name.ts';
import { errno, KernelError } from '../calls/errno.ts';
import { type InodeStatus, inodeStatusBelow } from '../calls/inode-status.ts';
import { linkAt, makeDirectoryAt, renameAt } from '../calls/make-entry.ts';
import { openDirectory } from '../calls/open-below.ts';
import { removeBelow } from './remove-tree.ts';

/** Whether an entry was made, cannot or need not be, or has to wait for something. */
export type Made = 'made' | 'left out' | 'later';

/**
 * Recreates hard links in a new tree. A file with more names to come is also linked on a shelf, a directory at the top
 * of the tree, where it can be reached however deep its first name is; `close` removes the shelf. The shelf holds all
 * state, and a file's link count says how many names it has so far: nothing is in memory, however many files have
 * several names. Blocks its thread.
 */
export class HardLinks {
  private readonly topFd: number;
  private readonly shelfName = entryName(`.links-${randomUUID()}`);
  private shelfFd: number | undefined;

  constructor(topFd: number) {
    this.topFd = topFd;
  }

  /**
   * Gives a file one more name.
   * @param file the source file, which has several names
   * @param make makes the file if this is its first name
   */
  addName({ key, names }: Pick<InodeStatus, 'key' | 'names'>, place: Place, make: () => Made): Made {
    this.shelfFd ??= this.makeShelf();
    const shelved = { parentFd: this.shelfFd, name: entryName(key) };
    const kept = inodeStatusBelow(shelved);
    if (kept === undefined) {
      const made = make();
      if (made === 'made') linkAt(place, shelved);
      return made;
    }
    // One of the names is that on the shelf. Moved, because a file at its maximum link count cannot keep another link on the shelf.
    if (kept.names >= names) renameAt(shelved, place);
    else linkAt(shelved, place);
    return 'made';
  }

  private makeShelf(): number {
    const { topFd: parentFd, shelfName: name } = this;
    makeDirectoryAt({ parentFd, name }, 0o700);
    const fd = openDirectory(parentFd, name);
    if (fd === undefined) throw new KernelError('open', errno.ENOENT, nameText(name));
    return fd;
  }

  /** Removes the shelf, unless the copy `failed`: then the whole tree is removed. */
  async close({ failed }: { failed: boolean }): Promise<void> {
    if (this.shelfFd === undefined) return;
    closeSync(this.shelfFd);
    if (!failed) await removeBelow(this.topFd, Buffer.from(nameText(this.shelfName)));
  }
}
