import { mkdir } from 'node:fs/promises';
import { withDescriptor } from '../../kernel/descriptor.ts';
import { removeTree } from '../../kernel/remove-tree.ts';
import type { Backend } from '../../volume/ports.ts';
import type { Volume } from '../../volume/volume.ts';
import { dataOf, prepareRoot } from '../volume-root.ts';

/**
 * Volumes as plain directories of the pool's file system. Works everywhere, and holds no volume to its size; a
 * volume's context says so.
 */
export class PlainDirectory implements Backend {
  contentOf(directory: string): string {
    return dataOf(directory);
  }

  async provision(directory: string, { root }: Volume): Promise<void> {
    const content = dataOf(directory);
    await mkdir(content, { mode: 0o700 });
    await withDescriptor(content, 'r', (fd) => prepareRoot(content, fd, root));
  }

  async destroy(directory: string): Promise<void> {
    await removeTree(directory);
  }

  /** A promise, and no more: the record alone says how large the volume may be. */
  async expand(): Promise<void> {}

  async usage(): Promise<undefined> {
    return undefined;
  }

  /** Nothing is kept free for a volume that is not held to its size, so nobody needs to know. */
  async occupiedBytes(): Promise<bigint> {
    return 0n;
  }
}
