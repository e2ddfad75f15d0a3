import { cancelCreation } from '../copying/track-creation.ts';
import { quote, VolumeError } from '../errors.ts';
import { checkNotForeign } from '../find/find-object.ts';
import type { Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Hold } from '../state/holds.ts';
import { attachmentOf } from './attach-volume.ts';
import { checkUnmounted } from './check-unmounted.ts';

/**
 * Deletes a volume (CSI specification, DeleteVolume). A volume that does not exist counts as deleted, unless its id
 * shows that it belongs to another node: this driver cannot know then. A volume to be retained moves to `retained/`
 * in its pool, and still counts.
 * @throws VolumeError precondition: it is in use, attached, or another node's; unavailable: its pool is missing
 */
export async function deleteVolume(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep'>,
  { id }: Hold<'volume'>,
): Promise<void> {
  await cancelCreation(parts, id);
  const volume = await parts.catalogue.find(parts.catalogue.volumes, id);
  if (!volume) {
    checkNotForeign(parts.catalogue, 'volume', id);
    return;
  }
  await deleteUnused(parts, volume);
}

/**
 * Deletes an existing volume.
 * @throws VolumeError precondition: it is in use, or attached
 */
export function deleteUnused(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
  volume: Volume,
): Promise<void> {
  return parts.holds.changing.during(volume.id, () => deleteNow(parts, volume));
}

async function deleteNow(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep'>,
  volume: Volume,
): Promise<void> {
  await checkUnused(parts, volume);
  await parts.onStep('delete: checked');
  if (volume.mutable.onDelete === 'retain') await parts.catalogue.retainVolume(volume);
  else await parts.catalogue.removeVolume(volume);
}

async function checkUnused(parts: Parts<'catalogue' | 'host' | 'settings'>, volume: Volume): Promise<void> {
  const attachment = attachmentOf(parts.settings, volume);
  if (attachment) {
    const message = `volume ${quote(volume.id)} is still published to node ${quote(attachment.nodeId)}`;
    throw new VolumeError('precondition', message);
  }
  await checkNotMounted(parts, volume);
}

/** @throws VolumeError precondition: the volume, or anything in it, is mounted somewhere, or its image is attached */
export async function checkNotMounted(parts: Parts<'catalogue' | 'host'>, volume: Volume): Promise<void> {
  const mounts = await parts.host.mountIndex.verifiedMountsOf(volume.id);
  if (mounts.length > 0) {
    const paths = mounts.map((mount) => mount.path).join(', ');
    throw new VolumeError('precondition', `volume ${quote(volume.id)} is still mounted at ${paths}`);
  }
  const data = parts.catalogue.dataOf(volume);
  await checkUnmounted(parts.host, `volume ${quote(volume.id)}`, data.directory);
  if (volume.content.backend !== 'image') return;
  // A mount in another mount namespace is not visible here, but holds the device.
  const device = await parts.host.devices.find(data.path);
  if (!device) return;
  const message = `volume ${quote(volume.id)} is still in use: its image is attached to ${device.path}`;
  throw new VolumeError('precondition', message);
}
