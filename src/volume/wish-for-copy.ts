import { type ContentWish, isPlannedEnforced } from './choose-content.ts';
import { invalidField, quote, VolumeError } from './errors.ts';
import type { FoundSource } from './find-source.ts';
import type { Model } from './model.ts';
import type { Pool } from './pool.ts';

/**
 * How a copy is provided: as its original is, an image as an image and a directory as a directory of whatever kind the
 * pool has. A block volume may become a mounted one, and the other way round: the content is the same.
 * @throws VolumeError invalid: something else is asked for
 */
export async function wishForCopy(
  model: Model,
  pool: Pool,
  wish: ContentWish,
  source: FoundSource,
): Promise<ContentWish> {
  const { imageUse, original } = source;
  if (imageUse === undefined) return directoryWish(pool, wish);
  if (wish.backend === 'directory') {
    throw invalidField(
      'parameters.backend',
      wish.backend,
      'cannot hold the content source, which is an image',
    );
  }
  if (wish.isBlock) return { ...wish, backend: 'image' };
  const found = await model.formatter.inspect(original.path);
  const hasFileSystem = found !== 'blank' && found !== 'unknown';
  if (wish.fsType !== undefined && hasFileSystem && found !== wish.fsType) {
    const why = `is not the file system of the content source, which has ${found}`;
    throw invalidField('volume_capability.mount.fs_type', wish.fsType, why);
  }
  const made = imageUse.accessType === 'mount' ? imageUse.fsType : undefined;
  return { ...wish, backend: 'image', fsType: wish.fsType ?? (hasFileSystem ? found : made) };
}

function directoryWish({ name, abilities }: Pool, wish: ContentWish): ContentWish {
  if (wish.isBlock) {
    const message =
      'volume_capabilities: a block volume cannot be made from the content source, which is a directory';
    throw new VolumeError('invalid', message);
  }
  if (wish.backend === 'image') {
    throw invalidField(
      'parameters.backend',
      wish.backend,
      'cannot hold the content source, which is a directory',
    );
  }
  if (wish.enforceCapacity === 'required' && !isPlannedEnforced(abilities.directories)) {
    const why = `cannot be met: the content source is a directory, and pool ${quote(name)} has no quota in force`;
    throw invalidField('parameters.enforceCapacity', wish.enforceCapacity, why);
  }
  return { ...wish, backend: 'directory' };
}
