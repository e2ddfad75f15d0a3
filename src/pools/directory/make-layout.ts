import { lstat, mkdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { errno, isErrno } from '../../kernel/calls/errno.ts';
import { isPassing, retried } from '../../kernel/calls/passing-error.ts';
import { VolumeError } from '../../model/errors.ts';
import { syncPath } from '../../records/durable-file.ts';
import { driverOnlyMode, type Home, homes, type PoolLayout } from '../../records/pool-layout.ts';
import { type PoolMarker, writeMarker } from './pool-marker.ts';

/**
 * Creates the directories that a pool lacks, and writes nothing if it is complete: the disk may be full or read-only.
 * An object directory that was created earlier and has disappeared is not created again, since every object in it would
 * seem to be deleted.
 * @param isRemembered whether this driver has used the pool; if so, some version has already created `volumes/`
 * @returns the marker, including the directories created
 * @throws VolumeError unavailable, naming a directory that has disappeared or is not a directory
 */
export async function makeLayout(
  layout: PoolLayout,
  marker: PoolMarker,
  isRemembered: boolean,
): Promise<PoolMarker> {
  const { root, metadata, frozen, incoming, outgoing } = layout;
  const made: readonly Home[] = marker.homes ?? (isRemembered ? ['volumes'] : []);
  let isChanged = false;
  for (const home of homes) {
    if (await isDirectory(layout[home])) continue;
    if (made.includes(home)) throw vanished(layout[home]);
    await makeDirectory(layout[home]);
    isChanged = true;
  }
  for (const path of [frozen, incoming, outgoing]) {
    if (await isDirectory(path)) continue;
    await makeDirectory(path);
    isChanged = true;
  }
  if (isChanged) await Promise.all([syncPath(root), syncPath(metadata)]);
  return homes.every((home) => marker.homes?.includes(home)) ? marker : markMade(layout, marker);
}

/** Creates one directory if it is missing. Its parent exists unless someone has removed it. */
export async function makeDirectory(path: string): Promise<void> {
  if (await isDirectory(path)) return;
  await mkdir(path, { mode: driverOnlyMode }).catch((error: unknown) => {
    if (!isErrno(error, errno.EEXIST)) throw error;
  });
}

/**
 * @returns false if nothing exists at the path
 * @throws VolumeError unavailable if it is not a directory
 */
async function isDirectory(path: string): Promise<boolean> {
  try {
    if ((await retried(() => lstat(path))).isDirectory()) return true;
  } catch (error) {
    if (isErrno(error, errno.ENOENT)) return false;
    throw error;
  }
  throw new VolumeError(
    'unavailable',
    `${path} is not a directory; put back the one that the driver has made, or move what is there away`,
  );
}

function vanished(path: string): VolumeError {
  return new VolumeError(
    'unavailable',
    `${path} is gone, and with it what the pool holds there; put it back. If nothing in it is needed any more, make an empty directory ${basename(path)} in its place`,
  );
}

async function markMade(layout: PoolLayout, marker: PoolMarker): Promise<PoolMarker> {
  const complete = { ...marker, homes: [...homes] };
  try {
    await writeMarker(layout.marker, complete);
    return complete;
  } catch (error) {
    if (!takesNoWrites(error)) throw error;
    return marker;
  }
}

/** Whether a write failed because of the state of the disk. A complete pool can still be read then. */
export function takesNoWrites(error: unknown): boolean {
  return isErrno(error, errno.ENOSPC, errno.EDQUOT, errno.EROFS) || isPassing(error);
}
