import { contentPathOf } from '../../../../src/model/find/staged-content.ts';
import type { Volume } from '../../../../src/model/objects/volume.ts';
import type { FakeImage } from './fake-tree.ts';
import type { FakeNode } from './model.ts';

/** What the image of a volume holds. */
export function imageAt({ model, mounts }: Pick<FakeNode, 'model' | 'mounts'>, volume: Volume): FakeImage {
  const entry = mounts.entryAt(contentPathOf(model, volume));
  if (entry?.kind !== 'file' || !entry.image) throw new Error(`volume ${volume.id} has no image`);
  return entry.image;
}
