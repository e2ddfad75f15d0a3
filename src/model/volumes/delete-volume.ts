import { quote, VolumeError } from '../errors.ts';
import { findObject } from '../find/find-object.ts';
import { checkNotForeign } from '../find/object-owner.ts';
import { contentPathOf } from '../find/staged-content.ts';
import type { Volume } from '../objects/volume.ts';
import { placeOf } from '../space/place.ts';
import { discountVolume } from '../space/reservations.ts';
import type { Model } from '../state/model.ts';
import { attachmentOf } from './attach-volume.ts';
import { checkUnmounted } from './check-unmounted.ts';

/**
 * Deletes a volume (CSI specification, DeleteVolume). A volume that does not exist counts as deleted, unless its id
 * shows that it belongs to another node: this driver cannot know then. A volume to be retained moves to `retained/`
 * in its pool, and still counts. The caller holds the id.
 * @throws VolumeError precondition: it is in use, attached, or another node's; unavailable: its pool is missing
 */
export async function deleteVolume(model: Model, volumeId: string): Promise<void> {
  await model.copies.cancel(volumeId);
  const volume = await findObject(model, model.volumes, volumeId);
  if (!volume) {
    checkNotForeign(model, 'volume', volumeId);
    return;
  }
  await deleteUnused(model, volume);
}

/**
 * Deletes an existing volume.
 * @throws VolumeError precondition: it is in use, or attached
 */
export function deleteUnused(model: Model, volume: Volume): Promise<void> {
  return model.volumesInWork.during(volume.id, () => deleteNow(model, volume));
}

async function deleteNow(model: Model, volume: Volume): Promise<void> {
  await checkUnused(model, volume);
  await model.onStep('delete: checked');
  const { volumes } = model.pools.of(volume).records;
  if (volume.mutable.onDelete === 'retain') {
    await volumes.retain(volume.id);
    if (model.volumes.remove(volume)) model.retained.add(volume);
    return;
  }
  await volumes.remove(volume.id);
  if (model.volumes.remove(volume)) discountVolume(placeOf(model, volume), volume);
}

async function checkUnused(model: Model, volume: Volume): Promise<void> {
  const attachment = attachmentOf(model, volume);
  if (attachment) {
    const message = `volume ${quote(volume.id)} is still published to node ${quote(attachment.nodeId)}`;
    throw new VolumeError('precondition', message);
  }
  const mounts = await model.mountIndex.confirmed(volume.id);
  if (mounts.length > 0) {
    const paths = mounts.map((mount) => mount.path).join(', ');
    throw new VolumeError('precondition', `volume ${quote(volume.id)} is still mounted at ${paths}`);
  }
  const { volumes } = model.pools.of(volume).records;
  await checkUnmounted(model, `volume ${quote(volume.id)}`, volumes.directoryOf(volume.id));
  if (volume.content.backend !== 'image') return;
  // A mount in another mount namespace is not visible here, but holds the device.
  const device = await model.devices.find(contentPathOf(model, volume));
  if (!device) return;
  const message = `volume ${quote(volume.id)} is still in use: its image is attached to ${device.path}`;
  throw new VolumeError('precondition', message);
}
