import type { FileSystemType } from '../requests/file-system-options.ts';
import type { MountFlags } from '../requests/mount-flags.ts';
import type { Device } from './devices-port.ts';
import type { FileIdentity } from './paths-port.ts';

/** Where one of the mounts that the driver sees is. */
export interface MountPlace {
  readonly path: string;
  /** A number of its file system, `major:minor`: the same for all mounts of one file system. */
  readonly fileSystem: string;
  /** The mounted directory of its file system, for instance `/pool/volumes/<name>/data`. */
  readonly root: string;
}

/** One of the mounts that the driver sees. */
export interface MountedPath extends MountPlace {
  readonly mountId: number;
  /** The source of the file system, for instance `/dev/loop3`. */
  readonly source: string;
  /** Whether this mount is read-only, as mounted or remounted. */
  readonly isReadOnly: boolean;
  /** Whether its file system is read-only, whatever the mount: as mounted, or after an error. */
  readonly isFileSystemReadOnly: boolean;
}

/** The mounts of this host, as this process sees them. */
export interface Mounts {
  /** Every mount. The cost grows with their number: for start-up, and for mounts that are not in an index. */
  list(): Promise<MountedPath[]>;
  /**
   * The mounts with a directory of this name in their path or root, and perhaps others. The cost hardly grows with the number
   * of all mounts. May miss a mount that had another place when it was first seen, if someone moved it, or renamed a directory.
   * @param name the name of an object's directory
   */
  listNaming(name: string): Promise<MountPlace[]>;
  /** The number of the device whose file system is mounted at a path, `major:minor`; undefined if it has none. */
  deviceAt(path: string): Promise<string | undefined>;
  /**
   * Bind-mounts the directory at `source` on the directory at `target`. The mount has the flags of the source's
   * mount, and the given flags on top, from the moment it is visible. Mounts below the source are not included.
   * @param expected the directory that must be found at `source` (precondition otherwise)
   * @returns the new mount's id
   */
  bind(source: string, target: string, flags: MountFlags, expected: FileIdentity): Promise<number>;
  /** Bind-mounts a device node on the file at `target`. @returns the new mount's id */
  bindDevice(device: Device, target: string): Promise<number>;
  /**
   * Mounts the file system on a device at a directory, with its flags in force from the moment it is visible. By then
   * it fills the device, as far as `FileSystems.grow` can grow it, unless the mount is read-only. If this rejects,
   * nothing is mounted.
   * @returns the new mount's id
   * @throws VolumeError precondition with the kernel's reason; any error of `FileSystems.grow`
   */
  mountDevice(device: Device, target: string, how: FileSystemMount): Promise<number>;
  /**
   * Unmounts every mount stacked at the path, whatever is mounted; succeeds if nothing is.
   * @throws VolumeError precondition while a process uses it
   */
  unmount(path: string): Promise<void>;
}

/** How the file system of an image is mounted. */
export interface FileSystemMount {
  readonly fsType: FileSystemType;
  /** Options of the file system itself, such as `discard`. */
  readonly options: readonly string[];
  readonly flags: MountFlags;
}
