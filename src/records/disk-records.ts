import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { isPassing, isScarcity, retried } from '../kernel/calls/passing-error.ts';
import { quote, VolumeError } from '../model/errors.ts';
import { directoryNameOf, idOfDirectory } from '../model/objects/object-id.ts';
import type { Damaged, Stored } from '../model/objects/stored.ts';
import type { Records } from '../model/ports/ports.ts';
import type { OnStep } from '../model/steps.ts';
import { replaceFile, syncPath, writeNewFile } from './durable-file.ts';
import { emptyObject } from './empty-object.ts';
import { HomeDirectory } from './home-directory.ts';
import { readOwnFile } from './own-file.ts';
import type { PoolLayout } from './pool-layout.ts';
import type { RecordKind } from './record-kinds.ts';
import { RecordReserve } from './record-reserve.ts';
import type { RemovalQueue } from './removal-queue.ts';
import { SharedSync } from './shared-sync.ts';
import { storageError } from './storage-error.ts';

const WRAPPER_MODE = 0o700;
const READS_AT_ONCE = 64;

/** Removes the directory of an object, complete or not. */
export type DestroyContent<Kind> = (directory: string, object: Kind) => Promise<void>;

export interface DiskRecordsParts<Kind extends Stored> {
  readonly kind: RecordKind<Kind>;
  readonly layout: PoolLayout;
  readonly poolName: string;
  readonly removals: RemovalQueue;
  readonly destroy: DestroyContent<Kind>;
  readonly onStep: OnStep;
}

/**
 * The Records port on a pool's own disk: one directory per object, with its record next to its content. Renaming that
 * directory is the single step that creates or removes an object, so the file system is the database.
 */
export class DiskRecords<Kind extends Stored> implements Records<Kind> {
  private readonly kind: RecordKind<Kind>;
  private readonly home: string;
  private readonly layout: PoolLayout;
  private readonly poolName: string;
  private readonly removals: RemovalQueue;
  private readonly destroy: DestroyContent<Kind>;
  private readonly onStep: OnStep;
  /** Where removed objects were moved, until the removal is durable. */
  private readonly renamed = new Map<string, string>();
  private readonly reserve: RecordReserve;
  private readonly homeDirectory: HomeDirectory;
  private readonly homeSync: SharedSync;
  private readonly incomingSync: SharedSync;
  private readonly outgoingSync: SharedSync;
  private readonly retainedSync: SharedSync;

  constructor(parts: DiskRecordsParts<Kind>) {
    this.kind = parts.kind;
    this.layout = parts.layout;
    this.home = parts.layout[parts.kind.home];
    this.poolName = parts.poolName;
    this.removals = parts.removals;
    this.destroy = parts.destroy;
    this.onStep = parts.onStep;
    this.homeDirectory = new HomeDirectory(this.home, parts.poolName);
    this.reserve = new RecordReserve(parts.layout.reserve);
    this.homeSync = new SharedSync(this.home);
    this.incomingSync = new SharedSync(parts.layout.incoming);
    this.outgoingSync = new SharedSync(parts.layout.outgoing);
    this.retainedSync = new SharedSync(parts.layout.retained);
  }

  directoryNameOf(id: string): string {
    return directoryNameOf(id);
  }

  directoryOf(id: string): string {
    return join(this.home, directoryNameOf(id));
  }

  async load(): Promise<{ found: Kind[]; damaged: Damaged[] }> {
    const found: Kind[] = [];
    const damaged: Damaged[] = [];
    const readOne = async (directoryName: string) => {
      try {
        found.push(await this.readFrom(directoryName));
      } catch (error) {
        // The error says nothing about this record, and the next records would meet it too.
        if (isScarcity(error)) throw error;
        if (await this.isLeftEmpty(directoryName, error)) return;
        const reason = reasonOf(error, this.kind.recordName);
        const unread = isPassing(error) ? { isUnread: true } : {};
        damaged.push({ id: idOfDirectory(directoryName), pool: this.poolName, reason, ...unread });
      }
    };
    try {
      await this.homeDirectory.remember();
      const names = await retried(() => readdir(this.home));
      for (let start = 0; start < names.length; start += READS_AT_ONCE) {
        await Promise.all(names.slice(start, start + READS_AT_ONCE).map(readOne));
      }
    } catch (error) {
      throw storageError(error, this.poolName);
    }
    return { found, damaged };
  }

