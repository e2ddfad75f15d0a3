import type { Usage } from './mounts-port.ts';
import type { Damaged, Stored } from './stored.ts';
import type { BackendKind, Volume } from './volume.ts';

/**
 * What the model needs of the world: records that survive a crash and a backend that provisions bytes, here; mounts, in
 * mounts-port.ts, devices, in devices-port.ts, and what lies where in an image, in block-maps.ts. Each port has a fake
 * that passes the same contract tests as the real one.
 */

/** The objects of one kind in one pool, as they are remembered on its disk: volumes, snapshots or groups. */
export interface Records<Kind extends Stored> {
  /** Everything remembered. A record that cannot be understood comes as damaged; it never fails the rest. */
  load(): Promise<{ found: Kind[]; damaged: Damaged[] }>;
  /**
   * Makes an object durable, whole or not at all: builds it aside, with `build` filling its directory, and lets
   * it appear in one step. When this rejects, the object does not exist and nothing of it is left.
   * @throws VolumeError exhausted or unavailable for what a disk can answer
   */
  add(object: Kind, build: (directory: string) => Promise<void>): Promise<void>;
  /** Replaces the record of an object that exists, in one durable step. */
  replace(object: Kind): Promise<void>;
  /**
   * Forgets an object in one durable step. What it held is removed afterwards, in the background, through
   * `Backend.destroy`. Forgetting what is not there changes nothing.
   */
  remove(id: string): Promise<void>;
  /**
   * Puts an object aside in one durable step: it is forgotten, and what it held stays with its record in `retained/`.
   * Putting aside what is not there changes nothing.
   * @throws VolumeError precondition: one of its id was put aside before, and is still there
   */
  retain(id: string): Promise<void>;
  /** The directory of an object that exists, for the backend. */
  directoryOf(id: string): string;
  /** The name of the object's directory, as it shows in the root of its mounts. */
  directoryNameOf(id: string): string;
}

/**
 * How volumes of one kind are provisioned in a pool. Directories are given as absolute paths: the one that holds
 * the volume's content, and its record.
 */
export interface Backend {
  /** Makes the volume's content in its directory, with its limit in force, and makes it durable. */
  provision(directory: string, volume: Volume): Promise<void>;
  /**
   * The same, with a copy as its first content. The limit is the volume's own, whatever that of the original is.
   * @throws VolumeError invalid: the original is of a kind that this backend cannot hold
   */
  provisionCopy(directory: string, volume: Volume, original: Original, control: CopyControl): Promise<void>;
  /** Makes the content of a snapshot, a copy that no limit holds, and makes it durable. */
  snapshot(directory: string, original: Original, control: CopyControl): Promise<void>;
  /**
   * Removes the directory of a volume, with all it holds, and its limit; without a volume, that of a snapshot. What is
   * gone is no error; may be repeated.
   */
  destroy(directory: string, volume?: Volume): Promise<void>;
  /** What is mounted or attached when the volume is staged: a directory, or the file of an image. */
  contentOf(directory: string): string;
  /**
   * Brings the limits of content that exists to what the volume says: a capacity, which is no less than before, and
   * where the backend counts inodes their number. Where that is so already, nothing changes. A file system inside the
   * content does not grow with it.
   */
  applyLimits(directory: string, volume: Volume): Promise<void>;
  /**
   * What is used of the volume's own limit, in time that does not depend on its content; undefined where it has
   * no limit of its own, or where only its mounted file system knows.
   */
  usage(directory: string, volume: Volume): Promise<VolumeUsage | undefined>;
  /**
   * The bytes of the pool's disk that a volume held to its size takes up, in time that does not depend on its content;
   * 0 for any other.
   */
  occupiedBytes(directory: string, volume: Volume): Promise<OccupiedBytes>;
  /**
   * What of the content is lost, as far as the file system's metadata tells, in time that does not depend on the content;
   * undefined where all is there.
   */
  lossOf(directory: string, volume: Volume): Promise<ContentLoss | undefined>;
  /** The bytes that a copy of all of it takes on a disk where nothing can be shared. It may look at each file. */
  copyBytes(path: string, signal: AbortSignal): Promise<bigint>;
}

/** How a volume's content has come to harm. */
export type ContentLoss =
  /** There is none, or something else in its place. */
  | { readonly kind: 'missing' }
  /** An image that is shorter than the volume is large. */
  | { readonly kind: 'truncated'; readonly sizeBytes: bigint };

/** What a volume takes up on its disk. */
export interface OccupiedBytes {
  readonly total: bigint;
  /** What no copy has in common with it; undefined where that cannot be told. */
  readonly exclusive: bigint | undefined;
}

/** Content that is copied: a volume's or a snapshot's. */
export interface Original {
  /** The name of the pool it lies in. */
  readonly pool: string;
  readonly backend: BackendKind;
  /** A directory, or the file of an image. */
  readonly path: string;
}

/** How whoever waits for a copy stops it, and learns how far it is. */
export interface CopyControl {
  readonly signal: AbortSignal;
  /** Told of bytes that were copied; of shared ones nobody is told. */
  readonly onBytes: (bytes: bigint) => void;
}

/**
 * Which volumes have a file system that is frozen, on a disk that is not: so that after a crash they are thawed
 * before anything else is done.
 */
export interface FreezeMarks {
  /**
   * Marks volumes, durably.
   * @returns those that were marked before, because nobody could thaw them
   */
  add(volumeIds: readonly string[]): Promise<readonly string[]>;
  remove(volumeIds: readonly string[]): Promise<void>;
  has(volumeId: string): Promise<boolean>;
}

/** The space of a volume. File systems that make inodes as they go have no numbers for them. */
export interface VolumeUsage {
  readonly bytes: Usage;
  readonly inodes: Usage | undefined;
}
