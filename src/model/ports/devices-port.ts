import type { FsckMode, RootOwnership } from '../objects/volume.ts';
import type { FileSystemType } from '../requests/file-system-options.ts';

/** A block device of the kernel. */
export interface Device {
  /** Its device node, `/dev/loop3`. */
  readonly path: string;
  /** `major:minor`. */
  readonly number: string;
}

/** What opens an encrypted image. */
export interface ImageKey {
  /** Of 1 to MAX_KEY_BYTES bytes. */
  readonly key: Buffer;
  /** Whether space that is freed in the device is freed in the image, which shows where it has data. */
  readonly allowsDiscards: boolean;
}

export const MAX_KEY_BYTES = 4096;

/**
 * Files as block devices. A file is attached to one device at most, no matter which process attached it: two devices
 * would have separate caches, and a file system mounted from both would be lost.
 *
 * The device of an encrypted image is the one that decrypts it: it is opened by a key, and closed when it is detached.
 */
export interface Devices {
  /** A device has whole sectors of this size. */
  readonly sectorBytes: bigint;
  /**
   * The device of a file; undefined if the file is not attached.
   * @param likely devices that probably have the file: all devices are listed only if none of them does
   */
  find(file: string, likely?: readonly Device[]): Promise<Device | undefined>;
  /**
   * Attaches a file, or uses the device it is attached to, while `use` runs. After that the kernel removes the device
   * with its last mount.
   * @param key of an encrypted image
   * @throws VolumeError unauthenticated: the key does not open it
   */
  hold<T>(file: string, use: (device: Device) => Promise<T>, key?: ImageKey): Promise<T>;
  /**
   * Attaches a file until it is detached, or uses the device it is attached to. Pods get the device node, and the
   * kernel lets any process with the node detach the device: this process keeps it open, so that they cannot, and its
   * number is not reused for another file.
   * @param key of an encrypted image
   * @throws VolumeError unauthenticated: the key does not open it, and nothing is attached that was not before
   */
  attach(file: string, key?: ImageKey): Promise<Device>;
  /** The same for a file that an earlier driver process attached; a file that is not attached is left alone. */
  keepAttached(file: string): Promise<void>;
  /** @returns false if the device is still in use, and so still exists */
  detach(file: string): Promise<boolean>;
  /** Waits a moment for a device that the kernel removes with its last mount, which is gone. */
  settled(file: string): Promise<void>;
  /**
   * Updates the device of a file to the size of the file, which has grown; a file that is not attached is left alone.
   * @param key of an encrypted image
   * @throws VolumeError invalid: it has grown, and there is no key; unauthenticated: the key does not open it
   */
  refreshSize(file: string, key?: Buffer): Promise<void>;
  /**
   * Replaces a key of an encrypted image, attached or not. Does nothing if it has the new key, and not the old one.
   * @throws VolumeError unauthenticated: neither opens it
   */
  changeKey(file: string, oldKey: Buffer, newKey: Buffer): Promise<void>;
  /** The size of a device, in bytes: that of its file when it was last attached or refreshed; undefined while it is detached. */
  sizeOf(device: Device): Promise<bigint | undefined>;
  /** The label that `setLabel` wrote to the device of a file; undefined if the file is not attached. */
  labelOf(file: string): Promise<string | undefined>;
  /**
   * Writes a label, 63 bytes at most, to the device of a file. It lasts until the file is detached, and outlives this
   * process. Devices attached by other programs may have labels of their own.
   */
  setLabel(file: string, label: string): Promise<void>;
  /**
   * Whether the device is removed as soon as it is neither open nor mounted. For a device attached by `attach` this
   * means that another process has detached it.
   */
  hasAutoclear(device: Device): Promise<boolean>;
  /** Whether a device with an attached file is read-only. */
  isReadOnly(device: Device): Promise<boolean>;
  /** Makes the device of a file read-only or writable. Processes that already have it open are not affected. */
  setReadOnly(file: string, readOnly: boolean): Promise<void>;
  /** Every attached file. */
  list(): Promise<AttachedFile[]>;
}

