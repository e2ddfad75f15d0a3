import { invalidField, invalidValue, quote, VolumeError } from '../errors.ts';
import { type ImageUse, isCapacityEnforced } from '../objects/volume.ts';
import type { DirectoryAbility, Pool } from '../ports/pool.ts';
import { defaultFileSystemType, type FileSystemType, fileSystemTypes } from '../requests/file-system-type.ts';
import type { Model } from '../state/model.ts';

export const backendChoices = ['auto', 'directory', 'image'] as const;
export const enforcementChoices = ['auto', 'required', 'strict'] as const;

/** How a request wants its volume to be provided. */
export interface ContentWish {
  readonly backend: (typeof backendChoices)[number];
  readonly enforceCapacity: (typeof enforcementChoices)[number];
  readonly isBlock: boolean;
  readonly fsType: FileSystemType | undefined;
}

/** How a volume will be provided: its content, without the details that are only known once it exists. */
export type ContentPlan = DirectoryAbility | { readonly backend: 'image'; readonly use: ImageUse };

/**
 * Chooses how a volume is provided in a pool: a block volume is an image, any other the best kind of directory that
 * the pool has, unless the request asks for another.
 * @throws VolumeError invalid, naming the possible kinds
 */
export function chooseContent(model: Model, pool: Pool, wish: ContentWish): ContentPlan {
  const { directories, hasImages } = pool.abilities;
  if (wish.isBlock && wish.backend === 'directory') {
    throw invalidValue('backend', 'directory', 'cannot be a block volume; image and auto can');
  }
  const why = whyNoDirectory(pool, wish);
  const mustBeImage = wish.isBlock || why !== undefined;
  if (wish.backend === 'directory' && why !== undefined) throw invalidValue('backend', 'directory', why);
  if (wish.backend !== 'image' && !mustBeImage) return directories;
  if (!hasImages) {
    const other = mustBeImage ? '' : '; directory is possible';
    const message = `pool ${quote(pool.name)} has no images, because there are no loop devices or no mkfs programs here${other}`;
    throw new VolumeError('invalid', message, { about: 'backend' });
  }
  return { backend: 'image', use: imageUse(model, wish) };
}

/** Why a directory of this pool does not enforce the capacity as requested; undefined if it does. */
function whyNoDirectory({ name, abilities }: Pool, { enforceCapacity }: ContentWish): string | undefined {
  switch (enforceCapacity) {
    case 'auto':
      return undefined;
    case 'required':
      return isPlannedEnforced(abilities.directories)
        ? undefined
        : `cannot be held to its size in pool ${quote(name)}, whose file system has no quota in force; image can`;
    case 'strict':
      return 'cannot be held to its size against the will of its user (enforceCapacity: strict); image can';
  }
}

/** Whether the capacity of a volume of this kind will be enforced. */
export function isPlannedEnforced(plan: ContentPlan): boolean {
  return plan.backend === 'quota' || isCapacityEnforced(plan);
}

function imageUse(model: Model, { isBlock, fsType }: ContentWish): ImageUse {
  if (isBlock) return { accessType: 'block' };
  const made = fsType ?? defaultFileSystemType;
  if (!model.formatter.fileSystems.includes(made)) {
    const why = `cannot be made on this node; possible are ${model.formatter.fileSystems.join(', ')}`;
    throw invalidValue('fsType', made, why);
  }
  return { accessType: 'mount', fsType };
}

/** @throws VolumeError invalid: a file system that this driver cannot create */
export function parseFileSystemType(field: string, text: string): FileSystemType | undefined {
  if (text === '') return undefined;
  const found = fileSystemTypes.find((each) => each === text);
  if (found) return found;
  throw invalidField(field, text, `cannot be made; possible are ${fileSystemTypes.join(', ')}`);
}
