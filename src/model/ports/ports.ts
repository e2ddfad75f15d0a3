import type { Damaged, Stored } from '../objects/stored.ts';
import type { BackendKind, Volume } from '../objects/volume.ts';
import type { Usage } from './mounts-port.ts';

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
  /** The record of an object that exists, as its disk has it now. @throws when it cannot be read or understood */
  read(id: string): Promise<Kind>;
  /** Replaces the record of an object that exists, in one durable step. When this rejects, it may have been replaced. */
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
   * content does not grow with it. They are on the disk when this resolves, or with the record if that is written next.
   * Content that was restored by hand so that nothing can limit it (`faultsOf`) has no limit set anywhere.
   * @throws VolumeError precondition: quotas are off, and what to do
   */
  applyLimits(directory: string, volume: Volume): Promise<void>;
  /**
   * Compares the limits in force with the volume's record, and puts them right where the content can stay as it is. Where
   * that is not so, or quotas are off, nothing changes: `faultsOf` says why. Images stay as they are.
   * @returns whether anything was changed
   */
  restoreLimits(directory: string, volume: Volume): Promise<boolean>;
  /** What of content that is there is not as its record says, in time that does not depend on the content. */
  faultsOf(directory: string, volume: Volume): Promise<readonly ContentFault[]>;
  /** The content of a volume or snapshot as it is on the disk now; restored by hand it may not be of its record's kind. */
  originalIn(directory: string): Promise<StoredContent>;
  /**
   * Looks at each file of content that is held by a project quota, and has those counted for the volume again that their
   * owner has put into another project: the owner of a file may. It takes as long as there are files.
   * @returns undefined where nothing is counted like this
   * @throws the signal's reason
   */
  recount(directory: string, volume: Volume, control: RecountControl): Promise<Recount | undefined>;
  /**
   * Takes back an expansion that was not recorded, as far as nothing can have used it: brings the limits to the volume's
   * capacity, which may be less than what is in force. May be repeated.
   * @returns the bytes that the content is held to now: the capacity, or more where an image has more in use
   */
  undoGrowth(directory: string, volume: Volume): Promise<bigint>;
  /**
   * What is used of the volume's own limit, in time that does not depend on its content; undefined where it has
   * no limit of its own, or where only its mounted file system knows.
   * @throws VolumeError precondition: quotas are off
   */
  usage(directory: string, volume: Volume): Promise<VolumeUsage | undefined>;
  /**
   * The bytes of the pool's disk that a volume held to its size takes up, in time that does not depend on its content;
   * 0 for any other, and for one that nothing counts, whatever its record says.
   */
  occupiedBytes(directory: string, volume: Volume): Promise<OccupiedBytes>;
  /**
   * What of the content is lost, as far as the file system's metadata tells, in time that does not depend on the content;
   * undefined where all is there. Of a snapshot, the capacity is that of its volume when it was cut.
   */
  lossOf(directory: string, content: Pick<Volume, 'capacityBytes'>): Promise<ContentLoss | undefined>;
  /** The bytes that a copy of all of it takes on a disk where nothing can be shared. It may look at each file. */
  copyBytes(path: string, signal: AbortSignal): Promise<bigint>;
}

/** How a volume's content has come to harm. */
export type ContentLoss =
  /** There is none, or something else in its place. */
  | { readonly kind: 'missing' }
  /** An image that is shorter than its volume is large. */
  | { readonly kind: 'truncated'; readonly sizeBytes: bigint };

/** What keeps content that is all there from being what its record says. */
export interface ContentFault {
  /** `not-held`: the record says that the volume is held to its size. `read-only`: pods cannot write to it. */
  readonly kind: 'not-held' | 'read-only';
  /** A sentence that names the volume, with the remedy: a command for a shell where there is one. */
  readonly message: string;
}

export interface RecountControl {
  readonly signal: AbortSignal;
  /** Whether a project is that of another volume. */
  isOthers(projectId: number): boolean;
}

/** What was found when each file of a volume was looked at. */
export interface Recount {
  /** How many files count for the volume again, by the project they were counted for; 0 is none. */
  readonly takenBack: ReadonlyMap<number, number>;
  /** How many could not be looked at, or not be taken back. */
  readonly failures: number;
  /** How many files count for the volume and are not in it: those of others, or deleted ones that are in use. */
  readonly unaccounted: number;
}

/** What a volume takes up on its disk. */
export interface OccupiedBytes {
  readonly total: bigint;
  /** What no copy has in common with it; undefined where that cannot be told. */
  readonly exclusive: bigint | undefined;
}

/** Content as it is on the disk. */
export interface StoredContent {
  readonly backend: BackendKind;
  /** A directory, or the file of an image. */
  readonly path: string;
}

/** Content that is copied: a volume's or a snapshot's. */
export interface Original extends StoredContent {
  /** The name of its pool. */
  readonly pool: string;
}

/** How whoever waits for a copy stops it, and learns how far it is. */
export interface CopyControl {
  readonly signal: AbortSignal;
  /** Told of bytes that were copied; of shared ones nobody is told. */
  readonly onBytes: (bytes: bigint) => void;
  /** Called twice a second or more often while a file cannot be opened, because a process has leased it. */
  readonly onWait: (file: string) => void;
}

/**
 * Which volumes have a file system that is frozen, on a disk that is not: so that after a crash they are thawed
 * before anything else is done.
 */
export interface FreezeMarks {
  /**
   * Marks volumes, durably, all or none.
   * @returns those that were marked before, because nobody could thaw them
   * @throws VolumeError exhausted or unavailable for what a disk can answer
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
