import type { Volume } from '../../../../src/model/objects/volume.ts';
import type { FakeImage } from './fake-tree.ts';
import type { FakeNode } from './model.ts';

/** The content of a volume's image. */
export function imageAt({ model, mounts }: Pick<FakeNode, 'model' | 'mounts'>, volume: Volume): FakeImage {
  const entry = mounts.entryAt(model.catalogue.dataOf(volume).path);
  if (entry?.kind !== 'file' || !entry.image) throw new Error(`volume ${volume.id} has no image`);
  return entry.image;
}
