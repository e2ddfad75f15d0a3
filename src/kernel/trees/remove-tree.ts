import { randomUUID } from 'node:crypto';
import { closeSync, constants, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { withDescriptor } from '../calls/descriptor.ts';
import { type DirectoryEntry, entriesOf } from '../calls/directory-entries.ts';
import { type EntryName, entryName, nameBytes } from '../calls/entry-name.ts';
import { errno, errnoOf, isErrno, KernelError } from '../calls/errno.ts';
import { callSync, libraryCall } from '../calls/libc.ts';
import { below, openDirectoryInMount, realPathBelow, withPath } from '../calls/path-handle.ts';
import { statusOf } from '../calls/statx.ts';
import { isSubvolume, ROOT_INODE } from '../file-systems/btrfs.ts';
import { removeQgroup } from '../file-systems/btrfs-quota.ts';
import { removeSubvolumeTree } from '../file-systems/remove-subvolume-tree.ts';

const unlinkat = libraryCall('unlinkat', ['int', 'void *', 'int']);

// Each level holds a descriptor open; deeper directories are moved to a heap beside the tree and removed afterwards.
const DEPTH_LIMIT = 32;
// Listing a directory during removals may miss entries, and a process may still be adding new ones.
const PASS_LIMIT = 8;

/**
 * Removes a file, or a directory with everything in it, at any depth and with names of any bytes. Works through
 * descriptors that follow no symbolic link and cross no mount, so that a process still writing in the tree cannot lead
 * the removal outside; if it outruns the removal, that fails with ENOTEMPTY. A btrfs subvolume anywhere in the tree is removed in one step, with its nested subvolumes,
 * including read-only ones, and its qgroup. A path that does not exist counts as removed. Blocks its thread.
 * @throws KernelError with the path of the obstacle: EXDEV or EBUSY for a mount in the tree, EPERM for an immutable file;
 *   the rest of the tree may already be gone
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await withPath(dirname(path), (fd) => removeBelow(fd, Buffer.from(basename(path))));
  } catch (error) {
    if (!isErrno(error, errno.ENOENT)) throw error;
  }
}

/** Like `removeTree`, in an open directory, which may be a handle. @throws KernelError also ENOENT */
export function removeBelow(parentFd: number, name: Buffer): Promise<void> {
  return new TreeRemoval(parentFd).removeAll(name);
}

class TreeRemoval {
  private readonly topFd: number;
  private overflow: Buffer | undefined;

  constructor(topFd: number) {
    this.topFd = topFd;
  }

  /** Removes a tree, then its deep directories, then the deep directories of those. */
  async removeAll(name: Buffer): Promise<void> {
    await this.remove(this.topFd, name, 0);
    while (this.overflow !== undefined) {
      const heap = this.overflow;
      this.overflow = undefined;
      await this.remove(this.topFd, heap, 0);
    }
  }

  private async remove(parentFd: number, name: Buffer, depth: number): Promise<void> {
    try {
      await this.removeDirectory(parentFd, name, depth);
    } catch (error) {
      // A symbolic link, or something else that is not a directory.
      if (!isErrno(error, errno.ENOTDIR, errno.ELOOP)) throw error;
      unlinkAt(parentFd, entryName(name));
    }
  }

  private async removeDirectory(parentFd: number, name: Buffer, depth: number): Promise<void> {
    for (let pass = 1; ; pass++) {
      if ((await this.emptyDirectory(parentFd, name, depth)) === 'removed') return;
      try {
        withRealPath('rmdir', parentFd, name, () => rmdirSync(below(parentFd, name)));
        return;
      } catch (error) {
        if (pass === PASS_LIMIT || !isErrno(error, errno.ENOTEMPTY)) throw error;
      }
    }
  }

  private async emptyDirectory(
    parentFd: number,
    name: Buffer,
    depth: number,
  ): Promise<'emptied' | 'removed'> {
    // A mount, even one made just now, is neither opened nor queried.
    const fd = withRealPath('openat2', parentFd, name, () => openDirectoryInMount(parentFd, name));
    try {
      if (await removeIfSubvolume(fd, parentFd, name)) return 'removed';
      for (const entry of entriesOf(fd)) await this.removeEntry(fd, entry, depth);
      return 'emptied';
    } finally {
      closeSync(fd);
    }
  }

  /** Removes an entry, unless another process moves, removes or replaces it at the same time: the next pass handles that. */
  private async removeEntry(parentFd: number, entry: DirectoryEntry, depth: number): Promise<void> {
    try {
      if (entry.isDirectory === false) unlinkAt(parentFd, entry.name);
      else await this.removeOther(parentFd, Buffer.from(nameBytes(entry.name)), depth);
    } catch (error) {
      if (!isErrno(error, errno.ENOENT, errno.EISDIR)) throw error;
    }
  }

  /** Removes an entry that is a directory. Some file systems omit the type from entries, so it may not be one. */
  private async removeOther(parentFd: number, name: Buffer, depth: number): Promise<void> {
    if (depth < DEPTH_LIMIT) await this.remove(parentFd, name, depth + 1);
    else if (!(await removeEntryIfSubvolume(parentFd, name)))
      withRealPath('rename', parentFd, name, () => this.moveToOverflow(below(parentFd, name)));
  }

  /** Moves a deep directory to the heap. Memory does not list them, since there may be any number. */
  private moveToOverflow(path: Buffer): void {
    const name = Buffer.from(`.deep-${randomUUID()}`);
    if (this.overflow !== undefined) {
      const heap = below(this.topFd, this.overflow);
      renameSync(path, Buffer.concat([heap, Buffer.from('/'), name]));
      return;
    }
    const isMade = makeUnlessFull(below(this.topFd, name));
    // On a full disk the directory itself becomes the heap.
    if (!isMade) renameSync(path, below(this.topFd, name));
    this.overflow = name;
    if (isMade) this.moveToOverflow(path);
  }
}

/** Makes a directory. @returns false if the disk is full */
function makeUnlessFull(path: Buffer): boolean {
  try {
    mkdirSync(path, 0o700);
    return true;
  } catch (error) {
    if (isErrno(error, errno.ENOSPC, errno.EDQUOT)) return false;
    throw error;
  }
}

/** Removes an entry that is not a directory. By its name in the open directory: a path through /proc takes twice as long. */
function unlinkAt(parentFd: number, name: EntryName): void {
  withRealPath('unlink', parentFd, nameBytes(name), () => callSync(unlinkat, name, parentFd, name, 0));
}

/** Works on an entry of an open directory. Errors name the real path, which people need to find it. */
function withRealPath<T>(syscall: string, parentFd: number, name: Buffer, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const number = errnoOf(error);
    if (number === undefined) throw error;
    throw new KernelError(syscall, number, realPathBelow(parentFd, name.toString()));
  }
}

