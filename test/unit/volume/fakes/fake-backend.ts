import { posix } from 'node:path';
import type { Backend } from '../../../../src/volume/ports.ts';
import type { Volume } from '../../../../src/volume/volume.ts';
import { systemError } from './fake-mounts.ts';
import { type FakeTree, makeDirectoryEntry } from './fake-tree.ts';

/** The Backend port in memory. */
export class FakeBackend implements Backend {
  readonly enforcesCapacity: boolean;
  private readonly tree: FakeTree;

  constructor(tree: FakeTree, enforcesCapacity = false) {
    this.tree = tree;
    this.enforcesCapacity = enforcesCapacity;
  }

  contentOf(directory: string): string {
    return posix.join(directory, 'data');
  }

  async provision(directory: string, { root }: Volume): Promise<void> {
    const wrapper = this.tree.find(directory);
    if (wrapper?.kind !== 'directory') throw systemError('ENOENT');
    wrapper.entries.set('data', makeDirectoryEntry(root));
  }

  async destroy(directory: string): Promise<void> {
    this.tree.remove(directory);
  }
}
