import type { FileSystemType } from './file-system-type.ts';
import type { MountFlags } from './mount-flags.ts';
import type { Damaged, Stored } from './stored.ts';
import type { BackendKind, RootOwnership, Volume } from './volume.ts';

/**
 * What the model needs of the world: records that survive a crash, a backend that provisions bytes, and mounts.
 * Each port has a fake that passes the same contract tests as the real one.
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

/** Identifies a file or directory while it is open or mounted: an inode number and its device. */
export interface FileIdentity {
  readonly inode: bigint;
  readonly device: string;
}

/** What is at a path. */
export type PathState =
  | { readonly kind: 'absent' }
  | DirectoryState
  | { readonly kind: 'file'; readonly isEmpty: boolean }
  | { readonly kind: 'symlink' }
  | { readonly kind: 'other' }
  | MountedState;

/** A directory with nothing mounted on it. */
export interface DirectoryState {
  readonly kind: 'directory';
  readonly identity: FileIdentity;
  /** The mount it lies in. */
  readonly mountId: number;
  /** The flags in force on the mount it lies in. */
  readonly flags: MountFlags;
}

/** Something is mounted at the path. */
export interface MountedState {
  readonly kind: 'mounted';
  readonly mountId: number;
  /** What is mounted: the root of the mount. */
  readonly identity: FileIdentity;
  /** The flags in force on the mount, those of its file system included. */
  readonly flags: MountFlags;
  /** The number of the device when what is mounted is a device node, `major:minor`. */
  readonly deviceNode: string | undefined;
}

/** One mount among all that the driver sees. */
export interface MountedPath {
  readonly path: string;
  readonly mountId: number;
  /** The directory of its file system that is mounted, for instance `/pool/volumes/<name>/data`. */
  readonly root: string;
  /** What the file system was mounted from, for instance `/dev/loop3`. */
  readonly source: string;
  /** Whether this mount takes no writes, as it was made or has been remounted. */
  readonly isReadOnly: boolean;
  /** Whether its file system takes none, whatever the mount: as it was mounted, or after an error. */
  readonly isFileSystemReadOnly: boolean;
}

/** The space of the file system at a path. */
export interface FileSystemUsage {
  readonly bytes: Usage;
  readonly inodes: Usage;
}

/** The space of a volume. File systems that make inodes as they go have no numbers for them. */
export interface VolumeUsage {
  readonly bytes: Usage;
  readonly inodes: Usage | undefined;
}

export interface Usage {
  readonly total: bigint;
  readonly used: bigint;
  readonly available: bigint;
}

/**
 * The mounts of this host, as this process sees them. Paths are absolute; no symbolic link in them is followed.
 * A path that cannot be walked (a symbolic link or a file on the way, a component over 255 bytes) is a
 * VolumeError invalid that names it.
 */
