import type { RootOwnership } from '../objects/volume.ts';
import type { FileSystemType } from '../requests/file-system-type.ts';

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
  /** A device has whole sectors of this size. */
  readonly sectorBytes: bigint;
  /** The device a file is attached to, undefined when it is attached to none. */
  find(file: string): Promise<Device | undefined>;
  /**
   * Attaches a file, or takes the device it is attached to, for as long as `use` runs. After that the device goes
   * when the last mount of it is gone.
   */
  hold<T>(file: string, use: (device: Device) => Promise<T>): Promise<T>;
  /**
   * Attaches a file until it is detached, or takes the device it is attached to. Others get the node of the device, and the
   * kernel lets whoever has a node detach it: it is kept open meanwhile, so that they cannot, and its number is not used
   * for another file.
   */
  attach(file: string): Promise<Device>;
  /** The same for a file that a driver before this one attached; a file that is not attached is left alone. */
  keepAttached(file: string): Promise<void>;
  /** @returns false when somebody still uses the device, so that it is still there */
  detach(file: string): Promise<boolean>;
  /** Lets the device of a file see that the file has grown; a file that is not attached is left alone. */
  refreshSize(file: string): Promise<void>;
  /** The size of a device, in bytes; that of its file when it was attached or refreshed last. */
  sizeOf(device: Device): Promise<bigint>;
  /** What was written to the device of a file by `setLabel`; undefined when the file is attached to none. */
  labelOf(file: string): Promise<string | undefined>;
  /**
   * Writes a few words, 63 bytes at most, to the device of a file. They last until it is detached, and outlive this
   * process. Devices that somebody else attached may have words of theirs.
   */
  setLabel(file: string, label: string): Promise<void>;
  /**
   * Whether the device goes as soon as nobody has it open or mounted. Of one that was attached until it is detached this
   * means that somebody else has detached it.
   */
  goesWhenClosed(device: Device): Promise<boolean>;
  /** Whether the device of a file takes no writes. */
  isReadOnly(file: string): Promise<boolean>;
  /** Lets the device of a file be opened for writing, or not. Whoever has it open already is not stopped. */
  setReadOnly(file: string, readOnly: boolean): Promise<void>;
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
  /** The smallest sizes that they can be grown to; 0 for those that grow by any amount. */
  readonly leastGrownBytes: Readonly<Record<FileSystemType, bigint>>;
  /** What is on an image: a file system, nothing at all, or something else. */
  inspect(file: string): Promise<FileSystemType | 'blank' | 'unknown'>;
  /**
   * Makes a file system on a blank image, whole or not at all, its root directory with this owner and mode.
   * @throws VolumeError precondition: the image is not blank, or is attached
   */
  format(file: string, fsType: FileSystemType, root: RootOwnership): Promise<void>;
  /**
   * What is wrong with the file system on an image, as far as it says so itself; undefined where nothing is, or where
   * there is none. It reads a few blocks and changes nothing.
   * @param path the image, or the device it is attached to: only that has what a mounted file system has recorded
   */
  faultOf(path: string): Promise<FileSystemFault | undefined>;
  /**
   * Why the file system on an image is not mounted, though it may be whole: its superblock asks for options that no mount
   * takes back, or for other devices. In words that follow a colon. Undefined where nothing stands against it.
   */
  objectionTo(path: string): Promise<string | undefined>;
  /**
   * Makes a file system ready to be mounted: ext4 that has recorded errors is checked and mended, and grown to the size of
   * its device where it could not be grown while it is mounted. One that is mounted already, anywhere, is left as it is.
   * @param image the file that is attached to the device
   * @throws VolumeError precondition: it has recorded errors, and was not mended; `objectionTo` has something against it
   */
  prepare(image: string, device: Device, fsType: FileSystemType): Promise<void>;
}

/** What a file system says is wrong with it. */
export type FileSystemFault =
  /** It is larger than what it lies on, of which a part is gone. */
  | { readonly kind: 'cut off'; readonly fileSystemBytes: bigint; readonly sizeBytes: bigint }
  /** It has recorded errors. */
  | { readonly kind: 'errors'; readonly fsType: FileSystemType; readonly errors: string };
