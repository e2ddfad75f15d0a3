import { unknownVolume } from './errors.ts';
import type { Model } from './model.ts';
import type { Volume } from './volume.ts';
import { parseOwnId } from './volume-id.ts';

/**
 * The volume with this id, undefined when there is none.
 * @throws VolumeError damaged: its record cannot be understood; unavailable: the pool it lies in is not there
 */
export async function findVolume(model: Model, volumeId: string): Promise<Volume | undefined> {
  const volume = model.volumes.find(volumeId);
  if (volume) {
    await model.pools.of(volume).checkReachable();
    return volume;
  }
  // An id of our own form names its pool. One whose disk was missing has its volumes read when it comes back.
  const own = parseOwnId(volumeId);
  const pool = own && model.pools.withId(own.poolId);
  if (!pool) return undefined;
  await pool.checkReachable();
  return model.volumes.find(volumeId);
}

/** @throws VolumeError not-found, damaged or unavailable */
export async function existingVolume(model: Model, volumeId: string): Promise<Volume> {
  const volume = await findVolume(model, volumeId);
  if (!volume) throw unknownVolume(volumeId);
  return volume;
}