  async add(object: Kind, build: (directory: string) => Promise<void>): Promise<void> {
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
      await Promise.all([this.homeSync.wait(), this.incomingSync.wait()]);
    } catch (error) {
      await this.takeBack(object, directory);
      throw storageError(error, this.poolName);
    }
    await this.onStep(`${this.kind.creation}: durable`);
  }

  read(id: string): Promise<Kind> {
    return this.readFrom(directoryNameOf(id));
  }

  async replace(object: Kind): Promise<void> {
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
      await this.homeDirectory.check();
    }
    await this.onStep(`${this.kind.removal}: renamed`);
    try {
      await Promise.all([this.homeSync.wait(), this.outgoingSync.wait()]);
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
      if (isErrno(error, errno.ENOTEMPTY, errno.EEXIST)) throw retainedBefore(id, this.poolName);
      // As in `remove`.
      if (!isErrno(error, errno.ENOENT)) throw storageError(error, this.poolName);
      await this.homeDirectory.check();
    }
    await this.onStep('retain: renamed');
    try {
      await Promise.all([this.homeSync.wait(), this.retainedSync.wait()]);
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

  /** Whether a directory without a record is the remains of a removal in place. If so, it is removed. */
  private async isLeftEmpty(directoryName: string, error: unknown): Promise<boolean> {
    if (!isErrno(error, errno.ENOENT)) return false;
    const directory = join(this.home, directoryName);
    if ((await readdir(directory).catch(() => ['unknown'])).length > 0) return false;
    // It stays on a disk that accepts no writes.
    await rmdir(directory).catch(() => {});
    return true;
  }

  private async readFrom(directoryName: string): Promise<Kind> {
    const text = await readOwnFile(join(this.home, directoryName, this.kind.recordName));
    const object = this.kind.decode(text);
    if (directoryNameOf(object.id) !== directoryName) {
      throw new Error(`it is the record of ${JSON.stringify(object.id)}, but lies in ${directoryName}`);
    }
    return this.kind.inPool(object, this.poolName);
  }

  private async build(
    object: Kind,
    directory: string,
    build: (directory: string) => Promise<void>,
  ): Promise<void> {
    await mkdir(directory, { mode: WRAPPER_MODE });
    await this.onStep(`${this.kind.creation}: directory made`);
    // First, so that the removal of leftovers after a crash knows what they were.
    const recordPath = join(directory, this.kind.recordName);
    await writeNewFile(recordPath, this.kind.encode(object));
    await this.onStep(`${this.kind.creation}: record written`);
    const inner = this.kind.directoriesIn(object).map((name) => join(directory, name));
    for (const path of inner) await mkdir(path, { mode: WRAPPER_MODE });
    await build(directory);
    await this.onStep(`${this.kind.creation}: content made`);
    await Promise.all([recordPath, directory, ...inner].map(syncPath));
    await this.onStep(`${this.kind.creation}: built durably`);
  }

  /** Undoes a creation whose last step failed, so that no object remains that the caller does not know of. */
  private async takeBack(object: Kind, directory: string): Promise<void> {
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

function retainedBefore(id: string, pool: string): VolumeError {
  const message = `${quote(id)} was retained before, and is still in retained/ of pool ${quote(pool)}`;
  return new VolumeError('precondition', message);
}

function reasonOf(error: unknown, recordName: string): string {
  if (isErrno(error, errno.ENOENT)) return `${recordName} is missing`;
  if (isErrno(error, errno.ENOTDIR)) return 'it is a file where a directory should be';
  return `${recordName}: ${error instanceof Error ? error.message : String(error)}`;
}
