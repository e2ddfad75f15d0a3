import { VolumeError } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Catalogue } from '../state/catalogue.ts';
import { deleteUnused } from '../volumes/delete-volume.ts';

/**
 * Deletes an inline volume whose target was unmounted; does nothing for any other volume, or if there is none. May be
 * repeated. While the pool is missing the volume stays, so that its pod need not wait for a disk: `removeOrphans`
 * removes it when the disk is back.
 * @param unpublishedPath the path that is unpublished, which may differ from the target of the volume
 * @throws VolumeError precondition: part of the volume is still in use
 */
export async function deleteInlineVolume(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep' | 'now'>,
  volumeId: string,
  unpublishedPath: string,
): Promise<void> {
  const volume = await reachableInline(parts.catalogue, volumeId);
  if (!volume) return;
  const mounts = await parts.host.mountIndex.verifiedMountsOf(volumeId);
  if (mounts.length > 0 && unpublishedPath !== volume.inline.targetPath) return;
  // A process that probes every new device (udev, for example) may hold it for a moment after the last unmount.
  if (mounts.length === 0 && volume.content.backend === 'image') {
    await parts.host.devices.detach(parts.catalogue.dataOf(volume).path);
  }
  await deleteUnused(parts, volume);
}

type InlineVolume = Volume & { readonly inline: NonNullable<Volume['inline']> };

async function reachableInline(catalogue: Catalogue, volumeId: string): Promise<InlineVolume | undefined> {
  const known = catalogue.volumes.findIntact(volumeId);
  if (!known?.inline) return undefined;
  try {
    await catalogue.pools.of(known).checkReachable();
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'unavailable') return undefined;
    throw error;
  }
  // When a pool comes back, its records are read again.
  const volume = catalogue.volumes.findIntact(volumeId);
  return volume?.inline && { ...volume, inline: volume.inline };
}
