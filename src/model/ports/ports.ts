import type { SizedContent } from '../objects/encryption.ts';
import type { DamagedObject, RecordedObject } from '../objects/object-index.ts';
import type { BackendKind, RootOwnership, Volume } from '../objects/volume.ts';
import type { Usage } from './file-systems-port.ts';

/**
 * The model's ports: records that survive a crash and a backend that provisions bytes, here; mounts, in
 * mounts-port.ts; devices, in devices-port.ts; and the data ranges of images, in block-maps.ts. Each port has a fake
 * that passes the same contract tests as the real one.
 */

/** The objects of one kind in one pool, as recorded on its disk: volumes, snapshots or groups. */
export interface Records<Item extends RecordedObject> {
  /** Loads every record. A record that cannot be understood is returned as damaged; the others still load. */
  load(): Promise<{ found: Item[]; damaged: DamagedObject[] }>;
  /**
   * Adds an object durably, whole or not at all: builds it with its content in a temporary place, and makes it visible in
   * one step. If this rejects, the object does not exist and nothing of it is left.
   * @throws VolumeError exhausted or unavailable for errors of the disk
   */
  add(object: Item, content: NewContent): Promise<void>;
  /**
   * Adds an object whose content exists already, outside the pool, by moving it: durably, whole or not at all. If this rejects,
   * the content is where it was; after a crash it is there, or the object exists once the pool is opened again.
   * @throws VolumeError precondition: it cannot be moved; unavailable: it could not be moved back, and where it is
   */
  adopt(object: Item, content: MovedContent): Promise<void>;
  /** Reads the record of an existing object from its disk. @throws if it cannot be read or understood */
  read(id: string): Promise<Item>;
  /** Replaces the record of an existing object, in one durable step. If this rejects, it may have been replaced. */
  replace(object: Item): Promise<void>;
  /**
   * Replaces the content of an existing object, in one durable step. The old content is removed in the background. If this
   * rejects, it may have been replaced.
   * @param name the content in the directory of the object
   * @param content fills another directory with the new content, durably, under the same name
   */
  replaceContent(id: string, name: string, content: (directory: string) => Promise<void>): Promise<void>;
  /**
   * Removes an object in one durable step. Its content is removed later, in the background, through
   * `Backend.destroy`. Succeeds if the object is missing.
   */
  remove(id: string): Promise<void>;
  /**
   * Records the last state of an object, and retains it in one durable step: it no longer exists, and its content stays with
   * its record in `retained/`. Succeeds if the object is missing.
   * @throws VolumeError precondition: an object with its id was retained before, and is still there
   */
  retain(object: Item): Promise<void>;
  /**
   * The opposite, of a retained object: records its new state and makes it exist again, in one durable step.
   * @throws VolumeError precondition: an object with its id exists; not-found: its owner has removed it
   */
  restore(object: Item): Promise<void>;
  /** The directory of an existing object, for the backend. */
  directoryOf(id: string): string;
  /** The name of the object's directory, as it appears in the root of its mounts. */
  directoryNameOf(id: string): string;
}

/**
 * Readable paths to the content of the volumes of one pool that have a name template, for people and their programs. They are
 * made from the records, and nothing depends on them: no method rejects.
 */
export interface VolumeNames {
  add(volume: Volume): Promise<void>;
  /** The same volume as it was added. */
  remove(volume: Volume): Promise<void>;
  /**
   * Makes the names that are missing, and removes those of other volumes.
   * @param volumes all volumes of the pool, asked for when it begins
   */
  rebuild(volumes: () => readonly Volume[]): Promise<void>;
}

/** How the content of a new object is made: by a function that fills its directory durably, or as an empty directory. */
export type NewContent = ((directory: string) => Promise<void>) | EmptyDirectory;

/** Content outside a pool that becomes that of an object. */
export interface MovedContent {
  /** Its path, for messages. */
  readonly path: string;
  /** How it is reached. The caller keeps its directory open, so that no symbolic link can redirect it. */
  readonly from: { readonly directory: string; readonly name: string };
  /** Its name in the directory of the object. */
  readonly name: string;
  /** Puts its limits in force, in the directory of the object, before others see it. */
  limit(directory: string): Promise<void>;
}

