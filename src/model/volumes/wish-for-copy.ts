import type { FoundSource } from '../copying/find-source.ts';
import { invalidValue, quote, VolumeError } from '../errors.ts';
import { fsTypeMadeFor } from '../objects/volume.ts';
import type { Pool } from '../ports/pool.ts';
import type { Model } from '../state/model.ts';
import { type ContentWish, isPlannedEnforced } from './choose-content.ts';
import type { VolumeSpec } from './create-volume.ts';
import type { Provision } from './objections.ts';

/**
 * How a copy is provided: like its original, an image as an image and a directory as the kind of directory that the
 * pool has. A mounted volume may become a block volume; the reverse only if the request allows it, since the user of
 * a block volume may write a file system on it that was made to harm the node that mounts it.
 * @throws VolumeError invalid: the request asks for something else
 */
export async function wishForCopy(
  model: Model,
  pool: Pool,
  { wish, allowsModeChange }: Pick<VolumeSpec, 'wish' | 'allowsModeChange'>,
  source: FoundSource,
): Promise<ContentWish> {
  const { imageUse, original } = source;
  if (imageUse === undefined) return directoryWish(pool, wish);
  if (wish.backend === 'directory') {
    throw invalidValue('backend', wish.backend, 'cannot hold the content source, which is an image');
  }
  if (wish.isBlock) return { ...wish, backend: 'image' };
  // Applies to blank content as well, so that the rule is predictable.
  if (imageUse.accessType === 'block' && !allowsModeChange) throw modeChangeRefused();
  const found = await model.formatter.inspect(original.path);
  if (found === 'unknown') {
    const message = 'the content source holds no file system of this driver, and can only be a block volume';
    throw new VolumeError('invalid', message, { about: 'capability' });
  }
  const hasFileSystem = found !== 'blank';
  if (wish.fsType !== undefined && hasFileSystem && found !== wish.fsType) {
    const why = `is not the file system of the content source, which has ${found}`;
    throw invalidValue('fsType', wish.fsType, why);
  }
  const made = fsTypeMadeFor(imageUse);
  return { ...wish, backend: 'image', fsType: wish.fsType ?? (hasFileSystem ? found : made) };
}

function modeChangeRefused(): VolumeError {
  const message =
    'must be "true" for the content of a block volume to be mounted: its user may have written a file system that harms the node';
  return new VolumeError('invalid', message, { about: 'allowVolumeModeChange' });
}

function directoryWish({ name, abilities }: Pool, wish: ContentWish): ContentWish {
  if (wish.isBlock) {
    const message = 'a block volume cannot be made from the content source, which is a directory';
    throw new VolumeError('invalid', message, { about: 'capability' });
  }
  if (wish.backend === 'image') {
    throw invalidValue('backend', wish.backend, 'cannot hold the content source, which is a directory');
  }
  if (wish.enforceCapacity === 'strict') {
    const why =
      'cannot be met: the content source is a directory, and only an image holds its user to its size';
    throw invalidValue('enforceCapacity', wish.enforceCapacity, why);
  }
  if (wish.enforceCapacity === 'required' && !isPlannedEnforced(abilities.directories)) {
    const why = `cannot be met: the content source is a directory, and pool ${quote(name)} has no quota in force`;
    throw invalidValue('enforceCapacity', wish.enforceCapacity, why);
  }
  return { ...wish, backend: 'directory' };
}

/**
 * Checks that the file system in a copied image can be mounted, and fits the volume: on a block volume its user wrote
 * it, and it may claim any size.
 * @throws VolumeError out-of-range; invalid: staging would refuse to mount it
 */
export async function checkMountable(
  model: Model,
  plan: Provision,
  { original, imageUse }: FoundSource,
  capacityBytes: bigint,
): Promise<void> {
  if (plan.backend !== 'image' || plan.use.accessType === 'block') return;
  const objection = await model.formatter.objectionTo(original.path);
  if (objection !== undefined) {
    const message = `the file system of the content source is not mounted: ${objection}`;
    throw new VolumeError('invalid', message, { about: 'capability' });
  }
  if (imageUse?.accessType !== 'block') return;
  const fault = await model.formatter.faultOf(original.path);
  if (fault?.kind !== 'cut off' || fault.fileSystemBytes <= capacityBytes) return;
  const message = `${capacityBytes} bytes cannot hold the file system of the content source, which has ${fault.fileSystemBytes}`;
  throw new VolumeError('out-of-range', message, { about: 'requiredBytes' });
}
