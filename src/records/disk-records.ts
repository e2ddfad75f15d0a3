import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import type { FileOperation } from '../kernel/files/file-operations.ts';
import { quote, VolumeError } from '../model/errors.ts';
import { directoryNameOf } from '../model/objects/object-id.ts';
import type { DamagedObject, RecordedObject } from '../model/objects/object-index.ts';
import type { MovedContent, NewContent, Records } from '../model/ports/ports.ts';
import { adoptObject } from './adopt-object.ts';
import { readOwnFile, replaceFile } from './durable-file.ts';
import { type FileChange, FileChangeError, type FileChanges } from './file-changes.ts';
import { KindDirectory } from './kind-directory.ts';
import { checkWritable, emptyDirectory, newObject, ownerError, sync } from './new-object.ts';
import type { PoolLayout } from './pool-layout.ts';
import type { RecordKind } from './record-kinds.ts';
import { RecordReader } from './record-reader.ts';
import { RecordReserve } from './record-reserve.ts';
import { emptyObject, type RemovalQueue } from './removal-queue.ts';
import { replaceContent } from './replace-content.ts';
import { storageError } from './storage-error.ts';

/** Removes the directory of an object, complete or not. */
export type DestroyContent<Item> = (directory: string, object: Item) => Promise<void>;

export interface DiskRecordsParts<Item extends RecordedObject> {
  readonly kind: RecordKind<Item>;
  readonly layout: PoolLayout;
  readonly poolName: string;
  readonly removals: RemovalQueue;
  readonly destroy: DestroyContent<Item>;
  readonly changes: FileChanges;
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
  private readonly changes: FileChanges;
  /** Where removed objects were moved, until the removal is durable. */
  private readonly renamed = new Map<string, string>();
  private readonly reader: RecordReader<Item>;
  private readonly reserve: RecordReserve;
  private readonly kindDirectory: KindDirectory;

  constructor(parts: DiskRecordsParts<Item>) {
    this.kind = parts.kind;
    this.layout = parts.layout;
    this.kindPath = parts.layout[parts.kind.directoryName];
    this.poolName = parts.poolName;
    this.removals = parts.removals;
    this.destroy = parts.destroy;
    this.changes = parts.changes;
    this.kindDirectory = new KindDirectory(this.kindPath, parts.poolName);
    this.reader = new RecordReader(parts.kind, this.kindDirectory, parts.poolName);
    this.reserve = new RecordReserve(parts.layout.reserve);
  }

  directoryNameOf(id: string): string {
    return directoryNameOf(id);
  }

  directoryOf(id: string): string {
    return join(this.kindPath, directoryNameOf(id));
  }

  async add(object: Item, content: NewContent): Promise<void> {
    // The CO may reuse an id while the leftovers of a crashed attempt are still being removed.
    const directory = join(this.layout.incoming, uniqueNameFor(object.id));
    const { beforeContent, afterContent } = newObject(this.kind, object, directory);
    const move: FileOperation = { kind: 'rename', from: directory, to: this.directoryOf(object.id) };
    const publish: FileChange = [
      move,
      `${this.kind.creation}: renamed`,
      sync(this.kindPath),
      sync(this.layout.incoming),
      checkWritable(this.layout.incoming),
      `${this.kind.creation}: durable`,
    ];
    try {
      if (typeof content === 'function') {
        await this.changes.make(beforeContent);
        await content(directory);
        await this.changes.make([...afterContent, ...publish]);
      } else {
        const made = emptyDirectory(directory, content);
        await this.changes.make([...beforeContent, ...made, ...afterContent, ...publish]);
      }
    } catch (error) {
      const failed = error instanceof FileChangeError ? error.item : undefined;
      const isMoved = failed !== undefined && publish.indexOf(failed) > publish.indexOf(move);
      await this.takeBack(object, directory, isMoved);
      const cause = causeOf(error);
      const isOwner = typeof failed === 'object' && failed.kind === 'set-owner';
      throw storageError(isOwner ? ownerError(cause, failed.owner) : cause, this.poolName);
    }
  }

  async adopt(object: Item, content: MovedContent): Promise<void> {
    const { kind, layout, changes } = this;
    try {
      await adoptObject({ kind, layout, changes, target: this.directoryOf(object.id) }, object, content);
    } catch (error) {
      throw storageError(causeOf(error), this.poolName);
    }
  }

