import { quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import { checkReadable } from './mount-place.ts';
import type { VolumeUsage } from './ports.ts';
import { deviceOf, inspectField, isVolumeAt } from './staged-content.ts';
import { isBlock, type Volume } from './volume.ts';

/**
 * The space of a volume, asked at a path where it is staged or published (CSI specification,
 * NodeGetVolumeStats). A volume that is not held to its size has the space of its pool's file system.
 * @throws VolumeError not-found: the volume is not mounted there
 */
export async function volumeStats(model: Model, volume: Volume, volumePath: string): Promise<VolumeUsage> {
  await checkVolumeAt(model, volume, volumePath);
  const { records, backends } = model.pools.of(volume);
  const own = await backends[volume.content.backend].usage(records.volumes.directoryOf(volume.id), volume);
  if (own) return own;
  const { bytes, inodes } = await model.mounts.usage(volumePath);
  // Of a file system that makes inodes as it goes, statfs(2) tells zeros.
  return { bytes, inodes: inodes.total === 0n ? undefined : inodes };
}

/**
 * @throws VolumeError not-found: the volume is neither staged nor published at this path; precondition: what is mounted
 *   there cannot be looked at
 */
export async function checkVolumeAt(model: Model, volume: Volume, volumePath: string): Promise<void> {
  const state = await inspectField(model, 'volume_path', volumePath);
  checkReadable('volume_path', volumePath, state);
  // The staging path of a block volume is a directory with nothing in it that tells the volume.
  const mayBeStagingPath = isBlock(volume.content) && state.kind === 'directory';
  if (mayBeStagingPath && (await deviceOf(model, volume))) return;
  if (!(await isVolumeAt(model, volume, volumePath, state))) throw notMountedAt(volume, volumePath);
}

/** The volume exists, but not at this path. */
export function notMountedAt(volume: Volume, path: string): VolumeError {
  return new VolumeError(
    'not-found',
    `volume_path: volume ${quote(volume.id)} is not mounted at ${quote(path)}`,
  );
}