/** An empty directory in the directory of an object, which is made together with that. */
export interface EmptyDirectory {
  readonly name: string;
  readonly root: RootOwnership;
}

/**
 * How volumes of one kind are provisioned in a pool. Directories are absolute paths: each contains the volume's
 * content and its record.
 */
export interface Backend {
  /** The content of an empty volume, with its limit in force. */
  emptyContent(volume: Volume): NewContent;
  /**
   * Creates the volume's content in its directory, with its limit in force and a copy as its first content, durably. The limit is the volume's own, not the original's.
   * @throws VolumeError invalid: this backend cannot hold this kind of original
   */
  provisionCopy(directory: string, volume: Volume, source: CopySource, control: CopyControl): Promise<void>;
  /**
   * Charges content outside the pool to the volume that it will be moved into. It stays as it is otherwise.
   * @throws VolumeError precondition: a part of it cannot be charged; out-of-range: it does not fit; the signal's reason
   */
  charge(path: string, volume: Volume, signal: AbortSignal): Promise<void>;
  /** Creates the content of a snapshot, a copy without a limit, and makes it durable. */
  snapshot(directory: string, source: CopySource, control: CopyControl): Promise<void>;
  /**
   * Removes the directory of a volume, with its contents and its limit; without a volume, the directory of a
   * snapshot. Missing parts are no error; may be repeated.
   */
  destroy(directory: string, volume?: Volume): Promise<void>;
  /** The path that is mounted or attached when the volume is staged: a directory, or an image file. */
  contentOf(directory: string): string;
  /**
   * Applies the limits of the volume to existing content: the capacity, which is no less than before, and the number
   * of inodes if the backend counts them. Limits that already match do not change. A file system inside the content
   * does not grow. The limits are on the disk when this resolves, or with the record if that is written next. No
   * limit is set on content that was restored by hand so that nothing can limit it (`faultsOf`).
   * @throws VolumeError precondition: quotas are off, and what to do
   */
  applyLimits(directory: string, volume: Volume): Promise<void>;
  /**
   * Compares the limits in force with the volume's record, and corrects them if the content can stay as it is.
   * Otherwise, or if quotas are off, nothing changes: `faultsOf` says why. Images stay as they are.
   * @returns whether anything was changed, or would be
   */
  restoreLimits(directory: string, volume: Volume, how?: RestoreOptions): Promise<boolean>;
  /** How existing content differs from its record, in time that does not depend on the content. */
  faultsOf(directory: string, volume: Volume): Promise<readonly ContentFault[]>;
  /**
   * The content of a volume or snapshot as it is on the disk now; after a restore by hand it may be of another kind
   * than recorded.
   */
  originalIn(directory: string): Promise<StoredContent>;
  /**
   * Checks each file of content that has a project quota, and charges files to the volume again that their owner
   * moved to another project: the owner of a file may do that. Takes time in proportion to the number of files.
   * @returns undefined if the backend has no such quota
   * @throws the signal's reason
   */
  recount(directory: string, volume: Volume, control: RecountControl): Promise<Recount | undefined>;
  /**
   * Undoes an expansion that was not recorded, as far as nothing can have used it: sets the limits to the volume's
   * capacity, which may be less than the limit in force. May be repeated.
   * @returns the size in bytes that is enforced now: the capacity, or more if an image has more in use
   */
  undoGrowth(directory: string, volume: Volume): Promise<bigint>;
  /**
   * The usage of the volume's own limit, in time that does not depend on its content; undefined if it has no limit of
   * its own, or if only its mounted file system knows.
   * @throws VolumeError precondition: quotas are off
   */
  usage(directory: string, volume: Volume): Promise<VolumeUsage | undefined>;
  /**
   * The bytes that a volume with an enforced capacity occupies on the pool's disk, in time that does not depend on
   * its content; 0 for any other volume, and for one whose usage is not counted, whatever its record says.
   */
  occupiedBytes(directory: string, volume: Volume): Promise<OccupiedBytes>;
  /**
   * The lost part of the content, as far as the file system's metadata shows it, in time that does not depend on the
   * content; undefined if nothing is lost. For a snapshot, the capacity is that of its volume when the snapshot was taken.
   */
  lossOf(directory: string, content: SizedContent): Promise<ContentLoss | undefined>;
  /** The bytes that a full copy takes on a disk where no blocks can be shared. It may visit each file. */
  copyBytes(path: string, signal: AbortSignal): Promise<bigint>;
}

