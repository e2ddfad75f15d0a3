import { type BigIntStats, lstat } from 'node:fs';
import { promisify } from 'node:util';
import { errno, isErrno } from '../calls/errno.ts';
import { below } from '../calls/path-handle.ts';
import { withTreeSource } from './tree-source.ts';
import { type TreeVisitor, walkTree } from './walk-tree.ts';

const lstatAsync = promisify(lstat);
const STAT_BLOCK_BYTES = 512n;
// Parts of a byte are counted in this many bits, rounded up. The sum is right to the byte as long as fewer than 2^40
// names are counted.
const FRACTION_BITS = 40n;

/**
 * The bytes that the files of a tree take on their disk, a file with several names once. Mounts in the tree do not
 * count, nor do directories.
 *
 * Each name counts for its part of the file, so that nothing needs to be remembered of those that were seen. That is
 * too little for a file that has names outside the tree as well; only the owner of the node can make such names, since
 * a pod reaches nothing but the tree.
 * @throws TreeObstacle; the signal's reason
 */
export async function treeBytes(source: string, signal: AbortSignal): Promise<bigint> {
  signal.throwIfAborted();
  let bytes = 0n;
  const visitor: TreeVisitor<undefined> = {
    directory: async (_directory, _parent, walk) => {
      await walk(undefined);
    },
    leaf: async ({ parentFd, name }) => {
      const status = await statusIfThere(below(parentFd, name));
      if (status?.isFile()) bytes += partOf(status);
    },
  };
  await withTreeSource(source, (fd) => walkTree(fd, visitor, signal));
  return bytes >> FRACTION_BITS;
}

/** What one of a file's names stands for. */
function partOf({ blocks, nlink }: BigIntStats): bigint {
  const all = (blocks * STAT_BLOCK_BYTES) << FRACTION_BITS;
  return nlink <= 1n ? all : (all + nlink - 1n) / nlink;
}

async function statusIfThere(path: Buffer): Promise<BigIntStats | undefined> {
  try {
    return await lstatAsync(path, { bigint: true });
  } catch (error) {
    if (isErrno(error, errno.ENOENT)) return undefined;
    throw error;
  }
}
