import { invalidField, invalidValue, quote, VolumeError } from '../errors.ts';
import type { Encryption } from '../objects/encryption.ts';
import {
  type FsckMode,
  type ImageUse,
  isCapacityEnforced,
  type SubvolumeAttributes,
  type VolumeContent,
} from '../objects/volume.ts';
import type { Host } from '../parts.ts';
import type { DirectoryAbility, Pool } from '../ports/pool.ts';
import {
  defaultFileSystemType,
  type FileSystemType,
  fileSystemTypes,
} from '../requests/file-system-options.ts';
import { parseMkfsOptions } from '../requests/mkfs-options.ts';

export const backendChoices = ['auto', 'directory', 'image'] as const;
export const enforcementChoices = ['auto', 'required', 'strict'] as const;

/** How a request wants its volume to be provided. */
export interface ContentRequest {
  readonly backend: (typeof backendChoices)[number];
  readonly enforceCapacity: (typeof enforcementChoices)[number];
  readonly isBlock: boolean;
  readonly fsType: FileSystemType | undefined;
  /** How the volume's own file system is made and checked. A block volume has none, and ignores both. */
  readonly mkfsOptions?: string | undefined;
  readonly fsckMode?: FsckMode | undefined;
  /** Whether all space is to be allocated when the volume is created. */
  readonly isThick?: true | undefined;
  /** How btrfs is to store the files of the volume. */
  readonly attributes?: SubvolumeAttributes | undefined;
  /** How the volume is encrypted; undefined for not. */
  readonly encryption?: Encryption | undefined;
}

/** How a volume will be provided: its content, without the details that are only known once it exists. */
export type ContentPlan = DirectoryAbility | Extract<VolumeContent, { readonly backend: 'image' }>;

/**
 * Chooses how a volume is provided in a pool: a block volume is an image, any other the best kind of directory that
 * the pool has, unless the request asks for another.
 * @throws VolumeError invalid, naming the possible kinds
 */
export function chooseContent(host: Host, pool: Pool, contentRequest: ContentRequest): ContentPlan {
  const { directories, hasImages } = pool.abilities;
  if (contentRequest.isBlock && contentRequest.backend === 'directory') {
    throw invalidValue('backend', 'directory', 'cannot provide a block volume; use image or auto');
  }
  const why = noDirectoryReason(pool, contentRequest);
  const mustBeImage = contentRequest.isBlock || why !== undefined;
  if (contentRequest.backend === 'directory' && why !== undefined)
    throw invalidValue('backend', 'directory', why);
  if (contentRequest.backend !== 'image' && !mustBeImage) {
    checkNoFileSystem(contentRequest);
    return withAttributes(pool, contentRequest);
  }
  const [attribute] = attributeEntries(contentRequest.attributes);
  if (attribute) throw invalidValue(...attribute, 'is for directories on btrfs, and this volume is an image');
  if (!hasImages) {
    const other = mustBeImage ? '' : '; use directory';
    const message = `pool ${quote(pool.name)} cannot provide images: no loop devices or no mkfs programs on this node${other}`;
    throw new VolumeError('invalid', message, { about: 'backend' });
  }
  if (contentRequest.isThick && directories.backend === 'subvolume') {
    const why = `is impossible in pool ${quote(pool.name)}: btrfs writes every change to a new place`;
    throw invalidValue('provisioning', 'thick', why);
  }
  return { backend: 'image', use: imageUse(host, contentRequest), isThick: contentRequest.isThick };
}

/** A directory of the best kind that a pool has, stored as requested. */
function withAttributes(
  { name, abilities: { directories } }: Pool,
  { attributes }: ContentRequest,
): DirectoryAbility {
  const [attribute] = attributeEntries(attributes);
  if (!attribute) return directories;
  if (directories.backend === 'subvolume') return { ...directories, attributes };
  throw invalidValue(...attribute, `is possible on btrfs only, where pool ${quote(name)} is not`);
}

