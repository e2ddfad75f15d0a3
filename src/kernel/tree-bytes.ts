import { type BigIntStats, lstat } from 'node:fs';
import { promisify } from 'node:util';
import { errno, isErrno } from './errno.ts';
import { below } from './path-handle.ts';
import { withTreeSource } from './tree-source.ts';
import { type TreeVisitor, walkTree } from './walk-tree.ts';

const lstatAsync = promisify(lstat);
const STAT_BLOCK_BYTES = 512n;

/**
 * The bytes that the files of a tree take on their disk, a file with several names once. Mounts in the tree do not
 * count, nor do directories.
 * @throws the signal's reason
 */
export async function treeBytes(source: string, signal: AbortSignal): Promise<bigint> {
  signal.throwIfAborted();
  const counted = new Set<string>();
  let bytes = 0n;
  const visitor: TreeVisitor<undefined> = {
    directory: async (_directory, _parent, walk) => {
      await walk(undefined);
    },
    leaf: async ({ parentFd, name }) => {
      const status = await statusIfThere(below(parentFd, name));
      if (!status?.isFile()) return;
      const key = `${status.dev}-${status.ino}`;
      if (counted.has(key)) return;
      if (status.nlink > 1n) counted.add(key);
      bytes += status.blocks * STAT_BLOCK_BYTES;
    },
  };
  await withTreeSource(source, (fd) => walkTree(fd, visitor, signal));
  return bytes;
}

async function statusIfThere(path: Buffer): Promise<BigIntStats | undefined> {
  try {
    return await lstatAsync(path, { bigint: true });
  } catch (error) {
    if (isErrno(error, errno.ENOENT)) return undefined;
    throw error;
  }
}
