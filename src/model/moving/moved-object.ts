import type { Claim, ImageUse, MutableParameters, RootOwnership } from '../objects/volume.ts';
import type { AccessMode } from '../requests/capability.ts';

export const directoryFormats = ['tar', 'btrfs'] as const;

/** An archive of any directory, or a stream of `btrfs send` for a snapshot on btrfs. */
export type DirectoryFormat = (typeof directoryFormats)[number];

/** The form in which content travels. */
export type MovedContent =
  | {
      readonly format: 'image';
      readonly use: ImageUse;
      /** That of a volume has all its space from the start. */
      readonly isThick?: true | undefined;
    }
  | { readonly format: DirectoryFormat };

/** A volume or snapshot as it travels from one node to another. */
export interface MovedObject {
  readonly kind: 'volume' | 'snapshot';
  /** What its content is known by: the id of the volume, or of the snapshot where it was taken. */
  readonly contentId: string;
  readonly name: string;
  /** The pool or accounting class that it is in. */
  readonly pool: string;
  readonly sizeBytes: bigint;
  readonly content: MovedContent;
  /** About how many bytes of content follow; 0 if that is unknown. */
  readonly contentBytes: bigint;
  /** What the snapshot that the content changes is known by; undefined if all of the content follows. */
  readonly since: string | undefined;
  readonly root: RootOwnership;
  readonly accessModes: readonly AccessMode[];
  readonly mutable: MutableParameters;
  readonly claim: Claim | undefined;
  /** How the readable name of a volume is made; undefined for none, and for a snapshot. */
  readonly nameTemplate: string | undefined;
  /** The volume that a snapshot is of; for a volume, its own id. */
  readonly volumeId: string;
  /** The point in time of a snapshot, or when it was sent: ISO 8601, UTC. */
  readonly createdAt: string;
}
