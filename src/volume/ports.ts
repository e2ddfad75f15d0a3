import type { MountFlags } from './mount-flags.ts';
import type { DamagedVolume, Volume } from './volume.ts';

/**
 * What the model needs of the world: records that survive a crash, a backend that provisions bytes, and mounts.
 * Each port has a fake that passes the same contract tests as the real one.
 */

/** The volumes of one pool as they are remembered on its disk. */
export interface Records {
  /** Everything remembered. A record that cannot be understood comes as damaged; it never fails the rest. */
  load(): Promise<{ volumes: Volume[]; damaged: DamagedVolume[] }>;
  /**
   * Makes a volume durable, whole or not at all: builds it aside, with `build` filling its directory, and lets
   * it appear in one step. When this rejects, the volume does not exist and nothing of it is left.
   * @throws VolumeError exhausted or unavailable for what a disk can answer
   */
  add(volume: Volume, build: (directory: string) => Promise<void>): Promise<void>;
  /**
   * Forgets a volume in one durable step. What it held is removed afterwards, in the background, through
   * `Backend.destroy`. Forgetting what is not there changes nothing.
   */
  remove(id: string): Promise<void>;
  /** The directory of a volume that exists, for the backend. */
  directoryOf(id: string): string;
  /** The name of the volume's directory, as it shows in the root of its mounts. */
  directoryNameOf(id: string): string;
}

/** How volumes of one kind are provisioned in a pool. Directories are given as absolute paths. */
export interface Backend {
  /** Whether writes past the capacity fail. */
  readonly enforcesCapacity: boolean;
  /** Makes the volume's content in its directory, which is new, and makes it durable. */
  provision(directory: string, volume: Volume): Promise<void>;
  /** Removes the volume's directory with all it holds. What is gone already is no error; may be repeated. */
  destroy(directory: string): Promise<void>;
  /** The directory that is mounted when the volume is staged. */
  contentOf(directory: string): string;
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
}

/** One mount among all that the driver sees. */
export interface MountedPath {
  readonly path: string;
  readonly mountId: number;
  /** The directory of its file system that is mounted, for instance `/pool/volumes/<name>/data`. */
  readonly root: string;
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
  inspect(path: string): Promise<PathState>;
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
  /** The space at a path, which exists. */
  usage(path: string): Promise<FileSystemUsage>;
  /** Every mount there is. The cost grows with their number: for start-up and for what no index knows. */
  list(): Promise<MountedPath[]>;
}
