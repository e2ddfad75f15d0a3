import type { FileSystemType } from './file-system-type.ts';
import type { RootOwnership } from './volume.ts';

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
