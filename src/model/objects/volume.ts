import type { AccessMode } from '../requests/capability.ts';
import type { FileSystemType } from '../requests/file-system-options.ts';
import type { Encryption } from './encryption.ts';
import type { RecordedObject } from './object-index.ts';

/** The owner and mode of a volume's root directory, set once when it is created. */
export interface RootOwnership {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, including set-group-id and sticky, up to 0o7777. */
  readonly mode: number;
}

/** The form of a volume's content. */
export type VolumeContent =
  /** A plain directory: its capacity is not enforced. */
  | { readonly backend: 'directory' }
  /** A directory with an XFS or ext4 project quota. */
  | { readonly backend: 'quota'; readonly projectId: number }
  /** A btrfs subvolume; its qgroup has a limit if quotas were on when it was created. */
  | {
      readonly backend: 'subvolume';
      readonly isLimited: boolean;
      readonly attributes?: SubvolumeAttributes | undefined;
    }
  /** A file with the content of a block device. */
  | {
      readonly backend: 'image';
      readonly use: ImageUse;
      /** Whether all its space is allocated when it is created. */
      readonly isThick?: true | undefined;
    };

/** How btrfs stores the files of a subvolume, unless they say otherwise; the two exclude each other. */
export interface SubvolumeAttributes {
  readonly compression?: Compression | undefined;
  /** Whether data is overwritten in place, without checksums. */
  readonly noDataCow?: true | undefined;
}

export const compressions = ['zstd', 'lzo', 'zlib'] as const;
export type Compression = (typeof compressions)[number];

/** A block volume, or a volume with its own file system, which is created at the first stage. */
export type ImageUse = BlockImageUse | MountedImageUse;

export interface BlockImageUse {
  readonly accessType: 'block';
  /** Undefined if it is not encrypted. */
  readonly encryption?: Encryption | undefined;
}

/** How the file system of an image is made and checked. */
export interface MountedImageUse {
  readonly accessType: 'mount';
  /** If the create did not name a file system, the first stage decides. */
  readonly fsType: FileSystemType | undefined;
  /** Options of its mkfs program, with one space between words; undefined for the driver's own choice. */
  readonly mkfsOptions?: string | undefined;
  readonly fsckMode?: FsckMode | undefined;
  /** Undefined if it is not encrypted. */
  readonly encryption?: Encryption | undefined;
}

/** When the file system of an image is checked before it is mounted; undefined: if it has recorded errors. */
export type FsckMode = (typeof fsckModes)[number];

export const fsckModes = ['always', 'never'] as const;

/** The file system that an image was created for; undefined if that was left open, and for a block volume. */
export function intendedFsType(use: ImageUse): FileSystemType | undefined {
  return use.accessType === 'mount' ? use.fsType : undefined;
}

export type BackendKind = VolumeContent['backend'];

/** The source of a volume's first content (CSI specification, VolumeContentSource). */
export type ContentSource =
  | { readonly kind: 'snapshot'; readonly id: string }
  | { readonly kind: 'volume'; readonly id: string };

/** How a volume with a file system of its own has it made and checked; undefined for every other volume. */
export function mountedImageUse(content: VolumeContent): MountedImageUse | undefined {
  return content.backend === 'image' && content.use.accessType === 'mount' ? content.use : undefined;
}

/** A volume that exists. */
export interface Volume extends RecordedObject {
  /** The accounting class that it counts against; undefined if it was created in none. */
  readonly capacityClass: string | undefined;
  readonly content: VolumeContent;
  readonly capacityBytes: bigint;
  /** The source of its content; undefined if it was created empty. */
  readonly source: ContentSource | undefined;
  /** The space it may share with copies. */
  readonly sharing: Sharing;
  readonly root: RootOwnership;
  /** The access modes it was created for. */
  readonly accessModes: readonly AccessMode[];
  readonly mutable: MutableParameters;
  /** How the controller has published it on this node, the only one; undefined if it has not. */
  readonly attachment: Attachment | undefined;
  /** The target of an inline ephemeral volume; undefined for every other volume. Only inline volumes have no name. */
  readonly inline: InlineUse | undefined;
  /** The claim that it was created for; undefined if the caller did not say. A volume keeps it if its claim changes. */
  readonly claim: Claim | undefined;
  /** How its readable name is made (`name-template.ts`); undefined for none. */
  readonly nameTemplate: string | undefined;
  /** The data that it was made from, outside every pool; absent for a volume that was created. */
  readonly adoptedFrom?: AdoptedData;
  /** The object that it was received from as a stream; undefined if it was created here. */
  readonly origin: Origin | undefined;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** Undefined while the volume exists, and if an older driver retained it. */
  readonly deletion: Deletion | undefined;
}

