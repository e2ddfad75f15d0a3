import type { RecordedObject } from './object-index.ts';
import type { ImageUse, Origin, RootOwnership } from './volume.ts';

/** The form of a snapshot's content. Snapshots are never mounted, so they have no limits. */
export type SnapshotContent =
  /** A tree of files, copied from a directory of any kind. */
  | { readonly backend: 'directory' }
  /** A read-only btrfs subvolume. */
  | { readonly backend: 'subvolume' }
  /** A file with the content of a block device. */
  | { readonly backend: 'image'; readonly use: ImageUse };

/** A volume's content at one point in time. It outlives the volume. */
export interface Snapshot extends RecordedObject {
  /** The group that it was taken with; its directory is inside the group's directory. */
  readonly groupId: string | undefined;
  readonly sourceVolumeId: string;
  readonly content: SnapshotContent;
  /** The capacity of its source: the minimum for a volume created from it. */
  readonly sizeBytes: bigint;
  /** The space that its source occupied on the disk, if known; it is not for directories without a limit. */
  readonly occupiedBytes: bigint | undefined;
  /** The owner of the root of a file system that is only created when a volume is staged. */
  readonly root: RootOwnership;
  /** The first volume in the chain of copies that its content comes from: they may share blocks. */
  readonly lineage: string;
  /** The object that it was received from as a stream; undefined if it was taken here. */
  readonly origin: Origin | undefined;
  /** The point in time: ISO 8601, UTC. */
  readonly createdAt: string;
}

/**
 * What the content of a snapshot is known by on every node that has it: the id where it was taken. The content of a volume
 * changes, so that its id says nothing of a snapshot that was received from it.
 */
export function contentIdOf({ id, origin }: Pick<Snapshot, 'id' | 'origin'>): string {
  return origin?.kind === 'snapshot' ? origin.id : id;
}

/** Snapshots that were taken at one point in time, and are created and deleted together. */
export interface GroupSnapshot extends RecordedObject {
  readonly name: string;
  readonly snapshots: readonly Snapshot[];
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}
