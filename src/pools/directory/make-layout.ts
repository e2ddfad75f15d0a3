import { lstat, mkdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { errno, isErrno } from '../../kernel/calls/errno.ts';
import { isTransient, retry } from '../../kernel/calls/transient-error.ts';
import { VolumeError } from '../../model/errors.ts';
import { syncPath } from '../../records/durable-file.ts';
import {
  driverOnlyMode,
  type KindDirectoryName,
  kindDirectories,
  type PoolLayout,
} from '../../records/pool-layout.ts';
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
  const made: readonly KindDirectoryName[] = marker.homes ?? (isRemembered ? ['volumes'] : []);
  let isChanged = false;
  for (const name of kindDirectories) {
    if (await isDirectory(layout[name])) continue;
    if (made.includes(name)) throw missingDirectoryError(layout[name]);
    await makeDirectory(layout[name]);
    isChanged = true;
  }
  for (const path of [frozen, incoming, outgoing]) {
    if (await isDirectory(path)) continue;
    await makeDirectory(path);
    isChanged = true;
  }
  if (isChanged) await Promise.all([syncPath(root), syncPath(metadata)]);
  return kindDirectories.every((name) => marker.homes?.includes(name)) ? marker : markMade(layout, marker);
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
    if ((await retry(() => lstat(path))).isDirectory()) return true;
  } catch (error) {
    if (isErrno(error, errno.ENOENT)) return false;
    throw error;
  }
  throw new VolumeError(
    'unavailable',
    `${path} is not a directory; restore the directory that the driver created, or move the file away`,
  );
}

function missingDirectoryError(path: string): VolumeError {
  return new VolumeError(
    'unavailable',
    `${path} is missing, and the pool's data in it; restore it. If the data is no longer needed, create an empty directory ${basename(path)} in its place`,
  );
}

async function markMade(layout: PoolLayout, marker: PoolMarker): Promise<PoolMarker> {
  const complete = { ...marker, homes: [...kindDirectories] };
  try {
    await writeMarker(layout.marker, complete);
    return complete;
  } catch (error) {
    if (!isUnwritableError(error)) throw error;
    return marker;
  }
}

/** Whether a write failed because of the state of the disk. A complete pool can still be read then. */
export function isUnwritableError(error: unknown): boolean {
  return isErrno(error, errno.ENOSPC, errno.EDQUOT, errno.EROFS) || isTransient(error);
}
