import { chmod, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '../../kernel/remove-tree.ts';
import { syncPath } from '../../records/durable-file.ts';
import type { Backend } from '../../volume/ports.ts';
import type { Volume } from '../../volume/volume.ts';

/**
 * Volumes as plain directories of the pool's file system. Works everywhere, and holds no volume to its size; a
 * volume's context says so.
 */
export class PlainDirectory implements Backend {
  readonly enforcesCapacity = false;

  contentOf(directory: string): string {
    return join(directory, 'data');
  }

  async provision(directory: string, { root }: Volume): Promise<void> {
    const content = this.contentOf(directory);
    await mkdir(content, { mode: 0o700 });
    // In this order, because a change of owner clears the set-id bits; and apart from mkdir, which is subject
    // to the umask.
    await chown(content, root.uid, root.gid);
    await chmod(content, root.mode);
    await syncPath(content);
  }

  async destroy(directory: string): Promise<void> {
    await removeTree(directory);
  }
}
