import { randomBytes } from 'node:crypto';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { quote, VolumeError } from '../model/errors.ts';
import { directoryNameOf } from '../model/objects/object-id.ts';
import type { DamagedObject, RecordedObject } from '../model/objects/object-index.ts';
import type { Records } from '../model/ports/ports.ts';
import type { OnStep } from '../model/steps.ts';
import { replaceFile, syncPath, writeNewFile } from './durable-file.ts';
import { KindDirectory } from './kind-directory.ts';
import type { PoolLayout } from './pool-layout.ts';
import type { RecordKind } from './record-kinds.ts';
import { RecordReader } from './record-reader.ts';
import { RecordReserve } from './record-reserve.ts';
import { emptyObject, type RemovalQueue } from './removal-queue.ts';
import { SharedSync } from './shared-sync.ts';
import { storageError } from './storage-error.ts';

const OBJECT_DIRECTORY_MODE = 0o700;

/** Removes the directory of an object, complete or not. */
export type DestroyContent<Item> = (directory: string, object: Item) => Promise<void>;

export interface DiskRecordsParts<Item extends RecordedObject> {
  readonly kind: RecordKind<Item>;
  readonly layout: PoolLayout;
  readonly poolName: string;
  readonly removals: RemovalQueue;
  readonly destroy: DestroyContent<Item>;
  readonly onStep: OnStep;
}

/**
 * The Records port on a pool's own disk: one directory per object, with its record next to its content. Renaming that
 * directory is the single step that creates or removes an object, so the file system is the database.
 */
export class DiskRecords<Item extends RecordedObject> implements Records<Item> {
  private readonly kind: RecordKind<Item>;
  private readonly kindPath: string;
  private readonly layout: PoolLayout;
  private readonly poolName: string;
  private readonly removals: RemovalQueue;
  private readonly destroy: DestroyContent<Item>;
  private readonly onStep: OnStep;
  /** Where removed objects were moved, until the removal is durable. */
  private readonly renamed = new Map<string, string>();
  private readonly reader: RecordReader<Item>;
  private readonly reserve: RecordReserve;
  private readonly kindDirectory: KindDirectory;
  private readonly kindSync: SharedSync;
  private readonly incomingSync: SharedSync;
  private readonly outgoingSync: SharedSync;
  private readonly retainedSync: SharedSync;

  constructor(parts: DiskRecordsParts<Item>) {
    this.kind = parts.kind;
    this.layout = parts.layout;
    this.kindPath = parts.layout[parts.kind.directoryName];
    this.poolName = parts.poolName;
    this.removals = parts.removals;
    this.destroy = parts.destroy;
    this.onStep = parts.onStep;
    this.kindDirectory = new KindDirectory(this.kindPath, parts.poolName);
    this.reader = new RecordReader(parts.kind, this.kindDirectory, parts.poolName);
    this.reserve = new RecordReserve(parts.layout.reserve);
    this.kindSync = new SharedSync(this.kindPath);
    this.incomingSync = new SharedSync(parts.layout.incoming);
    this.outgoingSync = new SharedSync(parts.layout.outgoing);
    this.retainedSync = new SharedSync(parts.layout.retained);
  }

  directoryNameOf(id: string): string {
    return directoryNameOf(id);
  }

  directoryOf(id: string): string {
    return join(this.kindPath, directoryNameOf(id));
  }

  async add(object: Item, build: (directory: string) => Promise<void>): Promise<void> {
    // The CO may reuse an id while the leftovers of a crashed attempt are still being removed.
    const directory = join(this.layout.incoming, uniqueNameFor(object.id));
    try {
      await this.build(object, directory, build);
    } catch (error) {
      // If removal fails now, it is retried in the background.
      await this.destroy(directory, object).catch(() => this.removals.add(directory));
      throw storageError(error, this.poolName);
    }
    try {
      await rename(directory, this.directoryOf(object.id));
      await this.onStep(`${this.kind.creation}: renamed`);
      await Promise.all([this.kindSync.wait(), this.incomingSync.wait()]);
    } catch (error) {
      await this.rollBack(object, directory);
      throw storageError(error, this.poolName);
    }
    await this.onStep(`${this.kind.creation}: durable`);
  }

  load(): Promise<{ found: Item[]; damaged: DamagedObject[] }> {
    return this.reader.load();
  }

  read(id: string): Promise<Item> {
    return this.reader.read(directoryNameOf(id));
  }

