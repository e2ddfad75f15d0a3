import { type BigIntStats, lstat } from 'node:fs';
import { promisify } from 'node:util';
import { errno, isErrno } from '../calls/errno.ts';
import { below } from '../calls/path-handle.ts';
import { withTreeSource } from './tree-source.ts';
import { type TreeVisitor, walkTree } from './walk-tree.ts';

const lstatAsync = promisify(lstat);
const STAT_BLOCK_BYTES = 512n;
// Fractions of a byte have this many bits and are rounded up. The sum is exact to the byte for fewer than 2^40 counted
// names.
const FRACTION_BITS = 40n;

/**
 * The bytes that the files of a tree take on disk, counting a file with several names once. Mounts in the tree and
 * directories do not count.
 *
 * Each name counts for its fraction of the file, so that no visited file needs to be remembered. The result is too low
 * for a file with names outside the tree; only the node's administrator can make such names, since pods reach nothing
 * outside the tree.
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
      const status = await statusIfExists(below(parentFd, name));
      if (status?.isFile()) bytes += partOf(status);
    },
  };
  await withTreeSource(source, (fd) => walkTree(fd, visitor, signal));
  return bytes >> FRACTION_BITS;
}

/** The share of a file that one of its names counts for. */
function partOf({ blocks, nlink }: BigIntStats): bigint {
  const all = (blocks * STAT_BLOCK_BYTES) << FRACTION_BITS;
  return nlink <= 1n ? all : (all + nlink - 1n) / nlink;
}

async function statusIfExists(path: Buffer): Promise<BigIntStats | undefined> {
  try {
    return await lstatAsync(path, { bigint: true });
  } catch (error) {
    if (isErrno(error, errno.ENOENT)) return undefined;
    throw error;
  }
}