/** When a retained or archived volume was deleted. Times are ISO 8601, UTC. */
export interface Deletion {
  readonly at: string;
  /** When the driver may remove it; undefined for never. */
  readonly expiresAt: string | undefined;
}

/** A directory or file that became a volume. */
export interface AdoptedData {
  /** Where it was, or still is if it was copied. */
  readonly path: string;
  /** Its inode number, by which other data at that path is told apart. */
  readonly inode: bigint;
}

/** The object, on this node or another, that a received object is a copy of. */
export interface Origin {
  readonly kind: 'volume' | 'snapshot';
  /** The id of the volume, or of the snapshot where it was taken. */
  readonly id: string;
  /** The digest of the stream that it was received from; undefined until all of that was recorded. */
  readonly digest: string | undefined;
}

/** A PersistentVolumeClaim. */
export interface Claim {
  readonly namespace: string;
  readonly name: string;
}

/** The volume properties that can change while it exists (CSI specification, ControllerModifyVolume). */
export interface MutableParameters {
  /** How DeleteVolume treats its content: removes it, retains it for its owner, or archives it until it expires. */
  readonly onDelete: (typeof deletePolicies)[number];
  /** How long an archived volume is kept; undefined for ever. */
  readonly archiveExpirySeconds: number | undefined;
  /** The maximum number of inodes; undefined for the backend's default. */
  readonly inodeLimit: bigint | undefined;
  /** Parameters that mean nothing to this driver, and are kept for the client that set them. */
  readonly opaque: Readonly<Record<string, string>>;
}

export const deletePolicies = ['delete', 'retain', 'archive'] as const;

/** The names of the parameters that this driver acts on. */
export const mutableParameterNames = ['onDelete', 'archiveExpiry', 'inodeLimit'] as const;

export const defaultMutableParameters: MutableParameters = {
  onDelete: 'delete',
  archiveExpirySeconds: undefined,
  inodeLimit: undefined,
  opaque: {},
};

/** The parameters of ControllerPublishVolume. */
export interface Attachment {
  /** This node's id at that time: it may have changed since. */
  readonly nodeId: string;
  readonly accessMode: AccessMode;
  readonly readOnly: boolean;
}

/** The one target of an inline volume: the volume is created and deleted with it. */
export interface InlineUse {
  /** Resolved by MountPaths. */
  readonly targetPath: string;
}

/** Blocks shared with copies take space once; overwriting them takes more. */
export interface Sharing {
  /** The first volume in the chain of copies that its content comes from; the volume itself if it is not a copy. */
  readonly lineage: string;
  /** The most it can share with others of its lineage; 0 if no copy of it has ever shared blocks. */
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

/** Whether the file system of the pool has a limit for the volume. A plain directory has none, and an image is its own. */
export function hasLimit(content: VolumeContent): boolean {
  return content.backend !== 'image' && isCapacityEnforced(content);
}

/**
 * Whether `df` in a pod shows the disk of the pool rather than the volume: btrfs and plain directories report one
 * figure for the whole file system. Project quotas and images report their own.
 */
export function showsPoolSize({ backend }: VolumeContent): boolean {
  return backend === 'subvolume' || backend === 'directory';
}

/** How btrfs stores the files of a volume, if its class says so; undefined for every other volume. */
export function subvolumeAttributes(content: VolumeContent): SubvolumeAttributes | undefined {
  return content.backend === 'subvolume' ? content.attributes : undefined;
}

/** Whether all space of a volume is allocated when it is created. */
export function isThick(content: VolumeContent): boolean {
  return content.backend === 'image' && content.isThick === true;
}

/** Whether pods see a block device rather than a directory. */
export function isBlock(content: VolumeContent): boolean {
  return content.backend === 'image' && content.use.accessType === 'block';
}
