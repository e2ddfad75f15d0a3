import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { closeSync } from 'node:fs';
import { opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { errno, isErrno } from './errno.ts';
import { below, openDirectoryInMount, withPath } from './path-handle.ts';

// Each level holds a descriptor open; a deeper directory is first moved up to the top of the tree.
const DEPTH_LIMIT = 32;
// A listing that is read while entries go away may miss some, and a process may still be adding new ones.
const PASS_LIMIT = 8;

/**
 * Removes a file, or a directory and all that is in it, however deep and whatever bytes its names are made of. Works
 * through descriptors that follow no symbolic link and cross no mount, so that a process which still writes in
 * the tree cannot lead it outside. What does not exist is removed already.
 * @throws KernelError or a node:fs error: EXDEV or EBUSY where something is mounted in it, EPERM for an
 *   immutable file; the rest of the tree may be gone by then
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await withPath(dirname(path), async (fd) => {
      await new TreeRemoval(fd).remove(fd, Buffer.from(basename(path)), 0);
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

  async remove(parentFd: number, name: Buffer, depth: number): Promise<void> {
    try {
      await this.removeDirectory(parentFd, name, depth);
    } catch (error) {
      // A symbolic link, or anything else that is not a directory.
      if (!isErrno(error, errno.ENOTDIR, errno.ELOOP)) throw error;
      await unlink(below(parentFd, name));
    }
  }

  private async removeDirectory(parentFd: number, name: Buffer, depth: number): Promise<void> {
    for (let pass = 1; ; pass++) {
      await this.emptyDirectory(parentFd, name, depth);
      try {
        await rmdir(below(parentFd, name));
        return;
      } catch (error) {
        if (pass === PASS_LIMIT || !isErrno(error, errno.ENOTEMPTY)) throw error;
      }
    }
  }

  private async emptyDirectory(parentFd: number, name: Buffer, depth: number): Promise<void> {
    // What is mounted there, or is mounted there just now, is neither opened nor asked.
    const fd = await openDirectoryInMount(parentFd, name);
    try {
      const entries = await opendir(below(fd), { encoding: 'buffer' as BufferEncoding });
      // The types know only the names of encodings that make strings.
      for await (const entry of entries as unknown as AsyncIterable<Dirent<Buffer>>) {
        await this.removeEntry(fd, entry, depth);
      }
    } finally {
      closeSync(fd);
    }
  }

  private async removeEntry(parentFd: number, entry: Dirent<Buffer>, depth: number): Promise<void> {
    const path = below(parentFd, entry.name);
    if (entry.isFile() || entry.isSymbolicLink()) {
      await unlink(path);
    } else if (depth < DEPTH_LIMIT) {
      // Some file systems leave the type out of a directory's entries, so it need not be one.
      await this.remove(parentFd, entry.name, depth + 1);
    } else {
      const shallowName = Buffer.from(`.deep-${randomUUID()}`);
      await rename(path, below(this.topFd, shallowName));
      await this.remove(this.topFd, shallowName, 0);
    }
  }
}
