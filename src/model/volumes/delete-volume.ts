import { cancelCreation } from '../copying/track-creation.ts';
import { quote, VolumeError } from '../errors.ts';
import { checkNotForeign } from '../find/find-object.ts';
import type { Deletion, Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Hold } from '../state/holds.ts';
import { attachmentOf } from './attach-volume.ts';
import { checkUnmounted } from './check-unmounted.ts';

/**
 * Deletes a volume (CSI specification, DeleteVolume). A volume that does not exist counts as deleted, unless its id
 * shows that it belongs to another node: this driver cannot know then. A volume to be retained or archived moves to
 * `retained/` in its pool, and still counts.
 * @throws VolumeError precondition: it is in use, attached, or another node's; unavailable: its pool is missing
 */
export async function deleteVolume(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
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
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep' | 'now'>,
  volume: Volume,
): Promise<void> {
  return parts.holds.changing.during(volume.id, () => deleteNow(parts, volume));
}

async function deleteNow(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep' | 'now'>,
  volume: Volume,
): Promise<void> {
  await checkUnused(parts, volume);
  await parts.onStep('delete: checked');
  if (volume.mutable.onDelete === 'delete') await parts.catalogue.removeVolume(volume);
  else await parts.catalogue.retainVolume(volume, deletionOf(volume, parts.now()));
}

/** The time of expiry is decided here, once: a later change of the clock or of a class does not move it. */
function deletionOf({ createdAt, mutable }: Volume, now: Date): Deletion {
  const { onDelete, archiveExpirySeconds } = mutable;
  // A clock that is that wrong must not make the volume expire at once when it is put right.
  const atMs = Math.max(now.getTime(), Date.parse(createdAt));
  const expires = onDelete === 'archive' && archiveExpirySeconds !== undefined;
  return {
    at: new Date(atMs).toISOString(),
    expiresAt: expires ? new Date(atMs + archiveExpirySeconds * 1000).toISOString() : undefined,
  };
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
  await checkContentUnused(parts, volume, 'volumes');
}

/**
 * Refuses to go on while the content of a volume is mounted or attached anywhere, by any process.
 * @param home whether it is among the existing or the retained volumes of the pool
 * @throws VolumeError precondition: it is in use
 */
export async function checkContentUnused(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  home: 'volumes' | 'retained',
): Promise<void> {
  const data = parts.catalogue.dataOf(volume, home);
  await checkUnmounted(parts.host, `volume ${quote(volume.id)}`, data.directory);
  if (volume.content.backend !== 'image') return;
  // A mount in another mount namespace is not visible here, but holds the device.
  const device = await parts.host.devices.find(data.path);
  if (!device) return;
  const message = `volume ${quote(volume.id)} is still in use: its image is attached to ${device.path}`;
  throw new VolumeError('precondition', message);
}
