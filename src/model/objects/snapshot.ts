import type { Stored } from './stored.ts';
import type { ImageUse, RootOwnership } from './volume.ts';

/** What a snapshot's bytes lie in. They are never mounted, so nothing limits them. */
export type SnapshotContent =
  /** A tree of files, copied from a directory of any kind. */
  | { readonly backend: 'directory' }
  /** A read-only subvolume of btrfs. */
  | { readonly backend: 'subvolume' }
  /** A file that holds a block device's content. */
  | { readonly backend: 'image'; readonly use: ImageUse };

/** A volume's content as it was at one time. It outlives the volume. */
export interface Snapshot extends Stored {
  /** The group it was cut with; its directory lies in that of the group. */
  readonly groupId: string | undefined;
  readonly sourceVolumeId: string;
  readonly content: SnapshotContent;
  /** The capacity its source had: what a volume made from it has at least. */
  readonly sizeBytes: bigint;
  /** What its source took up on the disk, as far as that was known; for directories without a limit it is not. */
  readonly occupiedBytes: bigint | undefined;
  /** Who owns the root of a file system that is only made when a volume is staged. */
  readonly root: RootOwnership;
  /** The first volume that it has its content from, through whatever copies: they may share blocks. */
  readonly lineage: string;
  /** The instant of the cut: ISO 8601, UTC. */
  readonly createdAt: string;
}

/** Snapshots that were cut at one instant, and come and go together. */
export interface GroupSnapshot extends Stored {
  readonly name: string;
  readonly snapshots: readonly Snapshot[];
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}
