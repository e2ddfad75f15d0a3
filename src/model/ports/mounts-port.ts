import type { FileSystemType } from '../requests/file-system-type.ts';
import type { MountFlags } from '../requests/mount-flags.ts';
import type { Device } from './devices-port.ts';

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
  | MountedState
  | UnreadableState;

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

/** What is at the path answers with an error, or not at all: a disk that failed, a server that is gone. */
export interface UnreadableState {
  readonly kind: 'unreadable';
  /** The topmost mount at the path; undefined where nothing is mounted there, or that cannot be known either. */
  readonly mountId: number | undefined;
  /** What was wrong, to follow the path in a sentence: `answers EIO`. */
  readonly why: string;
}

/** One mount among all that the driver sees. */
export interface MountedPath {
  readonly path: string;
  readonly mountId: number;
  /** A number of its file system, `major:minor`: all mounts of one file system have the same. */
  readonly fileSystem: string;
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
  /** What is at a path. It answers within seconds, whatever hangs there. */
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
   * Takes down every mount stacked at the path, without asking what is mounted; nothing there is no error.
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
   * Mounts the file system on a device at a directory, its flags in force from the moment it is visible. By then it
   * fills the device, as far as `growFileSystem` can see to that, unless the mount is read-only. When this rejects,
   * nothing is mounted.
   * @returns the new mount's id
   * @throws VolumeError precondition with the kernel's reason; what `growFileSystem` throws
   */
  mountDevice(device: Device, target: string, how: FileSystemMount): Promise<number>;
  /** The number of the device whose file system is mounted at a path, `major:minor`; undefined when it has none. */
  deviceAt(path: string): Promise<string | undefined>;
  /**
   * Grows the file system of a device, mounted at a path, to the device's size. One that cannot use what the device has
   * more (btrfs below 256 MiB) counts as filling it.
   * @returns whether it fills the device now: ext4 grows while it is mounted only for a process that may override
   *   resource limits, and only where it has recorded no errors
   * @throws VolumeError exhausted, aborted or precondition, for what the file system can answer
   */
  growFileSystem(path: string, device: Device, fsType: FileSystemType): Promise<{ isGrown: boolean }>;
  /** Whether the file system of a device, mounted at a path, is smaller than it could be on that device. */
  isSmallerThanDevice(path: string, device: Device, fsType: FileSystemType): Promise<boolean>;
  /** Waits until everything written to the file system at a path is on its device. */
  sync(path: string): Promise<void>;
  /**
   * Holds the file system of a device by the mount at a path. The mount can still be taken down.
   * @returns undefined when that file system is not, or no longer, mounted at the path
   */
  hold(path: string, device: Device): Promise<HeldFileSystem | undefined>;
  /** The space at a path, which exists. */
  usage(path: string): Promise<FileSystemUsage>;
  /** Every mount there is. The cost grows with their number: for start-up and for what no index knows. */
  list(): Promise<MountedPath[]>;
}

/**
 * A mounted file system that stays reachable until it is released, even when all its mounts are taken down meanwhile:
 * work that must be undone does not depend on a path.
 */
export interface HeldFileSystem {
  /** Waits until everything written to it is on its device. */
  sync(): Promise<void>;
  /**
   * Makes writers wait until it is thawed, and brings what was written to its device. It stays frozen when it is released
   * or this process ends.
   * @returns false when another process has frozen it
   */
  freeze(): Promise<boolean>;
  /** Ends a freeze, whoever froze it. @returns false when it was not frozen */
  thaw(): Promise<boolean>;
  /** Lets it go; may be repeated. */
  release(): Promise<void>;
}

/** How the file system of an image is mounted. */
export interface FileSystemMount {
  readonly fsType: FileSystemType;
  /** Options of the file system itself, such as `discard`. */
  readonly options: readonly string[];
  readonly flags: MountFlags;
}
