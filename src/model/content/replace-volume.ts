import type { Volume } from '../objects/volume.ts';
import type { Model } from '../state/model.ts';

/** Puts a changed volume in the place of the one with its id: durably first, and only then for every caller to see. */
export async function replaceVolume(model: Model, volume: Volume): Promise<void> {
  await model.pools.of(volume).records.volumes.replace(volume);
  model.volumes.replace(volume);
}