/** How a volume's content was lost. */
export type ContentLoss =
  /** It is missing, or something else is in its place. */
  | { readonly kind: 'missing' }
  /** An image that is smaller than its volume. */
  | { readonly kind: 'truncated'; readonly sizeBytes: bigint };

/** How complete content differs from its record. */
export interface ContentFault {
  /** `not-held`: the record says that the capacity is enforced. `read-only`: pods cannot write to it. */
  readonly kind: 'not-held' | 'read-only';
  /** A sentence that names the volume and the remedy: a shell command if there is one. */
  readonly message: string;
  /**
   * What would make the content match its record again, and lose nothing: `restoreLimits`; a recount that adopts the
   * files; or content of the recorded kind, made as a copy. Undefined if a person has to decide.
   */
  readonly repair?: 'restore limits' | 'adopt files' | 'rebuild';
}

export interface RestoreOptions {
  /** Whether to find out only, and to change nothing. */
  readonly isDryRun: boolean;
}

export interface RecountControl {
  readonly signal: AbortSignal;
  /** Whether content that was restored by hand, and so is in no project, is put into the volume's (`faultsOf`). */
  readonly adoptsFiles?: boolean;
  /** The projects of other volumes. */
  readonly otherProjects: ReadonlySet<number>;
}

/** The result of a check of each file of a volume. */
export interface Recount {
  /** How many files are charged to the volume again, by the project they were charged to; 0 is none. */
  readonly reclaimed: ReadonlyMap<number, number>;
  /** How many files could not be examined or charged again. */
  readonly failures: number;
  /**
   * How many files are charged to the volume and are not in it: files of other volumes, or deleted files that are in use.
   */
  readonly unaccounted: number;
}

/** The bytes that a volume occupies on its disk. */
export interface OccupiedBytes {
  readonly total: bigint;
  /** Bytes not shared with any copy; undefined if that is unknown. */
  readonly exclusive: bigint | undefined;
}

/** Content as it is on the disk. */
export interface StoredContent {
  readonly backend: BackendKind;
  /** A directory, or an image file. */
  readonly path: string;
}

/** The original of a copy: content of a volume or a snapshot. */
export interface Original extends StoredContent {
  /** The name of its pool. */
  readonly pool: string;
}

/** Content that does not come from a pool of this node, but from a stream. */
export interface ArrivingContent {
  /** Content of this node that the stream changes; undefined if the stream has all of the content. */
  readonly base: Original | undefined;
  /** The size of an image. */
  readonly sizeBytes: bigint;
  /** Whether it is a subvolume, which `write` makes by itself, read-only, with the name `data` in a directory. */
  readonly isSubvolume: boolean;
  /**
   * Writes it, durably, into an empty directory, or into an image that has the content of the base, and zeros after it.
   * @throws VolumeError invalid: the stream is not intact
   */
  readonly write: (path: string, control: CopyControl) => Promise<void>;
}

export type CopySource = Original | ArrivingContent;

/** How a caller stops a copy, and follows its progress. */
export interface CopyControl {
  readonly signal: AbortSignal;
  /** Called with the number of bytes copied; not called for shared bytes. */
  readonly onBytes: (bytes: bigint) => void;
  /** Called at least twice a second while a file cannot be opened because a process holds a lease on it. */
  readonly onWait: (file: string) => void;
}

/**
 * The volumes with a frozen file system, recorded on a disk that is not frozen: so that after a crash they are thawed
 * before anything else is done.
 */
export interface FreezeMarks {
  /**
   * Marks volumes, durably, all or none.
   * @returns the volumes that were marked before, because they could not be thawed
   * @throws VolumeError exhausted or unavailable for errors of the disk
   */
  add(volumeIds: readonly string[]): Promise<readonly string[]>;
  remove(volumeIds: readonly string[]): Promise<void>;
  has(volumeId: string): Promise<boolean>;
}

/** The space of a volume. File systems that allocate inodes dynamically have no inode counts. */
export interface VolumeUsage {
  readonly bytes: Usage;
  readonly inodes: Usage | undefined;
}
