import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { constants } from 'node:fs';
import { lstat, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isSubvolume, ROOT_INODE } from './btrfs.ts';
import { removeQgroup } from './btrfs-quota.ts';
import { withDescriptor } from './descriptor.ts';
import { errno, isErrno, KernelError } from './errno.ts';
import { below, withPath } from './path-handle.ts';
import { removeSubvolumeTree } from './remove-subvolume-tree.ts';
import { statusBelow, statusOf } from './statx.ts';

// Each level holds a descriptor open; a deeper directory is first moved up to the top of the tree.
const DEPTH_LIMIT = 32;
const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
// A listing that is read while entries go away may miss some, and a process may still be adding new ones.
const PASS_LIMIT = 8;

/**
 * Removes a file, or a directory and all that is in it, however deep and whatever bytes its names are made of. Works
 * through descriptors that follow no symbolic link and cross no mount, so that a process which still writes in
 * the tree cannot lead it outside. A subvolume of btrfs, wherever it is in the tree, goes in one step with those nested
 * in it, read-only ones too, and its qgroup. What does not exist is removed already.
 * @throws KernelError or a node:fs error: EXDEV or EBUSY where something is mounted in it, EPERM for an
 *   immutable file; the rest of the tree may be gone by then
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await withPath(dirname(path), async (fd) => {
      const name = Buffer.from(basename(path));
      if (statusBelow(fd, basename(path)).type === 'directory') {
        await new TreeRemoval(fd).removeDirectory(fd, name, 0);
      } else {
        await unlink(below(fd, name));
      }
    });
  } catch (error) {
    if (!isErrno(error, errno.ENOENT)) throw error;
  }
}

class TreeRemoval {
  private readonly topFd: number;

  constructor(topFd: number) {
    this.topFd = topFd;
  }

  async removeDirectory(parentFd: number, name: Buffer, depth: number): Promise<void> {
    for (let pass = 1; ; pass++) {
      if ((await this.emptyDirectory(parentFd, name, depth)) === 'removed') return;
      try {
        await rmdir(below(parentFd, name));
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
    return withDescriptor(below(parentFd, name), OPEN_DIRECTORY, async (fd) => {
      if (await isSubvolumeRemoved(fd, parentFd, name)) return 'removed';
      const entries = await opendir(below(fd), { encoding: 'buffer' as BufferEncoding });
      // The types know only the names of encodings that make strings.
      for await (const entry of entries as unknown as AsyncIterable<Dirent<Buffer>>) {
        await this.removeEntry(fd, entry, depth);
      }
      return 'emptied';
    });
  }

  private async removeEntry(parentFd: number, entry: Dirent<Buffer>, depth: number): Promise<void> {
    const path = below(parentFd, entry.name);
    if (!(await isDirectory(entry, path))) {
      await unlink(path);
    } else if (depth < DEPTH_LIMIT) {
      await this.removeDirectory(parentFd, entry.name, depth + 1);
    } else if (
      !(await withDescriptor(path, OPEN_DIRECTORY, (fd) => isSubvolumeRemoved(fd, parentFd, entry.name)))
    ) {
      const shallowName = Buffer.from(`.deep-${randomUUID()}`);
      await rename(path, below(this.topFd, shallowName));
      await this.removeDirectory(this.topFd, shallowName, 0);
    }
  }
}

/**
 * Removes an open directory if it is a subvolume. One that this process may not remove as such, because it is not root of
 * the host, is emptied like a directory.
 * @throws KernelError EXDEV where something is mounted on the directory
 */
async function isSubvolumeRemoved(fd: number, parentFd: number, name: Buffer): Promise<boolean> {
  const { isMountRoot, inode } = statusOf(fd);
  if (isMountRoot) throw new KernelError('open', errno.EXDEV, name.toString());
  if (inode !== ROOT_INODE || !(await isSubvolume(fd))) return false;
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

// Some file systems leave the type out of a directory's entries.
async function isDirectory(entry: Dirent<Buffer>, path: Buffer): Promise<boolean> {
  if (entry.isDirectory() || entry.isFile() || entry.isSymbolicLink()) return entry.isDirectory();
  return (await lstat(path)).isDirectory();
}
