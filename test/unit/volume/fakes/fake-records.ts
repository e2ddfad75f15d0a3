import { posix } from 'node:path';
import { storageError } from '../../../../src/records/storage-error.ts';
import type { Records } from '../../../../src/volume/ports.ts';
import type { OnStep } from '../../../../src/volume/steps.ts';
import type { DamagedVolume, Volume } from '../../../../src/volume/volume.ts';
import { directoryNameOf } from '../../../../src/volume/volume-id.ts';
import type { FakeTree } from './fake-tree.ts';
import { systemError } from './system-error.ts';

export interface FakeRecordsParts {
  readonly tree: FakeTree;
  readonly poolPath: string;
  readonly poolName: string;
  readonly destroy: (directory: string, volume: Volume) => Promise<void>;
  readonly onStep: OnStep;
}

/** The Records port in memory. It reaches the steps of the real one, in the same order. */
export class FakeRecords implements Records {
  private readonly parts: FakeRecordsParts;
  private readonly volumes = new Map<string, Volume>();
  private readonly damaged = new Map<string, DamagedVolume>();
  private removals: Promise<void> = Promise.resolve();
  private removedCount = 0;

  constructor(parts: FakeRecordsParts) {
    this.parts = parts;
    for (const name of ['volumes', '.incoming', '.outgoing']) parts.tree.makeDirectory(this.inPool(name));
  }

  directoryNameOf(id: string): string {
    return directoryNameOf(id);
  }

  directoryOf(id: string): string {
    return this.inPool('volumes', directoryNameOf(id));
  }

  async load(): Promise<{ volumes: Volume[]; damaged: DamagedVolume[] }> {
    return { volumes: [...this.volumes.values()], damaged: [...this.damaged.values()] };
  }

  async add(volume: Volume, build: (directory: string) => Promise<void>): Promise<void> {
    const { tree, onStep, poolName, destroy } = this.parts;
    const incoming = this.inPool('.incoming', directoryNameOf(volume.id));
    try {
      tree.makeDirectory(incoming);
      await onStep('create: directory made');
      await onStep('create: record written');
      await build(incoming);
      await onStep('create: content made');
      await onStep('create: built durably');
      if (tree.find(this.directoryOf(volume.id))) throw systemError('ENOTEMPTY');
    } catch (error) {
      await destroy(incoming, volume);
      throw storageError(error, poolName);
    }
    try {
      tree.move(incoming, this.directoryOf(volume.id));
      this.volumes.set(volume.id, { ...volume, pool: poolName });
      await onStep('create: renamed');
    } catch (error) {
      await destroy(this.directoryOf(volume.id), volume);
      this.volumes.delete(volume.id);
      throw storageError(error, poolName);
    }
    await onStep('create: durable');
  }

  async replace(volume: Volume): Promise<void> {
    if (!this.parts.tree.find(this.directoryOf(volume.id))) throw systemError('ENOENT');
    this.volumes.set(volume.id, { ...volume, pool: this.parts.poolName });
  }

  async remove(id: string): Promise<void> {
    const { tree, onStep, destroy } = this.parts;
    const removed = this.inPool('.outgoing', `${directoryNameOf(id)}.${++this.removedCount}`);
    if (tree.find(this.directoryOf(id))) tree.move(this.directoryOf(id), removed);
    const volume = this.volumes.get(id);
    this.volumes.delete(id);
    this.damaged.delete(id);
    await onStep('delete: renamed');
    await onStep('delete: durable');
    this.removals = this.removals.then(async () => {
      if (volume) await destroy(removed, volume);
      else tree.remove(removed);
      await onStep('delete: content removed');
    });
  }

  /** Makes the record of a volume unreadable. */
  damage(id: string, reason: string): void {
    this.volumes.delete(id);
    this.damaged.set(id, { id, pool: this.parts.poolName, reason });
  }

  /** Resolves when nothing is left to remove in the background. */
  idle(): Promise<void> {
    return this.removals;
  }

  private inPool(...names: string[]): string {
    return posix.join(this.parts.poolPath, ...names);
  }
}