/** The parameters that say how btrfs stores files, and their values. */
function attributeEntries(attributes: SubvolumeAttributes = {}): ['compression' | 'nodatacow', string][] {
  const { compression, noDataCow } = attributes;
  return [
    ...(compression === undefined ? [] : [['compression', compression] as ['compression', string]]),
    ...(noDataCow ? [['nodatacow', 'true'] as ['nodatacow', string]] : []),
  ];
}

/** Why a directory of this pool is not what is requested; undefined if it may be. */
function noDirectoryReason(
  { name, abilities }: Pool,
  { enforceCapacity, encryption }: ContentRequest,
): string | undefined {
  if (encryption) return 'cannot be encrypted; use image';
  switch (enforceCapacity) {
    case 'auto':
      return undefined;
    case 'required':
      return isPlannedEnforced(abilities.directories)
        ? undefined
        : `cannot enforce the capacity in pool ${quote(name)}, which has no quota in force; use image`;
    case 'strict':
      return 'cannot enforce the capacity strictly (enforceCapacity: strict); use image';
  }
}

/** Whether the capacity of a volume of this kind will be enforced. */
export function isPlannedEnforced(plan: ContentPlan): boolean {
  return plan.backend === 'quota' || isCapacityEnforced(plan);
}

/** @throws VolumeError invalid: the request has wishes for a file system, and the volume is a directory */
function checkNoFileSystem({ mkfsOptions, fsckMode, isThick }: ContentRequest): void {
  if (isThick) {
    const problem = 'is for images and block volumes, and this one is a directory; use backend: image';
    throw invalidValue('provisioning', 'thick', problem);
  }
  const why =
    'is for volumes with a file system of their own, and this one is a directory; use backend: image';
  if (mkfsOptions !== undefined) throw invalidValue('mkfsOptions', mkfsOptions, why);
  if (fsckMode !== undefined) throw invalidValue('fsckMode', fsckMode, why);
}

function imageUse(
  host: Host,
  { isBlock, fsType, mkfsOptions, fsckMode, encryption }: ContentRequest,
): ImageUse {
  if (encryption) checkEncryption(host, encryption, isBlock ? undefined : fsType);
  if (isBlock) return { accessType: 'block', encryption };
  const made = fsType ?? defaultFileSystemType;
  if (!host.formatter.fileSystems.includes(made)) {
    const why = `cannot be created on this node; available: ${host.formatter.fileSystems.join(', ')}`;
    throw invalidValue('fsType', made, why);
  }
  if (mkfsOptions !== undefined) {
    const settings = parseMkfsOptions(made, mkfsOptions);
    if (typeof settings === 'string') throw invalidValue('mkfsOptions', mkfsOptions, settings);
  }
  if (fsckMode === 'always' && made !== 'ext4') {
    const why = `is possible for ext4 only: ${made} has no check that repairs it without questions`;
    throw invalidValue('fsckMode', fsckMode, why);
  }
  // Options belong to one file system, so the first stage must not choose another; and what is encrypted does not show which it is.
  const isChosen = mkfsOptions !== undefined || encryption !== undefined;
  return { accessType: 'mount', fsType: isChosen ? made : fsType, mkfsOptions, fsckMode, encryption };
}

/** @throws VolumeError invalid: this node cannot encrypt images, or not with this file system */
function checkEncryption(host: Host, { format }: Encryption, fsType: FileSystemType | undefined): void {
  const obstacle = host.formatter.encryptionObstacle();
  if (obstacle !== undefined)
    throw invalidValue('encryption', format, `is impossible on this node: ${obstacle}`);
  if (fsType !== 'btrfs') return;
  const why =
    'is impossible with btrfs, whose copies need new identifiers, which the driver cannot write without the key; use ext4 or xfs';
  throw invalidValue('encryption', format, why);
}

/** @throws VolumeError invalid: a file system that this driver cannot create */
export function parseFileSystemType(field: string, text: string): FileSystemType | undefined {
  if (text === '') return undefined;
  const found = fileSystemTypes.find((each) => each === text);
  if (found) return found;
  throw invalidField(field, text, `must be one of ${fileSystemTypes.join(', ')}`);
}
