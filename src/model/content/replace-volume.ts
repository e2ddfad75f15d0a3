import type { Volume } from '../objects/volume.ts';
import type { Model } from '../state/model.ts';

/** Replaces the volume that has the same id: first durably, and only then in the index, where every caller sees it. */
export async function replaceVolume(model: Model, volume: Volume): Promise<void> {
  await model.pools.of(volume).records.volumes.replace(volume);
  model.volumes.replace(volume);
}
