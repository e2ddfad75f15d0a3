import type { AccessMode } from './access-mode.ts';
import type { FileSystemType } from './file-system-type.ts';

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

export type BackendKind = VolumeContent['backend'];

/** A volume that exists. */
export interface Volume {
  readonly id: string;
  /** The name CreateVolume was given; a second create with it answers this volume. */
  readonly name: string;
  /** The name of the pool it lies in. */
  readonly pool: string;
  /** The accounting class of the pool it counts against; undefined when it was made in none. */
  readonly capacityClass: string | undefined;
  readonly content: VolumeContent;
  readonly capacityBytes: bigint;
  readonly root: RootOwnership;
  /** The access modes it was created for. */
  readonly accessModes: readonly AccessMode[];
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

/** A directory in a pool that should hold a volume, but whose record cannot be understood. */
export interface DamagedVolume {
  readonly id: string;
  readonly pool: string;
  readonly reason: string;
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

/** Whether pods see a block device rather than a directory. */
export function isBlock(content: VolumeContent): boolean {
  return content.backend === 'image' && content.use.accessType === 'block';
}
