import type { AccessMode } from '../requests/access-mode.ts';
import type { FileSystemType } from '../requests/file-system-type.ts';
import type { Stored } from './stored.ts';

/** The owner and mode of a volume's root directory, set once when the root is made. */
export interface RootOwnership {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, including set-group-id and sticky, up to 0o7777. */
  readonly mode: number;
}

/** What a volume's bytes lie in. */
export type VolumeContent =
  /** A plain directory: nothing holds it to its size. */
  | { readonly backend: 'directory' }
  /** A directory with a project quota of XFS or ext4. */
  | { readonly backend: 'quota'; readonly projectId: number }
  /** A subvolume of btrfs; its qgroup has a limit when quotas were on as it was made. */
  | { readonly backend: 'subvolume'; readonly isLimited: boolean }
  /** A file that holds a block device's content. */
  | { readonly backend: 'image'; readonly use: ImageUse };

/** A block volume, or a file system of its own, which is made when it is staged first. */
export type ImageUse =
  | { readonly accessType: 'block' }
  /** Without a file system asked for at its creation, the first stage decides. */
  | { readonly accessType: 'mount'; readonly fsType: FileSystemType | undefined };

/** The file system that an image was made for; undefined where that was left open, and for a block volume. */
export function fsTypeMadeFor(use: ImageUse): FileSystemType | undefined {
  return use.accessType === 'mount' ? use.fsType : undefined;
}

export type BackendKind = VolumeContent['backend'];

/** What a volume's first content was copied from (CSI specification, VolumeContentSource). */
export type ContentSource =
  | { readonly kind: 'snapshot'; readonly id: string }
  | { readonly kind: 'volume'; readonly id: string };

/** A volume that exists. */
export interface Volume extends Stored {
  /** The accounting class of the pool it counts against; undefined when it was made in none. */
  readonly capacityClass: string | undefined;
  readonly content: VolumeContent;
  readonly capacityBytes: bigint;
  /** What it was made from; undefined when it was made empty. */
  readonly source: ContentSource | undefined;
  /** What it may have in common with copies. */
  readonly sharing: Sharing;
  readonly root: RootOwnership;
  /** The access modes it was created for. */
  readonly accessModes: readonly AccessMode[];
  readonly mutable: MutableParameters;
  /** How the controller has published it on this node, its only one; undefined when it has not. */
  readonly attachment: Attachment | undefined;
  /** What an inline ephemeral volume belongs to; undefined for every other volume. Only inline volumes have no name. */
  readonly inline: InlineUse | undefined;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

/** What of a volume may be changed while it exists (CSI specification, ControllerModifyVolume). */
export interface MutableParameters {
  /** What DeleteVolume does with its content: removes it, or puts it aside for its owner. */
  readonly onDelete: (typeof deletePolicies)[number];
  /** The most inodes it may have; undefined leaves that to its backend. */
  readonly inodeLimit: bigint | undefined;
  /** Parameters that mean nothing to this driver, and are kept for those who set them. */
  readonly opaque: Readonly<Record<string, string>>;
}

export const deletePolicies = ['delete', 'retain'] as const;

/** The names of those that this driver acts on. */
export const mutableParameterNames = ['onDelete', 'inodeLimit'] as const satisfies readonly Exclude<
  keyof MutableParameters,
  'opaque'
>[];

export const defaultMutableParameters: MutableParameters = {
  onDelete: 'delete',
  inodeLimit: undefined,
  opaque: {},
};

/** What ControllerPublishVolume was asked for. */
export interface Attachment {
  /** This node's id then: it may have got another since. */
  readonly nodeId: string;
  readonly accessMode: AccessMode;
  readonly readOnly: boolean;
}

/** The one target of an inline volume: it comes with it, and goes with it. */
export interface InlineUse {
  /** Resolved by MountPaths. */
  readonly targetPath: string;
}

/** Blocks that a volume shares with copies take space once; written anew they take more. */
export interface Sharing {
  /** The first volume that it has its content from, through whatever copies; the volume itself where it is no copy. */
  readonly lineage: string;
  /** The most it can share with others of its lineage; 0 where it never was copied so that blocks are shared. */
  readonly sharedBytes: bigint;
}

/** Whether writes past the volume's capacity fail. */
export function isCapacityEnforced(content: VolumeContent): boolean {
  switch (content.backend) {
    case 'directory':
      return false;
    case 'subvolume':
      return content.isLimited;
    case 'quota':
    case 'image':
      return true;
  }
}

/**
 * Whether `df` in a pod shows the disk of the pool rather than the volume: btrfs and plain directories have one figure for all
 * that lies on a file system. Project quotas and images show their own.
 */
export function showsPoolSize({ backend }: VolumeContent): boolean {
  return backend === 'subvolume' || backend === 'directory';
}

/** Whether pods see a block device rather than a directory. */
export function isBlock(content: VolumeContent): boolean {
  return content.backend === 'image' && content.use.accessType === 'block';
}
