import { unknownVolume } from './errors.ts';
import { findObject } from './find-object.ts';
import type { Model } from './model.ts';
import type { Volume } from './volume.ts';

/** @throws VolumeError not-found, damaged or unavailable */
export async function existingVolume(model: Model, volumeId: string): Promise<Volume> {
  const volume = await findObject(model, model.volumes, volumeId);
  if (!volume) throw unknownVolume(volumeId);
  return volume;
}
