import { quote, VolumeError } from './errors.ts';
import { findObject } from './find-object.ts';
import type { Model } from './model.ts';
import { checkNotForeign } from './object-owner.ts';
import { placeOf } from './place.ts';
import { discountVolume } from './room.ts';
import { contentPathOf } from './staged-content.ts';
import type { Volume } from './volume.ts';

/**
 * Deletes a volume (CSI specification, DeleteVolume). One that does not exist is deleted already, except where
 * its id tells that it is another node's: then nobody here can say so. The caller holds the id.
 * @throws VolumeError precondition: it is in use, or another node's; unavailable: its pool is not there
 */
export function deleteVolume(model: Model, volumeId: string): Promise<void> {
  return model.volumesInWork.during(volumeId, () => deleteNow(model, volumeId));
}

async function deleteNow(model: Model, volumeId: string): Promise<void> {
  await model.copies.cancel(volumeId);
  const volume = await findObject(model, model.volumes, volumeId);
  if (!volume) {
    checkNotForeign(model, 'volume_id', volumeId);
    return;
  }
  await checkUnused(model, volume);
  await model.onStep('delete: checked');
  await model.pools.of(volume).records.volumes.remove(volumeId);
  model.volumes.remove(volume);
  discountVolume(placeOf(model, volume), volume);
}

async function checkUnused(model: Model, volume: Volume): Promise<void> {
  const mounts = await model.mountIndex.confirmed(volume.id);
  if (mounts.length > 0) {
    const paths = mounts.map((mount) => mount.path).join(', ');
    throw new VolumeError('precondition', `volume ${quote(volume.id)} is still mounted at ${paths}`);
  }
  if (volume.content.backend !== 'image') return;
  // Another mount namespace may hold it, where no mount of it can be seen.
  const device = await model.devices.find(contentPathOf(model, volume));
  if (!device) return;
  const message = `volume ${quote(volume.id)} is still in use: its image is attached to ${device.path}`;
  throw new VolumeError('precondition', message);
}
