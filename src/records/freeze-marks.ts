import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { directoryNameOf } from '../model/objects/object-id.ts';
import type { FreezeMarks } from '../model/ports/ports.ts';
import { syncPath, writeNewFile } from './durable-file.ts';
import { storageError } from './storage-error.ts';

/** The FreezeMarks port: one empty file per volume, named like the volume's directory. */
export class DiskFreezeMarks implements FreezeMarks {
  private readonly directory: string;
  private readonly poolName: string;

  /** @param directory an existing directory used for nothing else */
  constructor(directory: string, poolName: string) {
    this.directory = directory;
    this.poolName = poolName;
  }

  async add(volumeIds: readonly string[]): Promise<readonly string[]> {
    const added = new Set<string>();
    const addOne = async (id: string) => {
      if (await this.createMark(id)) added.add(id);
    };
    try {
      const outcomes = await Promise.allSettled(volumeIds.map(addOne));
      const failed = outcomes.find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
      await syncPath(this.directory);
    } catch (error) {
      // The caller needs the first error.
      await this.remove([...added]).catch(() => {});
      throw storageError(error, this.poolName);
    }
    return volumeIds.filter((id) => !added.has(id));
  }

  async remove(volumeIds: readonly string[]): Promise<void> {
    await Promise.all(volumeIds.map((id) => rm(this.pathOf(directoryNameOf(id)), { force: true })));
    await syncPath(this.directory);
  }

  async has(volumeId: string): Promise<boolean> {
    return (await this.marked()).includes(directoryNameOf(volumeId));
  }

  /** The directory names of the marked volumes. */
  marked(): Promise<string[]> {
    return readdir(this.directory);
  }

  /** Removes the mark of the volume with this directory name. */
  async removeNamed(directoryName: string): Promise<void> {
    await rm(this.pathOf(directoryName), { force: true });
    await syncPath(this.directory);
  }

  private async createMark(volumeId: string): Promise<boolean> {
    try {
      await writeNewFile(this.pathOf(directoryNameOf(volumeId)), '');
      return true;
    } catch (error) {
      if (isErrno(error, errno.EEXIST)) return false;
      throw error;
    }
  }

  private pathOf(directoryName: string): string {
    return join(this.directory, directoryName);
  }
}
