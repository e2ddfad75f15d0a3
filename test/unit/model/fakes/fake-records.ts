import { posix } from 'node:path';
import { VolumeError } from '../../../../src/model/errors.ts';
import { directoryNameOf } from '../../../../src/model/objects/object-id.ts';
import type { DamagedObject, RecordedObject } from '../../../../src/model/objects/object-index.ts';
import type { MovedContent, NewContent, Records } from '../../../../src/model/ports/ports.ts';
import type { OnStep } from '../../../../src/model/steps.ts';
import type { RecordKind } from '../../../../src/records/record-kinds.ts';
import { storageError } from '../../../../src/records/storage-error.ts';
import type { FakeTree } from './fake-tree.ts';
import { systemError } from './system-error.ts';

export interface FakeRecordsParts<Kind extends RecordedObject> {
  readonly kind: Pick<
    RecordKind<Kind>,
    'directoryName' | 'creation' | 'removal' | 'directoriesIn' | 'inPool'
  >;
  readonly tree: FakeTree;
  readonly poolPath: string;
  readonly poolName: string;
  readonly destroy: (directory: string, object: Kind) => Promise<void>;
  readonly onStep: OnStep;
}

/** The Records port in memory. It goes through the steps of the real one, in the same order. */
export class FakeRecords<Kind extends RecordedObject> implements Records<Kind> {
  private readonly parts: FakeRecordsParts<Kind>;
  private readonly objects = new Map<string, Kind>();
  private readonly aside = new Map<string, Kind>();
  private readonly damaged = new Map<string, DamagedObject>();
  private removals: Promise<void> = Promise.resolve();
  private removedCount = 0;

  constructor(parts: FakeRecordsParts<Kind>) {
    this.parts = parts;
    for (const name of [parts.kind.directoryName, 'retained', '.incoming', '.outgoing'])
      parts.tree.makeDirectory(this.inPool(name));
  }

  directoryNameOf(id: string): string {
    return directoryNameOf(id);
  }

  directoryOf(id: string): string {
    return this.inPool(this.parts.kind.directoryName, directoryNameOf(id));
  }

  async load(): Promise<{ found: Kind[]; damaged: DamagedObject[] }> {
    return { found: [...this.objects.values()], damaged: [...this.damaged.values()] };
  }

  async add(object: Kind, content: NewContent): Promise<void> {
    const { tree, onStep, poolName, destroy, kind } = this.parts;
    const incoming = this.inPool('.incoming', directoryNameOf(object.id));
    try {
      tree.makeDirectory(incoming);
      await onStep(`${kind.creation}: directory made`);
      await onStep(`${kind.creation}: record written`);
      for (const name of kind.directoriesIn(object)) tree.makeDirectory(posix.join(incoming, name));
      if (typeof content === 'function') await content(incoming);
      else tree.makeDirectory(posix.join(incoming, content.name), content.root);
      await onStep(`${kind.creation}: content made`);
      await onStep(`${kind.creation}: built durably`);
      if (tree.find(this.directoryOf(object.id))) throw systemError('ENOTEMPTY');
    } catch (error) {
      await destroy(incoming, object);
      throw storageError(error, poolName);
    }
    try {
      tree.move(incoming, this.directoryOf(object.id));
      this.objects.set(object.id, kind.inPool(object, poolName));
      await onStep(`${kind.creation}: renamed`);
    } catch (error) {
      await destroy(this.directoryOf(object.id), object);
      this.objects.delete(object.id);
      throw storageError(error, poolName);
    }
    await onStep(`${kind.creation}: durable`);
  }

  async adopt(object: Kind, content: MovedContent): Promise<void> {
    const { tree, onStep, poolName, kind } = this.parts;
    const directory = this.inPool('.adopting', directoryNameOf(object.id));
    const from = posix.join(content.from.directory, content.from.name);
    const within = posix.join(directory, content.name);
    tree.makeDirectory(directory);
    let isMoved = false;
    try {
      await onStep('adopt: prepared');
      tree.move(from, within);
      isMoved = true;
      await onStep('adopt: moved');
      await onStep('adopt: moved durably');
      await content.limit(directory);
      await onStep('adopt: limited');
      if (tree.find(this.directoryOf(object.id))) throw systemError('ENOTEMPTY');
    } catch (error) {
      if (isMoved) tree.move(within, from);
      tree.remove(directory);
      throw storageError(error, poolName);
    }
    tree.move(directory, this.directoryOf(object.id));
    this.objects.set(object.id, kind.inPool(object, poolName));
    await onStep('adopt: renamed');
    await onStep('adopt: durable');
  }

