import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, isErrno } from '../kernel/errno.ts';
import type { Records } from '../volume/ports.ts';
import type { OnStep } from '../volume/steps.ts';
import type { DamagedVolume, Volume } from '../volume/volume.ts';
import { directoryNameOf, idOfDirectory } from '../volume/volume-id.ts';
import { replaceFile, syncPath, writeNewFile } from './durable-file.ts';
import { type PoolLayout, volumeRecordName } from './pool-layout.ts';
import type { RemovalQueue } from './removal-queue.ts';
import { SharedSync } from './shared-sync.ts';
import { storageError } from './storage-error.ts';
import { decodeVolumeRecord, encodeVolumeRecord } from './volume-record.ts';

const WRAPPER_MODE = 0o700;
const READS_AT_ONCE = 64;

/** Removes a directory that holds a volume, or what was made of it. */
export type DestroyContent = (directory: string, volume: Volume) => Promise<void>;

export interface DiskRecordsParts {
  readonly layout: PoolLayout;
  readonly poolName: string;
  readonly removals: RemovalQueue;
  readonly destroy: DestroyContent;
  readonly onStep: OnStep;
}

/**
 * The Records port on a pool's own disk: one directory for each volume, with its record beside its content. A
 * volume appears and disappears by one rename of that directory, so the file system is the database.
 */
export class DiskRecords implements Records {
  private readonly layout: PoolLayout;
  private readonly poolName: string;
  private readonly removals: RemovalQueue;
  private readonly destroy: DestroyContent;
  private readonly onStep: OnStep;
  /** Volumes on their way out, until that is durable. */
  private readonly renamed = new Map<string, string>();
  private readonly volumesSync: SharedSync;
  private readonly incomingSync: SharedSync;
  private readonly outgoingSync: SharedSync;

  constructor(parts: DiskRecordsParts) {
    this.layout = parts.layout;
    this.poolName = parts.poolName;
    this.removals = parts.removals;
    this.destroy = parts.destroy;
    this.onStep = parts.onStep;
    this.volumesSync = new SharedSync(parts.layout.volumes);
    this.incomingSync = new SharedSync(parts.layout.incoming);
    this.outgoingSync = new SharedSync(parts.layout.outgoing);
  }

  directoryNameOf(id: string): string {
    return directoryNameOf(id);
  }

  directoryOf(id: string): string {
    return join(this.layout.volumes, directoryNameOf(id));
  }

  async load(): Promise<{ volumes: Volume[]; damaged: DamagedVolume[] }> {
    const volumes: Volume[] = [];
    const damaged: DamagedVolume[] = [];
    const readOne = async (directoryName: string) => {
      try {
        volumes.push(await this.read(directoryName));
      } catch (error) {
        const reason = reasonOf(error);
        damaged.push({ id: idOfDirectory(directoryName), pool: this.poolName, reason });
      }
    };
    const names = await readdir(this.layout.volumes);
    for (let start = 0; start < names.length; start += READS_AT_ONCE) {
      await Promise.all(names.slice(start, start + READS_AT_ONCE).map(readOne));
    }
    return { volumes, damaged };
  }

  async add(volume: Volume, build: (directory: string) => Promise<void>): Promise<void> {
    const directory = join(this.layout.incoming, directoryNameOf(volume.id));
    try {
      await this.build(volume, directory, build);
    } catch (error) {
      await this.destroy(directory, volume).catch(() => {});
      throw storageError(error, this.poolName);
    }
    try {
      await rename(directory, this.directoryOf(volume.id));
      await this.onStep('create: renamed');
      await Promise.all([this.volumesSync.wait(), this.incomingSync.wait()]);
    } catch (error) {
      await this.takeBack(volume, directory);
      throw storageError(error, this.poolName);
    }
    await this.onStep('create: durable');
  }

  async replace(volume: Volume): Promise<void> {
    try {
      await replaceFile(join(this.directoryOf(volume.id), volumeRecordName), encodeVolumeRecord(volume));
    } catch (error) {
      throw storageError(error, this.poolName);
    }
  }

  async remove(id: string): Promise<void> {
    const removed = this.removedPathOf(id);
    try {
      await rename(this.directoryOf(id), removed);
    } catch (error) {
      // A try before this one came as far as the rename. Whether it became durable is not known.
      if (!isErrno(error, errno.ENOENT)) throw storageError(error, this.poolName);
    }
    await this.onStep('delete: renamed');
    try {
      await Promise.all([this.volumesSync.wait(), this.outgoingSync.wait()]);
    } catch (error) {
      throw storageError(error, this.poolName);
    }
    this.renamed.delete(id);
    this.removals.add(removed);
    await this.onStep('delete: durable');
  }

  /** Where a volume goes that is removed: the same place for a retry of a removal that did not become durable. */
  private removedPathOf(id: string): string {
    const name = `${directoryNameOf(id)}.${randomBytes(4).toString('hex')}`;
    const path = this.renamed.get(id) ?? join(this.layout.outgoing, name);
    this.renamed.set(id, path);
    return path;
  }

  private async read(directoryName: string): Promise<Volume> {
    const volume = await readVolumeRecord(join(this.layout.volumes, directoryName));
    if (directoryNameOf(volume.id) !== directoryName) {
      throw new Error(`it is the record of ${JSON.stringify(volume.id)}, but lies in ${directoryName}`);
    }
    return { ...volume, pool: this.poolName };
  }

  private async build(
    volume: Volume,
    directory: string,
    build: (directory: string) => Promise<void>,
  ): Promise<void> {
    await mkdir(directory, { mode: WRAPPER_MODE });
    await this.onStep('create: directory made');
    // First, so that whoever removes what a crash has left knows what it was.
    const recordPath = join(directory, volumeRecordName);
    await writeNewFile(recordPath, encodeVolumeRecord(volume));
    await this.onStep('create: record written');
    await build(directory);
    await this.onStep('create: content made');
    await Promise.all([syncPath(recordPath), syncPath(directory)]);
    await this.onStep('create: built durably');
  }

  /** Undoes a create whose last step failed, so that a volume nobody was told of does not stay. */
  private async takeBack(volume: Volume, directory: string): Promise<void> {
    await rename(this.directoryOf(volume.id), directory).catch(() => {});
    await this.destroy(directory, volume).catch(() => {});
  }
}

/** Reads the record in a directory that holds, or held, a volume. @throws Error when it cannot be understood */
export async function readVolumeRecord(directory: string): Promise<Volume> {
  return decodeVolumeRecord(await readFile(join(directory, volumeRecordName), 'utf8'));
}

function reasonOf(error: unknown): string {
  if (isErrno(error, errno.ENOENT)) return `${volumeRecordName} is missing`;
  if (isErrno(error, errno.ENOTDIR)) return 'it is a file where a directory should be';
  return `${volumeRecordName}: ${error instanceof Error ? error.message : String(error)}`;
}
