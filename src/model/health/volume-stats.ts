import { DiskError, quote, unknownVolume, VolumeError } from '../errors.ts';
import { checkReadable } from '../find/mount-place.ts';
import { imageOf, inspectPath, isVolumeAt } from '../find/staged-content.ts';
import { isStagedAt } from '../find/staging-note.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import { namingPool } from '../ports/naming-pool.ts';
import type { VolumeUsage } from '../ports/ports.ts';
import type { Model } from '../state/model.ts';
import { nearlyFull } from './nearly-full.ts';

/**
 * The space of a volume, at a path where it is staged or published (CSI specification, NodeGetVolumeStats). A volume
 * without an enforced capacity has the space of its pool's file system.
 * @throws VolumeError not-found: the volume is not mounted there, or was unmounted or deleted during the call
 */
export async function volumeStats(model: Model, volume: Volume, volumePath: string): Promise<VolumeUsage> {
  try {
    return await namingPool(volume, () => usageAt(model, volume, volumePath));
  } catch (error) {
    throw (await whyGone(model, volume, volumePath, error)) ?? error;
  }
}

async function usageAt(model: Model, volume: Volume, volumePath: string): Promise<VolumeUsage> {
  return model.pathsInWork.watch(async (watch) => {
    await checkVolumeAt(model, volume, volumePath);
    const { records, backends } = model.pools.of(volume);
    const directory = records.volumes.directoryOf(volume.id);
    const own = await backends[volume.content.backend].usage(directory, volume);
    if (own) {
      // Files of other volumes may fill it, and the kubelet calls this more often than health is checked.
      if (nearlyFull(volume.id, own).length > 0) model.recounts.look(volume, true);
      return own;
    }
    const { bytes, inodes } = await model.mounts.usage(volumePath);
    // After an unmount, the same path shows the space of another disk.
    if (!watch.isAtRest(volumePath)) await checkVolumeAt(model, volume, volumePath);
    // For a file system that allocates inodes dynamically, statfs(2) reports zeros.
    return { bytes, inodes: inodes.total === 0n ? undefined : inodes };
  });
}

/**
 * Nothing is locked, so a call may fail because the volume is unmounted or deleted in the middle of it: then this is
 * the error. Undefined if the volume is still there, and the error has another cause.
 */
async function whyGone(
  model: Model,
  volume: Volume,
  path: string,
  error: unknown,
): Promise<VolumeError | undefined> {
  if (error instanceof DiskError) return undefined;
  const isMounted = await isSomethingAt(model, volume, path);
  if (!model.volumes.findIntact(volume.id)) return unknownVolume(volume.id, { cause: error });
  return isMounted ? undefined : notMountedAt(volume, path, { cause: error });
}

/** Whether anything is mounted at a path. If that cannot be checked, the earlier error stands. */
async function isSomethingAt(model: Model, volume: Volume, path: string): Promise<boolean> {
  try {
    const { kind } = await model.mounts.inspect(path);
    if (kind === 'mounted' || kind === 'unreadable') return true;
    return kind === 'directory' && isBlock(volume.content);
  } catch {
    return true;
  }
}

/**
 * @throws VolumeError not-found: the volume is neither staged nor published at this path; precondition: the mount
 *   there is unreadable
 */
export async function checkVolumeAt(model: Model, volume: Volume, volumePath: string): Promise<void> {
  const state = await inspectPath(model, 'volumePath', volumePath);
  checkReadable('volumePath', volumePath, state);
  // Nothing is mounted where a block volume is staged.
  const mayBeStaged = isBlock(volume.content) && state.kind === 'directory';
  if (mayBeStaged && (await isStagedAt(model, await imageOf(model, volume), volumePath))) return;
  if (!(await isVolumeAt(model, volume, volumePath, state))) throw notMountedAt(volume, volumePath);
}

/** The volume exists, but not at this path. */
export function notMountedAt(volume: Volume, path: string, options?: ErrorOptions): VolumeError {
  const message = `volume ${quote(volume.id)} is not mounted at ${quote(path)}`;
  return new VolumeError('not-found', message, { ...options, about: 'volumePath' });
}
