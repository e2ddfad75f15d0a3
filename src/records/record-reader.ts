import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { isResourceShortage, isTransient, retry } from '../kernel/calls/transient-error.ts';
import { directoryNameOf, idOfDirectory } from '../model/objects/object-id.ts';
import type { DamagedObject, RecordedObject } from '../model/objects/object-index.ts';
import { readOwnFile } from './durable-file.ts';
import type { KindDirectory } from './kind-directory.ts';
import type { RecordKind } from './record-kinds.ts';
import { storageError } from './storage-error.ts';

const MAX_CONCURRENT_READS = 64;

/** Reads the records of one kind of object in a pool. */
export class RecordReader<Item extends RecordedObject> {
  private readonly kind: RecordKind<Item>;
  private readonly kindDirectory: KindDirectory;
  private readonly poolName: string;

  constructor(kind: RecordKind<Item>, kindDirectory: KindDirectory, poolName: string) {
    this.kind = kind;
    this.kindDirectory = kindDirectory;
    this.poolName = poolName;
  }

  /** As `Records.load`. */
  async load(): Promise<{ found: Item[]; damaged: DamagedObject[] }> {
    const found: Item[] = [];
    const damaged: DamagedObject[] = [];
    const readOne = async (directoryName: string) => {
      try {
        found.push(await this.read(directoryName));
      } catch (error) {
        // The error says nothing about this record, and the next records would meet it too.
        if (isResourceShortage(error)) throw error;
        if (await this.removeIfLeftEmpty(directoryName, error)) return;
        const reason = reasonOf(error, this.kind.recordName);
        const unread = isTransient(error) ? { isUnread: true } : {};
        damaged.push({ id: idOfDirectory(directoryName), pool: this.poolName, reason, ...unread });
      }
    };
    try {
      await this.kindDirectory.remember();
      const names = await retry(() => readdir(this.kindDirectory.path));
      for (let start = 0; start < names.length; start += MAX_CONCURRENT_READS) {
        await Promise.all(names.slice(start, start + MAX_CONCURRENT_READS).map(readOne));
      }
    } catch (error) {
      throw storageError(error, this.poolName);
    }
    return { found, damaged };
  }

  /** Reads the record in the directory with this name. */
  async read(directoryName: string): Promise<Item> {
    const text = await readOwnFile(join(this.kindDirectory.path, directoryName, this.kind.recordName));
    const object = this.kind.decode(text);
    if (directoryNameOf(object.id) !== directoryName) {
      throw new Error(`it is the record of ${JSON.stringify(object.id)}, but is in ${directoryName}`);
    }
    return this.kind.inPool(object, this.poolName);
  }

  /** Whether a directory without a record is the remains of a removal in place. If so, it is removed. */
  private async removeIfLeftEmpty(directoryName: string, error: unknown): Promise<boolean> {
    if (!isErrno(error, errno.ENOENT)) return false;
    const directory = join(this.kindDirectory.path, directoryName);
    if ((await readdir(directory).catch(() => ['unknown'])).length > 0) return false;
    // It stays on a disk that accepts no writes.
    await rmdir(directory).catch(() => {});
    return true;
  }
}

function reasonOf(error: unknown, recordName: string): string {
  if (isErrno(error, errno.ENOENT)) return `${recordName} is missing`;
  if (isErrno(error, errno.ENOTDIR)) return 'it is a file, not a directory';
  return `${recordName}: ${error instanceof Error ? error.message : String(error)}`;
}
