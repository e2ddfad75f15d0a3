import { DiskError, quote, unknownVolume, VolumeError } from '../errors.ts';
import { checkReadable } from '../find/check-mount-path.ts';
import { imageOf, inspectPath, isVolumeAt } from '../find/staged-content.ts';
import { isStagedAt } from '../find/staging-label.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import type { Host, Parts } from '../parts.ts';
import { withPoolInErrors } from '../ports/error-context.ts';
import type { VolumeUsage } from '../ports/ports.ts';
import { nearlyFull } from './pool-health.ts';

/**
 * The space of a volume, at a path where it is staged or published (CSI specification, NodeGetVolumeStats). A volume
 * without an enforced capacity has the space of its pool's file system.
 * @throws VolumeError not-found: the volume is not mounted there, or was unmounted or deleted during the call
 */
export async function volumeStats(
  parts: Parts<'catalogue' | 'host' | 'recounts' | 'holds'>,
  volume: Volume,
  volumePath: string,
): Promise<VolumeUsage> {
  try {
    return await withPoolInErrors(volume, () => usageAt(parts, volume, volumePath));
  } catch (error) {
    throw (await goneError(parts, volume, volumePath, error)) ?? error;
  }
}

async function usageAt(
  parts: Parts<'catalogue' | 'host' | 'recounts' | 'holds'>,
  volume: Volume,
  volumePath: string,
): Promise<VolumeUsage> {
  return parts.holds.mounting.watch(async (watch) => {
    await checkVolumeAt(parts, volume, volumePath);
    const own = await parts.catalogue.dataOf(volume).usage();
    if (own) {
      // Files of other volumes may fill it, and the kubelet calls this more often than health is checked.
      if (nearlyFull(volume.id, own).length > 0) parts.recounts.check(volume, true);
      return own;
    }
    const { bytes, inodes } = await parts.host.fileSystems.usage(volumePath);
    // After an unmount, the same path shows the space of another disk.
    if (!watch.isAtRest(volumePath)) await checkVolumeAt(parts, volume, volumePath);
    // For a file system that allocates inodes dynamically, statfs(2) reports zeros.
    return { bytes, inodes: inodes.total === 0n ? undefined : inodes };
  });
}

/**
 * Nothing is locked, so a call may fail because the volume is unmounted or deleted in the middle of it: then this is
 * the error. Undefined if the volume is still there, and the error has another cause.
 */
async function goneError(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  path: string,
  error: unknown,
): Promise<VolumeError | undefined> {
  if (error instanceof DiskError) return undefined;
  const isMounted = await isAnythingMounted(parts.host, volume, path);
  if (!parts.catalogue.volumes.findIntact(volume.id)) return unknownVolume(volume.id, { cause: error });
  return isMounted ? undefined : notMountedAt(volume, path, { cause: error });
}

/** Whether anything is mounted at a path. If that cannot be checked, the earlier error stands. */
async function isAnythingMounted(host: Host, volume: Volume, path: string): Promise<boolean> {
  try {
    const { kind } = await host.paths.inspect(path);
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
export async function checkVolumeAt(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  volumePath: string,
): Promise<void> {
  const state = await inspectPath(parts.host, 'volumePath', volumePath);
  checkReadable('volumePath', volumePath, state);
  // Nothing is mounted where a block volume is staged.
  const mayBeStaged = isBlock(volume.content) && state.kind === 'directory';
  if (mayBeStaged && (await isStagedAt(parts.host, await imageOf(parts, volume), volumePath))) return;
  if (!(await isVolumeAt(parts, volume, volumePath, state))) throw notMountedAt(volume, volumePath);
}

/** The volume exists, but not at this path. */
export function notMountedAt(volume: Volume, path: string, options?: ErrorOptions): VolumeError {
  const message = `volume ${quote(volume.id)} is not mounted at ${quote(path)}`;
  return new VolumeError('not-found', message, { ...options, about: 'volumePath' });
}