  /**
   * Removes an object that could not be added: none must remain that the caller does not know of. What fails now is retried in
   * the background.
   * @param isMoved whether it is at its final path
   */
  private async takeBack(object: Item, directory: string, isMoved: boolean): Promise<void> {
    const moveBack = () => rename(this.directoryOf(object.id), directory);
    try {
      if (isMoved) await moveBack();
    } catch {
      this.removals.add(directory, moveBack);
      return;
    }
    await this.destroy(directory, object).catch(() => this.removals.add(directory));
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

  async replaceContent(id: string, name: string, make: (directory: string) => Promise<void>): Promise<void> {
    const { changes, removals } = this;
    const incoming = join(this.layout.incoming, uniqueNameFor(id));
    try {
      await replaceContent({ directory: this.directoryOf(id), name, make, incoming }, { changes, removals });
    } catch (error) {
      throw storageError(causeOf(error), this.poolName);
    }
  }

  async remove(id: string): Promise<void> {
    const removed = this.removedPathOf(id);
    await this.moveOut(id, removed, this.layout.outgoing, this.kind.removal, async (error) => {
      if (isFull(error)) await this.removeInPlace(id, removed, error);
      else throw error;
    });
    this.renamed.delete(id);
    this.removals.add(removed);
  }

  async retain(object: Item): Promise<void> {
    await this.moveTo('retained', object, 'retain');
  }

  async restore(object: Item): Promise<void> {
    await this.moveTo('volumes', object, 'restore');
    await this.checkMoved('volumes', object);
  }

  /** Records an object and moves it to another directory of objects, durably. */
  private async moveTo(
    home: 'volumes' | 'retained',
    object: Item,
    operation: 'retain' | 'restore',
  ): Promise<void> {
    const parent = this.layout[home];
    await this.replace(object).catch((error: unknown) => {
      // An earlier attempt has moved it.
      if (!isErrno(error, errno.ENOENT)) throw error;
    });
    const to = join(parent, directoryNameOf(object.id));
    const onRefused = async (error: unknown) => {
      const isThere = isErrno(error, errno.ENOTEMPTY, errno.EEXIST);
      throw isThere ? alreadyThereError(object.id, home, this.poolName) : error;
    };
    await this.moveOut(object.id, to, parent, operation, onRefused, [`${operation}: recorded`]);
  }

  /** @throws VolumeError not-found: an object that seemed to have been moved before was removed by its owner */
  private async checkMoved(home: 'volumes' | 'retained', { id }: Item): Promise<void> {
    const record = join(this.layout[home], directoryNameOf(id), this.kind.recordName);
    await readOwnFile(record).catch((error: unknown) => {
      throw isErrno(error, errno.ENOENT) ? goneError(id, this.poolName) : storageError(error, this.poolName);
    });
  }

  /**
   * Moves an object out of its directory, durably.
   * @param operation whose steps are passed
   * @param onRefused called if it cannot be moved
   * @param before the steps before
   */
  private async moveOut(
    id: string,
    to: string,
    parent: string,
    operation: RecordKind<Item>['removal'] | 'retain' | 'restore',
    onRefused: (error: unknown) => Promise<void>,
    before: FileChange = [],
  ): Promise<void> {
    const move: FileOperation = { kind: 'rename', from: this.directoryOf(id), to };
    const makeDurable: FileChange = [
      `${operation}: renamed`,
      sync(this.kindPath),
      sync(parent),
      checkWritable(parent),
      `${operation}: durable`,
    ];
    try {
      await this.changes.make([...before, move, ...makeDurable]).catch(async (error: unknown) => {
        if (!(error instanceof FileChangeError) || error.item !== move) throw error;
        // If it is missing, an earlier attempt got as far as the rename. It may not be durable yet.
        if (isErrno(error.cause, errno.ENOENT)) await this.kindDirectory.check();
        else await onRefused(error.cause);
        await this.changes.make(makeDurable);
      });
    } catch (error) {
      throw storageError(causeOf(error), this.poolName);
    }
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
}

/** The error of the disk behind that of a change. */
function causeOf(error: unknown): unknown {
  return error instanceof FileChangeError ? error.cause : error;
}

function isFull(error: unknown): boolean {
  return isErrno(error, errno.ENOSPC, errno.EDQUOT);
}

function uniqueNameFor(id: string): string {
  return `${directoryNameOf(id)}.${randomBytes(4).toString('hex')}`;
}

function alreadyThereError(id: string, home: string, pool: string): VolumeError {
  const message = `${home}/ of pool ${quote(pool)} already contains ${quote(id)}`;
  return new VolumeError('precondition', message);
}

function goneError(id: string, pool: string): VolumeError {
  const message = `${quote(id)} is no longer in retained/ of pool ${quote(pool)}`;
  return new VolumeError('not-found', message);
}