  async replace(object: Item): Promise<void> {
    const path = join(this.directoryOf(object.id), this.kind.recordName);
    const text = this.kind.encode(object);
    try {
      await replaceFile(path, text).catch(async (error: unknown) => {
        if (!isFull(error) || !(await this.reserve.replaceFile(path, text))) throw error;
      });
    } catch (error) {
      throw storageError(error, this.poolName);
    }
    this.reserve.refill();
  }

  async remove(id: string): Promise<void> {
    const removed = this.removedPathOf(id);
    try {
      await rename(this.directoryOf(id), removed).catch(async (error: unknown) => {
        if (!isFull(error)) throw error;
        await this.removeInPlace(id, removed, error);
      });
    } catch (error) {
      // An earlier attempt got as far as the rename. It may not be durable yet.
      if (!isErrno(error, errno.ENOENT)) throw storageError(error, this.poolName);
      await this.kindDirectory.check();
    }
    await this.onStep(`${this.kind.removal}: renamed`);
    try {
      await Promise.all([this.kindSync.wait(), this.outgoingSync.wait()]);
    } catch (error) {
      throw storageError(error, this.poolName);
    }
    this.renamed.delete(id);
    this.removals.add(removed);
    await this.onStep(`${this.kind.removal}: durable`);
  }

  async retain(id: string): Promise<void> {
    const name = directoryNameOf(id);
    try {
      await rename(this.directoryOf(id), join(this.layout.retained, name));
    } catch (error) {
      if (isErrno(error, errno.ENOTEMPTY, errno.EEXIST)) throw alreadyRetainedError(id, this.poolName);
      // As in `remove`.
      if (!isErrno(error, errno.ENOENT)) throw storageError(error, this.poolName);
      await this.kindDirectory.check();
    }
    await this.onStep('retain: renamed');
    try {
      await Promise.all([this.kindSync.wait(), this.retainedSync.wait()]);
    } catch (error) {
      throw storageError(error, this.poolName);
    }
    await this.onStep('retain: durable');
  }

  /** Where a removed object is moved: the same path for a retry of a removal that did not become durable. */
  private removedPathOf(id: string): string {
    const path = this.renamed.get(id) ?? join(this.layout.outgoing, uniqueNameFor(id));
    this.renamed.set(id, path);
    return path;
  }

  /**
   * Removes an object in place, because the disk has no room for the directory entry that a move needs. The record is
   * removed last, so that after a crash either the object still exists or nothing is left of it.
   */
  private async removeInPlace(id: string, removed: string, full: unknown): Promise<void> {
    const directory = this.directoryOf(id);
    const object = await this.read(id).catch(() => {
      throw full;
    });
    await emptyObject(directory, this.kind.recordName);
    try {
      await rename(directory, removed);
    } catch (error) {
      if (!isFull(error)) throw error;
      await this.destroy(directory, object);
    }
  }

  private async build(
    object: Item,
    directory: string,
    build: (directory: string) => Promise<void>,
  ): Promise<void> {
    await mkdir(directory, { mode: OBJECT_DIRECTORY_MODE });
    await this.onStep(`${this.kind.creation}: directory made`);
    // First, so that the removal of leftovers after a crash knows what they were.
    const recordPath = join(directory, this.kind.recordName);
    await writeNewFile(recordPath, this.kind.encode(object));
    await this.onStep(`${this.kind.creation}: record written`);
    const inner = this.kind.directoriesIn(object).map((name) => join(directory, name));
    for (const path of inner) await mkdir(path, { mode: OBJECT_DIRECTORY_MODE });
    await build(directory);
    await this.onStep(`${this.kind.creation}: content made`);
    await Promise.all([recordPath, directory, ...inner].map(syncPath));
    await this.onStep(`${this.kind.creation}: built durably`);
  }

  /** Undoes a creation whose last step failed, so that no object remains that the caller does not know of. */
  private async rollBack(object: Item, directory: string): Promise<void> {
    await rename(this.directoryOf(object.id), directory).catch(() => {});
    await this.destroy(directory, object).catch(() => this.removals.add(directory));
  }
}

function isFull(error: unknown): boolean {
  return isErrno(error, errno.ENOSPC, errno.EDQUOT);
}

function uniqueNameFor(id: string): string {
  return `${directoryNameOf(id)}.${randomBytes(4).toString('hex')}`;
}

function alreadyRetainedError(id: string, pool: string): VolumeError {
  const message = `retained/ of pool ${quote(pool)} already contains ${quote(id)}`;
  return new VolumeError('precondition', message);
}