  async read(id: string): Promise<Kind> {
    const object = this.objects.get(id);
    if (!object) throw systemError('ENOENT');
    return object;
  }

  async replace(object: Kind): Promise<void> {
    if (!this.parts.tree.find(this.directoryOf(object.id))) throw systemError('ENOENT');
    this.objects.set(object.id, this.parts.kind.inPool(object, this.parts.poolName));
  }

  async replaceContent(id: string, name: string, make: (directory: string) => Promise<void>): Promise<void> {
    const { tree, onStep } = this.parts;
    const incoming = this.inPool('.incoming', `${directoryNameOf(id)}.${++this.removedCount}`);
    tree.makeDirectory(incoming);
    try {
      await make(incoming);
      await onStep('rebuild: content made');
      const content = posix.join(this.directoryOf(id), name);
      tree.remove(content);
      tree.move(posix.join(incoming, name), content);
      await onStep('rebuild: exchanged');
      await onStep('rebuild: durable');
    } finally {
      tree.remove(incoming);
    }
  }

  async remove(id: string): Promise<void> {
    const { tree, onStep, destroy, kind } = this.parts;
    const removed = this.inPool('.outgoing', `${directoryNameOf(id)}.${++this.removedCount}`);
    if (tree.find(this.directoryOf(id))) tree.move(this.directoryOf(id), removed);
    const object = this.objects.get(id);
    this.objects.delete(id);
    this.damaged.delete(id);
    await onStep(`${kind.removal}: renamed`);
    await onStep(`${kind.removal}: durable`);
    this.removals = this.removals.then(async () => {
      if (object) await destroy(removed, object);
      else tree.remove(removed);
      await onStep('delete: content removed');
    });
  }

  async retain(object: Kind): Promise<void> {
    const { id } = object;
    const { tree, onStep, poolName } = this.parts;
    const directory = this.retained.directoryOf(id);
    const exists = this.objects.has(id);
    await onStep('retain: recorded');
    if (exists && tree.find(directory)) {
      throw new VolumeError('precondition', `retained/ of pool "${poolName}" already contains "${id}"`);
    }
    if (exists) {
      tree.move(this.directoryOf(id), directory);
      this.aside.set(id, object);
    }
    this.objects.delete(id);
    await onStep('retain: renamed');
    await onStep('retain: durable');
  }

  async restore(): Promise<void> {
    throw new Error('only retained objects are restored');
  }

  /** The objects that were put aside. */
  readonly retained = {
    directoryOf: (id: string) => this.inPool('retained', directoryNameOf(id)),
    load: async (): Promise<{ found: Kind[]; damaged: DamagedObject[] }> => ({
      found: [...this.aside.values()],
      damaged: [],
    }),
    remove: (id: string) => this.purge(id),
    restore: (object: Kind) => this.restoreRetained(object),
  };

  private async purge(id: string): Promise<void> {
    const { tree, onStep, destroy } = this.parts;
    const removed = this.inPool('.outgoing', `${directoryNameOf(id)}.${++this.removedCount}`);
    if (tree.find(this.retained.directoryOf(id))) tree.move(this.retained.directoryOf(id), removed);
    const object = this.aside.get(id);
    this.aside.delete(id);
    await onStep('purge: renamed');
    await onStep('purge: durable');
    this.removals = this.removals.then(async () => {
      if (object) await destroy(removed, object);
      await onStep('delete: content removed');
    });
  }

  private async restoreRetained(object: Kind): Promise<void> {
    const { tree, onStep, kind, poolName } = this.parts;
    const [from, to] = [this.retained.directoryOf(object.id), this.directoryOf(object.id)];
    await onStep('restore: recorded');
    if (tree.find(from)) {
      if (tree.find(to)) {
        throw new VolumeError(
          'precondition',
          `volumes/ of pool "${poolName}" already contains "${object.id}"`,
        );
      }
      tree.move(from, to);
      this.objects.set(object.id, kind.inPool(object, poolName));
      this.aside.delete(object.id);
    }
    await onStep('restore: renamed');
    await onStep('restore: durable');
    if (!tree.find(to)) throw new VolumeError('not-found', `"${object.id}" is no longer in retained/`);
  }

  /** Makes the record of an object unreadable. */
  damage(id: string, reason: string): void {
    this.objects.delete(id);
    this.damaged.set(id, { id, pool: this.parts.poolName, reason });
  }

  /** Resolves when the background removals are done. */
  idle(): Promise<void> {
    return this.removals;
  }

  private inPool(...names: string[]): string {
    return posix.join(this.parts.poolPath, ...names);
  }
}
