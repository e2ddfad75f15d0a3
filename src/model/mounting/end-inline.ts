import { VolumeError } from '../errors.ts';
import { contentPathOf } from '../find/staged-content.ts';
import type { Volume } from '../objects/volume.ts';
import type { Model } from '../state/model.ts';
import { deleteUnused } from '../volumes/delete-volume.ts';

/**
 * Deletes an inline volume whose target was taken down; of any other volume, or of none, nothing happens. May be
 * repeated. While its pool is not there it stays, so that its pod need not wait for a disk: whoever finds the disk again
 * removes it (`removeOrphans`). The caller holds the volume.
 * @param takenDown the path that is unpublished, which may be another than its target
 * @throws VolumeError precondition: something of it is still in use
 */
export async function endInline(model: Model, volumeId: string, takenDown: string): Promise<void> {
  const volume = await reachableInline(model, volumeId);
  if (!volume) return;
  const mounts = await model.mountIndex.confirmed(volumeId);
  if (mounts.length > 0 && takenDown !== volume.inline.targetPath) return;
  // Whoever looks at every new device may hold it for a moment longer than its last mount.
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
  // A pool that has just come back has its records read anew.
  const volume = model.volumes.findIntact(volumeId);
  return volume?.inline && { ...volume, inline: volume.inline };
}
