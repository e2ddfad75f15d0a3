import { VolumeError } from '../errors.ts';
import { contentPathOf } from '../find/staged-content.ts';
import type { Volume } from '../objects/volume.ts';
import type { Model } from '../state/model.ts';
import { deleteUnused } from '../volumes/delete-volume.ts';

/**
 * Deletes an inline volume whose target was unmounted; does nothing for any other volume, or if there is none. May be
 * repeated. While the pool is missing the volume stays, so that its pod need not wait for a disk: `removeOrphans`
 * removes it when the disk is back. The caller holds the volume.
 * @param takenDown the path that is unpublished, which may differ from the target of the volume
 * @throws VolumeError precondition: part of the volume is still in use
 */
export async function endInline(model: Model, volumeId: string, takenDown: string): Promise<void> {
  const volume = await reachableInline(model, volumeId);
  if (!volume) return;
  const mounts = await model.mountIndex.confirmed(volumeId);
  if (mounts.length > 0 && takenDown !== volume.inline.targetPath) return;
  // A process that probes every new device (udev, for example) may hold it for a moment after the last unmount.
  if (mounts.length === 0 && volume.content.backend === 'image') {
    await model.devices.detach(contentPathOf(model, volume));
  }
  await deleteUnused(model, volume);
}

type InlineVolume = Volume & { readonly inline: NonNullable<Volume['inline']> };

async function reachableInline(model: Model, volumeId: string): Promise<InlineVolume | undefined> {
  const known = model.volumes.findIntact(volumeId);
  if (!known?.inline) return undefined;
  try {
    await model.pools.of(known).checkReachable();
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'unavailable') return undefined;
    throw error;
  }
  // When a pool comes back, its records are read again.
  const volume = model.volumes.findIntact(volumeId);
  return volume?.inline && { ...volume, inline: volume.inline };
}
