import { readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { directoryNameOf } from '../model/objects/object-id.ts';
import { readOwnFile, syncPath } from './durable-file.ts';
import type { PoolLayout } from './pool-layout.ts';
import { volumeRecords } from './record-kinds.ts';

/** How one adoption ended that a crash had interrupted. */
export interface FinishedAdoption {
  readonly directory: string;
  /** Absent if all is well, and the volume exists now. */
  readonly error?: unknown;
}

/**
 * Completes the adoptions that a crash interrupted (`adoptObject`): where the content has arrived, the volume exists from now on;
 * where it has not, it is at its old place, and nothing is left here. Nothing that holds content is ever removed.
 * @returns those that were, or could not be, completed
 */
export async function finishAdoptions(layout: PoolLayout): Promise<FinishedAdoption[]> {
  const outcomes: FinishedAdoption[] = [];
  for (const name of await namesIn(layout.adopting)) {
    const directory = join(layout.adopting, name);
    try {
      if (await finishOne(layout, name, directory)) outcomes.push({ directory });
    } catch (error) {
      outcomes.push({ directory, error });
    }
  }
  return outcomes;
}

/** @returns whether there is one more volume now */
async function finishOne(layout: PoolLayout, name: string, directory: string): Promise<boolean> {
  const { recordName } = volumeRecords;
  const content = (await readdir(directory)).filter((entry) => entry !== recordName);
  if (content.length === 0) {
    await unlink(join(directory, recordName)).catch((error: unknown) => {
      if (!isErrno(error, errno.ENOENT)) throw error;
    });
    await rmdir(directory);
    return false;
  }
  const { id } = volumeRecords.decode(await readOwnFile(join(directory, recordName)));
  if (directoryNameOf(id) !== name) throw new Error(`its record is that of ${JSON.stringify(id)}`);
  await rename(directory, join(layout.volumes, name));
  await syncPath(layout.volumes);
  await syncPath(layout.adopting);
  return true;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    // No volume was ever adopted here.
    if (isErrno(error, errno.ENOENT)) return [];
    throw error;
  }
}
