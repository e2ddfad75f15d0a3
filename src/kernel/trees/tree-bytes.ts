import { type InodeStatus, inodeStatusBelow } from '../calls/inode-status.ts';
import type { StopFlag } from '../calls/stop-flag.ts';
import { fromSource } from '../files/copy-source.ts';
import { withTreeSource } from './tree-source.ts';
import { type TreeVisitor, walkTree } from './walk-tree.ts';

// Fractions of a byte have this many bits and are rounded up. The sum is exact to the byte for fewer than 2^40 counted
// names.
const FRACTION_BITS = 40n;

/**
 * The bytes that the files of a tree take on disk, counting a file with several names once. Mounts in the tree and
 * directories do not count. Blocks its thread.
 *
 * Each name counts for its fraction of the file, so that no visited file needs to be remembered. The result is too low
 * for a file with names outside the tree; only the node's administrator can make such names, since pods reach nothing
 * outside the tree.
 * @throws TreeObstacle; StoppedError
 */
export async function treeBytes(source: string, { stop }: { readonly stop: StopFlag }): Promise<bigint> {
  stop.throwIfStopped();
  let bytes = 0n;
  const visitor: TreeVisitor<undefined> = {
    directory: (_directory, _parent, walk) => void walk(undefined),
    leaf: (leaf) => {
      const status = fromSource(() => inodeStatusBelow(leaf));
      if (status?.isFile) bytes += partOf(status);
      return 'visited';
    },
  };
  await withTreeSource(source, (fd) => walkTree(fd, visitor, stop));
  return bytes >> FRACTION_BITS;
}

/** The share of a file that one of its names counts for. */
function partOf({ allocatedBytes, names }: InodeStatus): bigint {
  const all = allocatedBytes << FRACTION_BITS;
  const count = BigInt(names);
  return count <= 1n ? all : (all + count - 1n) / count;
}