/** Whether an entry was a subvolume and has been removed as one. */
async function removeEntryIfSubvolume(parentFd: number, name: Buffer): Promise<boolean> {
  try {
    const fd = openDirectoryInMount(parentFd, name);
    try {
      return await removeIfSubvolume(fd, parentFd, name);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isErrno(error, errno.ENOTDIR, errno.ELOOP)) return false;
    throw error;
  }
}

/**
 * Removes an open directory if it is a subvolume. If this process may not, because it is not root on the host, the
 * subvolume is emptied like a directory.
 */
async function removeIfSubvolume(fd: number, parentFd: number, name: Buffer): Promise<boolean> {
  if (statusOf(fd).inode !== ROOT_INODE || !(await isSubvolume(fd))) return false;
  try {
    // Opened again, because a handle (O_PATH) does not accept ioctl(2).
    await withDescriptor(below(parentFd), constants.O_RDONLY | constants.O_DIRECTORY, async (readableFd) => {
      // Newer kernels remove the qgroups of deleted subvolumes themselves; the call then finds none.
      for (const id of await removeSubvolumeTree(readableFd, name)) await removeQgroup(readableFd, id);
    });
    return true;
  } catch (error) {
    if (isErrno(error, errno.EPERM)) return false;
    throw error;
  }
}
