import type { FileSystemType } from '../requests/file-system-options.ts';
import type { Device } from './devices-port.ts';

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

/** The mounted file systems of this host. */
export interface FileSystems {
  /**
   * Grows the file system of a device, mounted at a path, to the device's size. A file system that cannot use the
   * additional space (btrfs below 256 MiB) counts as filling it.
   * @returns whether it fills the device now: ext4 grows while mounted only for a process that may override resource
   *   limits, and only if it has recorded no errors
   * @throws VolumeError exhausted, aborted or precondition, for errors of the file system
   */
  grow(path: string, device: Device, fsType: FileSystemType): Promise<{ isGrown: boolean }>;
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
  /**
   * Returns the space of deleted data to the disk of its device.
   * @returns how many bytes; undefined if the device cannot do that
   */
  trim(): Promise<bigint | undefined>;
  /** Releases it; may be repeated. */
  release(): Promise<void>;
}
