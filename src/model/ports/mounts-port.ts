import type { FileSystemType } from '../requests/file-system-type.ts';
import type { MountFlags } from '../requests/mount-flags.ts';
import type { Device } from './devices-port.ts';

/** Identifies a file or directory while it is open or mounted: an inode number and its device. */
export interface FileIdentity {
  readonly inode: bigint;
  readonly device: string;
}

/** The state of a path. */
export type PathState =
  | { readonly kind: 'absent' }
  | DirectoryState
  | { readonly kind: 'file'; readonly isEmpty: boolean }
  | { readonly kind: 'symlink' }
  | { readonly kind: 'other' }
  | MountedState
  | UnreadableState;

/** A directory that is not a mount point. */
export interface DirectoryState {
  readonly kind: 'directory';
  readonly identity: FileIdentity;
  /** The mount that contains it. */
  readonly mountId: number;
  /** The flags in force on the mount that contains it. */
  readonly flags: MountFlags;
}

/** Something is mounted at the path. */
export interface MountedState {
  readonly kind: 'mounted';
  readonly mountId: number;
  /** The root of the mount. */
  readonly identity: FileIdentity;
  /** The flags in force on the mount, those of its file system included. */
  readonly flags: MountFlags;
  /** The device number if a device node is mounted, `major:minor`. */
  readonly deviceNode: string | undefined;
}

/** The path answers with an error, or not at all: a failed disk, an unreachable server. */
export interface UnreadableState {
  readonly kind: 'unreadable';
  /** The topmost mount at the path; undefined if nothing is mounted there, or that is unknown too. */
  readonly mountId: number | undefined;
  /** The problem, worded to follow the path in a sentence: `answers EIO`. */
  readonly why: string;
}

/** One of the mounts that the driver sees. */
export interface MountedPath {
  readonly path: string;
  readonly mountId: number;
  /** A number of its file system, `major:minor`: the same for all mounts of one file system. */
  readonly fileSystem: string;
  /** The mounted directory of its file system, for instance `/pool/volumes/<name>/data`. */
  readonly root: string;
  /** The source of the file system, for instance `/dev/loop3`. */
  readonly source: string;
  /** Whether this mount is read-only, as mounted or remounted. */
  readonly isReadOnly: boolean;
  /** Whether its file system is read-only, whatever the mount: as mounted, or after an error. */
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
 * The mounts of this host, as this process sees them. Paths are absolute; symbolic links in them are not followed. A
 * path that cannot be resolved (a symbolic link or a file on the way, a component over 255 bytes) causes a
 * VolumeError invalid that names it.
 */
export interface Mounts {
  /** The state of a path. Answers within seconds, even if the disk or server there hangs. */
  inspect(path: string): Promise<PathState>;
  /** Whether the existing directory at a path has any entries. */
  hasEntries(path: string): Promise<boolean>;
  /**
   * Bind-mounts the directory at `source` on the directory at `target`. The mount has the flags of the source's
   * mount, and the given flags on top, from the moment it is visible. Mounts below the source are not included.
   * @param expected the directory that must be found at `source` (precondition otherwise)
   * @returns the new mount's id
   */
  bind(source: string, target: string, flags: MountFlags, expected: FileIdentity): Promise<number>;
  /**
   * Unmounts every mount stacked at the path, whatever is mounted; succeeds if nothing is.
   * @throws VolumeError precondition while a process uses it
   */
  unmount(path: string): Promise<void>;
  /**
   * Creates a directory, 0700, in an existing parent.
   * @returns whether it was created; false if there is a directory already
   */
  makeDirectory(path: string): Promise<boolean>;
  /**
   * Removes an empty directory or an empty file; succeeds if the path is missing.
   * @throws VolumeError precondition if it is not empty
   */
  remove(path: string): Promise<void>;
  /**
   * Creates an empty file, 0600, in an existing parent, as the mount point of a device.
   * @returns whether it was created; false if there is an empty file already
   */
  makeFile(path: string): Promise<boolean>;
  /** Bind-mounts a device node on the file at `target`. @returns the new mount's id */
  bindDevice(device: Device, target: string): Promise<number>;
  /**
   * Mounts the file system on a device at a directory, with its flags in force from the moment it is visible. By then
   * it fills the device, as far as `growFileSystem` can grow it, unless the mount is read-only. If this rejects,
   * nothing is mounted.
   * @returns the new mount's id
   * @throws VolumeError precondition with the kernel's reason; any error of `growFileSystem`
   */
  mountDevice(device: Device, target: string, how: FileSystemMount): Promise<number>;
  /** The number of the device whose file system is mounted at a path, `major:minor`; undefined if it has none. */
  deviceAt(path: string): Promise<string | undefined>;
  /**
   * Grows the file system of a device, mounted at a path, to the device's size. A file system that cannot use the
   * additional space (btrfs below 256 MiB) counts as filling it.
   * @returns whether it fills the device now: ext4 grows while mounted only for a process that may override resource
   *   limits, and only if it has recorded no errors
   * @throws VolumeError exhausted, aborted or precondition, for errors of the file system
   */
  growFileSystem(path: string, device: Device, fsType: FileSystemType): Promise<{ isGrown: boolean }>;
  /** Whether the file system of a device, mounted at a path, is smaller than it could be on that device. */
  isSmallerThanDevice(path: string, device: Device, fsType: FileSystemType): Promise<boolean>;
  /** Waits until everything written to the file system at a path is on its device. */
  sync(path: string): Promise<void>;
  /**
   * Holds the file system of a device through the mount at a path. The mount can still be unmounted.
   * @returns undefined if that file system is not, or no longer, mounted at the path
   */
  hold(path: string, device: Device): Promise<HeldFileSystem | undefined>;
  /** The space at an existing path. */
  usage(path: string): Promise<FileSystemUsage>;
  /** Every mount. The cost grows with their number: for start-up, and for mounts that are not in an index. */
  list(): Promise<MountedPath[]>;
}

/**
 * A mounted file system that stays reachable until it is released, even if all its mounts are unmounted in the
 * meantime: work that must be undone does not depend on a path.
 */
export interface HeldFileSystem {
  /** Waits until everything written to it is on its device. */
  sync(): Promise<void>;
  /**
   * Makes writers wait until it is thawed, and flushes earlier writes to its device. It stays frozen if it is
   * released or this process ends.
   * @returns false if another process has frozen it
   */
  freeze(): Promise<boolean>;
  /** Ends a freeze, whichever process made it. @returns false if it was not frozen */
  thaw(): Promise<boolean>;
  /** Releases it; may be repeated. */
  release(): Promise<void>;
}

/** How the file system of an image is mounted. */
export interface FileSystemMount {
  readonly fsType: FileSystemType;
  /** Options of the file system itself, such as `discard`. */
  readonly options: readonly string[];
  readonly flags: MountFlags;
}
