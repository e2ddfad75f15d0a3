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

// Each level holds a descriptor open; a deeper directory is moved to a heap beside the tree, and removed after it.
const DEPTH_LIMIT = 32;
// A listing that is read while entries go away may miss some, and a process may still be adding new ones.
const PASS_LIMIT = 8;

/**
 * Removes a file, or a directory and all that is in it, however deep and whatever bytes its names are made of. Works
 * through descriptors that follow no symbolic link and cross no mount, so that a process which still writes in
 * the tree cannot lead it outside. A subvolume of btrfs, wherever it is in the tree, goes in one step with those nested
 * in it, read-only ones too, and its qgroup. What does not exist is removed already.
 * @throws KernelError with the path of what is in the way: EXDEV or EBUSY where something is mounted in it, EPERM for an
 *   immutable file; the rest of the tree may be gone by then
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await withPath(dirname(path), (fd) => removeBelow(fd, Buffer.from(basename(path))));
  } catch (error) {
    if (!isErrno(error, errno.ENOENT)) throw error;
  }
}

/** The same for what lies in an open directory, which may be a handle. @throws KernelError also ENOENT */
export function removeBelow(parentFd: number, name: Buffer): Promise<void> {
  return new TreeRemoval(parentFd).removeAll(name);
}

class TreeRemoval {
  private readonly topFd: number;
  private heap: Buffer | undefined;

  constructor(topFd: number) {
    this.topFd = topFd;
  }

  /** Removes a tree, then what lay deep in it, then what lay deep in that. */
  async removeAll(name: Buffer): Promise<void> {
    await this.remove(this.topFd, name, 0);
    while (this.heap !== undefined) {
      const heap = this.heap;
      this.heap = undefined;
      await this.remove(this.topFd, heap, 0);
    }
  }

  private async remove(parentFd: number, name: Buffer, depth: number): Promise<void> {
    try {
      await this.removeDirectory(parentFd, name, depth);
    } catch (error) {
      // A symbolic link, or anything else that is not a directory.
      if (!isErrno(error, errno.ENOTDIR, errno.ELOOP)) throw error;
      await unlinkAt(parentFd, name);
    }
  }

  private async removeDirectory(parentFd: number, name: Buffer, depth: number): Promise<void> {
    for (let pass = 1; ; pass++) {
      if ((await this.emptyDirectory(parentFd, name, depth)) === 'removed') return;
      try {
        await naming('rmdir', parentFd, name, rmdir(below(parentFd, name)));
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
    // What is mounted there, or is mounted there just now, is neither opened nor asked.
    const fd = await naming('openat2', parentFd, name, openDirectoryInMount(parentFd, name));
    try {
      if (await isSubvolumeRemoved(fd, parentFd, name)) return 'removed';
      const entries = await opendir(below(fd), { encoding: 'buffer' as BufferEncoding });
      // The types know only the names of encodings that make strings.
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
      // Some file systems leave the type out of a directory's entries, so it need not be one.
      await this.remove(parentFd, entry.name, depth + 1);
    } else if (!(await isRemovedAsSubvolume(parentFd, entry.name))) {
      await naming('rename', parentFd, entry.name, this.moveToHeap(below(parentFd, entry.name)));
    }
  }

  /** Moves a directory out of the depth. They are not remembered one by one, since there may be any number of them. */
  private async moveToHeap(path: Buffer): Promise<void> {
    const name = Buffer.from(`.deep-${randomUUID()}`);
    if (this.heap !== undefined) {
      const heap = below(this.topFd, this.heap);
      await rename(path, Buffer.concat([heap, Buffer.from('/'), name]));
      return;
    }
    const isMade = await wasRoomFor(mkdir(below(this.topFd, name), 0o700));
    // On a full disk it is the heap itself.
    if (!isMade) await rename(path, below(this.topFd, name));
    this.heap = name;
    if (isMade) await this.moveToHeap(path);
  }
}

async function wasRoomFor(making: Promise<void>): Promise<boolean> {
  try {
    await making;
    return true;
  } catch (error) {
    if (isErrno(error, errno.ENOSPC, errno.EDQUOT)) return false;
    throw error;
  }
}

function unlinkAt(parentFd: number, name: Buffer): Promise<void> {
  return naming('unlink', parentFd, name, unlink(below(parentFd, name)));
}

/** Work on an entry of an open directory, whose errors name its real path: people look for the file that is in the way. */
async function naming<T>(syscall: string, parentFd: number, name: Buffer, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const number = errnoOf(error);
    if (number === undefined) throw error;
    throw new KernelError(syscall, number, join(readlinkSync(below(parentFd)), name.toString()));
  }
}

/** Whether an entry was a subvolume, which is removed by that. */
async function isRemovedAsSubvolume(parentFd: number, name: Buffer): Promise<boolean> {
  try {
    const fd = await openDirectoryInMount(parentFd, name);
    try {
      return await isSubvolumeRemoved(fd, parentFd, name);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isErrno(error, errno.ENOTDIR, errno.ELOOP)) return false;
    throw error;
  }
}

/**
 * Removes an open directory if it is a subvolume. One that this process may not remove as such, because it is not root of
 * the host, is emptied like a directory.
 */
async function isSubvolumeRemoved(fd: number, parentFd: number, name: Buffer): Promise<boolean> {
  if (statusOf(fd).inode !== ROOT_INODE || !(await isSubvolume(fd))) return false;
  try {
    // Opened anew, because a handle (O_PATH) takes no ioctl.
    await withDescriptor(below(parentFd), constants.O_RDONLY | constants.O_DIRECTORY, async (readableFd) => {
      // Newer kernels remove the qgroups of deleted subvolumes by themselves; the call then finds none.
      for (const id of await removeSubvolumeTree(readableFd, name)) await removeQgroup(readableFd, id);
    });
    return true;
  } catch (error) {
    if (isErrno(error, errno.EPERM)) return false;
    throw error;
  }
}
