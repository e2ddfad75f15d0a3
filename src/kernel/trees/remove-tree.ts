import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { closeSync, constants, readlinkSync } from 'node:fs';
import { mkdir, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { withDescriptor } from '../calls/descriptor.ts';
import { errno, errnoOf, isErrno, KernelError } from '../calls/errno.ts';
import { below, openDirectoryInMount, withPath } from '../calls/path-handle.ts';
import { statusOf } from '../calls/statx.ts';
import { isSubvolume, ROOT_INODE } from '../file-systems/btrfs.ts';
import { removeQgroup } from '../file-systems/btrfs-quota.ts';
import { removeSubvolumeTree } from '../file-systems/remove-subvolume-tree.ts';

// Each level holds a descriptor open; deeper directories are moved to a heap beside the tree and removed afterwards.
const DEPTH_LIMIT = 32;
// Listing a directory during removals may miss entries, and a process may still be adding new ones.
const PASS_LIMIT = 8;

/**
 * Removes a file, or a directory with everything in it, at any depth and with names of any bytes. Works through
 * descriptors that follow no symbolic link and cross no mount, so that a process still writing in the tree cannot lead
 * the removal outside. A btrfs subvolume anywhere in the tree is removed in one step, with its nested subvolumes,
 * including read-only ones, and its qgroup. A path that does not exist counts as removed.
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
      await unlinkAt(parentFd, name);
    }
  }

  private async removeDirectory(parentFd: number, name: Buffer, depth: number): Promise<void> {
    for (let pass = 1; ; pass++) {
      if ((await this.emptyDirectory(parentFd, name, depth)) === 'removed') return;
      try {
        await withRealPath('rmdir', parentFd, name, rmdir(below(parentFd, name)));
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
    const fd = await withRealPath('openat2', parentFd, name, openDirectoryInMount(parentFd, name));
    try {
      if (await removeIfSubvolume(fd, parentFd, name)) return 'removed';
      const entries = await opendir(below(fd), { encoding: 'buffer' as BufferEncoding });
      // The types only list encodings that yield strings.
      for await (const entry of entries as unknown as AsyncIterable<Dirent<Buffer>>) {
        await this.removeEntry(fd, entry, depth);
      }
      return 'emptied';
    } finally {
      closeSync(fd);
    }
  }

  private async removeEntry(parentFd: number, entry: Dirent<Buffer>, depth: number): Promise<void> {
    if (entry.isFile() || entry.isSymbolicLink()) {
      await unlinkAt(parentFd, entry.name);
    } else if (depth < DEPTH_LIMIT) {
      // Some file systems omit the type from directory entries, so it may not be a directory.
      await this.remove(parentFd, entry.name, depth + 1);
    } else if (!(await removeEntryIfSubvolume(parentFd, entry.name))) {
      await withRealPath('rename', parentFd, entry.name, this.moveToOverflow(below(parentFd, entry.name)));
    }
  }

  /** Moves a deep directory to the heap. Memory does not list them, since there may be any number. */
  private async moveToOverflow(path: Buffer): Promise<void> {
    const name = Buffer.from(`.deep-${randomUUID()}`);
    if (this.overflow !== undefined) {
      const heap = below(this.topFd, this.overflow);
      await rename(path, Buffer.concat([heap, Buffer.from('/'), name]));
      return;
    }
    const isMade = await falseIfFull(mkdir(below(this.topFd, name), 0o700));
    // On a full disk the directory itself becomes the heap.
    if (!isMade) await rename(path, below(this.topFd, name));
    this.overflow = name;
    if (isMade) await this.moveToOverflow(path);
  }
}

async function falseIfFull(making: Promise<void>): Promise<boolean> {
  try {
    await making;
    return true;
  } catch (error) {
    if (isErrno(error, errno.ENOSPC, errno.EDQUOT)) return false;
    throw error;
  }
}

function unlinkAt(parentFd: number, name: Buffer): Promise<void> {
  return withRealPath('unlink', parentFd, name, unlink(below(parentFd, name)));
}

/** Wraps work on an entry of an open directory, so that errors name the real path, which people need to find it. */
async function withRealPath<T>(
  syscall: string,
  parentFd: number,
  name: Buffer,
  work: Promise<T>,
): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const number = errnoOf(error);
    if (number === undefined) throw error;
    throw new KernelError(syscall, number, join(readlinkSync(below(parentFd)), name.toString()));
  }
}

/** Whether an entry was a subvolume and has been removed as one. */
async function removeEntryIfSubvolume(parentFd: number, name: Buffer): Promise<boolean> {
  try {
    const fd = await openDirectoryInMount(parentFd, name);
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
