import type { MountFlags } from '../requests/mount-flags.ts';

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

/**
 * The paths of this host. They are absolute; symbolic links in them are not followed. A path that cannot be resolved (a
 * symbolic link or a file on the way, a component over 255 bytes) causes a VolumeError invalid that names it. This holds
 * for all ports that take paths.
 */
export interface Paths {
  /** The state of a path. Answers within seconds, even if the disk or server there hangs. */
  inspect(path: string): Promise<PathState>;
  /**
   * Gives a directory and everything in it an SELinux label; reads only the directory itself if it has the label.
   * @throws VolumeError precondition: its file system has no labels of its own
   */
  label(path: string, seLinuxContext: string): Promise<void>;
  /** Whether the existing directory at a path has any entries. */
  hasEntries(path: string): Promise<boolean>;
  /**
   * Creates a directory, 0700, in an existing parent.
   * @returns whether it was created; false if there is a directory already
   */
  makeDirectory(path: string): Promise<boolean>;
  /**
   * Creates an empty file, 0600, in an existing parent, as the mount point of a device.
   * @returns whether it was created; false if there is an empty file already
   */
  makeFile(path: string): Promise<boolean>;
  /**
   * Removes an empty directory or an empty file; succeeds if the path is missing.
   * @throws VolumeError precondition if it is not empty
   */
  remove(path: string): Promise<void>;
}