export interface Mounts {
  inspect(path: string): Promise<PathState>;
  /** Whether anything is in the directory at a path, which exists. */
  hasEntries(path: string): Promise<boolean>;
  /**
   * Binds the directory at `source` on the directory at `target`. The mount has what the source's mount has,
   * and the flags on top, from the moment it is visible. Mounts below the source do not come along.
   * @param expected what must be found at `source` (precondition otherwise)
   * @returns the new mount's id
   */
  bind(source: string, target: string, flags: MountFlags, expected: FileIdentity): Promise<number>;
  /**
   * Takes down every mount stacked at the path; nothing there is no error.
   * @throws VolumeError precondition while a process uses it
   */
  unmount(path: string): Promise<void>;
  /**
   * Makes a directory, 0700, in a parent that exists.
   * @returns whether it was made; false when a directory is there already
   */
  makeDirectory(path: string): Promise<boolean>;
  /**
   * Removes an empty directory or an empty file; nothing there is no error.
   * @throws VolumeError precondition when it is not empty
   */
  remove(path: string): Promise<void>;
  /**
   * Makes an empty file, 0600, in a parent that exists, for a device to be bound on.
   * @returns whether it was made; false when an empty file is there already
   */
  makeFile(path: string): Promise<boolean>;
  /** Binds the node of a device on the file at `target`. @returns the new mount's id */
  bindDevice(device: Device, target: string): Promise<number>;
  /**
   * Mounts the file system on a device at a directory, its flags in force from the moment it is visible.
   * @returns the new mount's id
   * @throws VolumeError precondition with the kernel's reason
   */
  mountDevice(device: Device, target: string, how: FileSystemMount): Promise<number>;
  /** The number of the device whose file system is mounted at a path, `major:minor`; undefined when it has none. */
  deviceAt(path: string): Promise<string | undefined>;
  /**
   * Grows the file system of a device, mounted at a path, to the device's size.
   * @returns whether it fills the device now: ext4 grows while it is mounted only for a process that may override
   *   resource limits
   */
  growFileSystem(path: string, device: Device, fsType: FileSystemType): Promise<{ isGrown: boolean }>;
  /** Waits until everything written to the file system at a path is on its device. */
  sync(path: string): Promise<void>;
  /**
   * Lets nobody write to the file system mounted at a path until it is thawed, and makes it whole on its device: what
   * writers do waits. It stays so when this process ends.
   * @returns false when somebody else has frozen it
   */
  freeze(path: string): Promise<boolean>;
  /** Ends a freeze; of what is not frozen nothing happens. */
  thaw(path: string): Promise<void>;
  /** The space at a path, which exists. */
  usage(path: string): Promise<FileSystemUsage>;
  /** Every mount there is. The cost grows with their number: for start-up and for what no index knows. */
  list(): Promise<MountedPath[]>;
}

/** How the file system of an image is mounted. */
export interface FileSystemMount {
  readonly fsType: FileSystemType;
  /** Options of the file system itself, such as `discard`. */
  readonly options: readonly string[];
  readonly flags: MountFlags;
}

/** A block device of the kernel. */
export interface Device {
  /** Its node, `/dev/loop3`. */
  readonly path: string;
  /** `major:minor`. */
  readonly number: string;
}

/**
 * Files as block devices. A file is attached to one device at most, whoever attached it: two would each have a
 * cache of their own, and a file system mounted from both would be lost.
 */
export interface Devices {
  /** The device a file is attached to, undefined when it is attached to none. */
  find(file: string): Promise<Device | undefined>;
  /**
   * Attaches a file, or takes the device it is attached to, for as long as `use` runs. After that the device goes
   * when the last mount of it is gone.
   */
  hold<T>(file: string, use: (device: Device) => Promise<T>): Promise<T>;
  /** Attaches a file until it is detached, or takes the device it is attached to. */
  attach(file: string): Promise<Device>;
  /** @returns false when somebody still uses the device, so that it is still there */
  detach(file: string): Promise<boolean>;
  /** Lets the device of a file see that the file has grown; a file that is not attached is left alone. */
  refreshSize(file: string): Promise<void>;
  isReadOnly(device: Device): Promise<boolean>;
  /** Lets the device be opened for writing, or not. Whoever has it open already is not stopped. */
  setReadOnly(device: Device, readOnly: boolean): Promise<void>;
  /** Every file that is attached, by its path. */
  list(): Promise<AttachedFile[]>;
}

export interface AttachedFile extends Device {
  readonly file: string;
  /** Whether that file is gone, so that another one may be at its path. */
  readonly isRemoved: boolean;
}

/** The file systems inside images, while nothing of them is mounted. */
export interface ImageFormatter {
  /** The file systems that can be made here. */
  readonly fileSystems: readonly FileSystemType[];
  /** The smallest images they can be made on. */
  readonly minimumBytes: Readonly<Record<FileSystemType, bigint>>;
  /** What is on an image: a file system, nothing at all, or something else. */
  inspect(file: string): Promise<FileSystemType | 'blank' | 'unknown'>;
  /**
   * Makes a file system on a blank image, whole or not at all, its root directory with this owner and mode.
   * @throws VolumeError precondition: the image is not blank, or is attached
   */
  format(file: string, fsType: FileSystemType, root: RootOwnership): Promise<void>;
  /** Grows a file system on a device to its size, before it is mounted. */
  growUnmounted(device: Device, fsType: FileSystemType): Promise<void>;
}