/** Devices of files that are not encrypted. */
export type PlainDevices = Omit<Devices, 'settled' | 'changeKey'>;

export interface AttachedFile extends Device {
  /**
   * The path that it was attached by. Of a file that was attached in a mount namespace that has ended, such as that of the
   * driver's last container, or whose disk was unmounted since, it is only the end of a path.
   */
  readonly file: string;
  /** Whether the file was removed, so that another one may be at its path. */
  readonly isRemoved: boolean;
}

/** What an image is formatted with. */
export interface ImageFormat {
  /** Undefined for none, on an encrypted block volume. */
  readonly fsType: FileSystemType | undefined;
  /** The owner and mode of the file system's root directory. */
  readonly root: RootOwnership;
  /** Options of its mkfs program. */
  readonly options?: string | undefined;
  /** The key of an encrypted image; without one it is not encrypted. */
  readonly key?: Buffer | undefined;
}

/** What an image contains: a file system, an encrypted container, nothing at all, or something else. */
export type ImageContents = FileSystemType | 'luks2' | 'blank' | 'unknown';

/** Whether what an image contains is a file system. */
export function isFileSystem(contents: ImageContents): contents is FileSystemType {
  return contents !== 'luks2' && contents !== 'blank' && contents !== 'unknown';
}

/** The file systems inside images, while they are not mounted. */
export interface ImageFormatter {
  /** The file systems that can be created here. */
  readonly fileSystems: readonly FileSystemType[];
  /** The smallest images for each. */
  readonly minimumBytes: Readonly<Record<FileSystemType, bigint>>;
  /** The smallest size to which each can be grown; 0 if it grows by any amount. */
  readonly minimumGrownBytes: Readonly<Record<FileSystemType, bigint>>;
  /** Why images cannot be encrypted here; undefined if they can. */
  encryptionObstacle(): string | undefined;
  /** What is on an image, or on its device. */
  inspect(path: string): Promise<ImageContents>;
  /**
   * Creates a file system on a blank image, in an encrypted container if there is a key, whole or not at all.
   * @throws VolumeError precondition: the image is not blank, or is attached
   */
  format(file: string, format: ImageFormat): Promise<void>;
  /**
   * The faults that the file system on an image records itself; undefined if there are none, or no file system. Reads
   * a few blocks and changes nothing.
   * @param path the image, or the device it is attached to: only the device has the errors recorded by a mounted file
   *   system
   */
  faultOf(path: string): Promise<FileSystemFault | undefined>;
  /**
   * Why the file system on an image must not be mounted, though it may be whole: its superblock asks for options that
   * no mount can override, or for other devices. Worded to follow a colon. Undefined if it may be mounted.
   */
  mountRefusalReason(path: string): Promise<string | undefined>;
  /**
   * Prepares a file system for mounting: ext4 with recorded errors is checked and repaired, and grown to the size of
   * its device if it could not be grown while mounted. A file system that is mounted anywhere stays as it is.
   * @param image the file that is attached to the device
   * @param mode `always`: an ext4 without recorded errors is checked, too; `never`: nothing is checked
   * @throws VolumeError precondition: it has recorded errors, and was not repaired; `mountRefusalReason` has a reason
   */
  prepare(image: string, device: Device, fsType: FileSystemType, mode?: FsckMode): Promise<void>;
  /** Allocates all space of an image that has not been attached, so that no write in it needs new space. */
  allocate(image: string): Promise<void>;
  /**
   * Checks that the disk with an image takes writes: if it does not, whatever fails in the image may be its fault.
   * @throws DiskError the error of a write beside the image
   */
  checkDisk(image: string): Promise<void>;
}

/** A fault that a file system reports. */
export type FileSystemFault =
  /** It is larger than its image, which was truncated. */
  | { readonly kind: 'cut off'; readonly fileSystemBytes: bigint; readonly sizeBytes: bigint }
  /** It has recorded errors. */
  | { readonly kind: 'errors'; readonly fsType: FileSystemType; readonly errors: string };
