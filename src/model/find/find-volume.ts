import { unknownVolume } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';
import type { Model } from '../state/model.ts';
import { findObject } from './find-object.ts';

/** @throws VolumeError not-found, damaged or unavailable */
export async function existingVolume(model: Model, volumeId: string): Promise<Volume> {
  const volume = await findObject(model, model.volumes, volumeId);
  if (!volume) throw unknownVolume(volumeId);
  return volume;
}

/**
 * Unmounts a volume, within the pool's limit for that if the volume is known. Works without a record, and without the
 * pool's disk.
 */
export function takingDown<T>(model: Model, volumeId: string, work: () => Promise<T>): Promise<T> {
  const volume = model.volumes.findIntact(volumeId);
  return volume ? model.pools.of(volume).takingDown(work) : work();
}
