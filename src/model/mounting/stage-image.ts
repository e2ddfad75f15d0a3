import { checkNothingLost } from '../content/content-defects.ts';
import { reconcileSize } from '../content/grow-content.ts';
import { type PathSubject, quote, VolumeError } from '../errors.ts';
import { contentsAt, imageOf, isVolumeAt } from '../find/staged-content.ts';
import { encryptionOf } from '../objects/encryption.ts';
import { intendedFsType, isThick, mountedImageUse, type Volume } from '../objects/volume.ts';
import type { Host, Parts } from '../parts.ts';
import { type Device, type ImageKey, isFileSystem } from '../ports/devices-port.ts';
import type { MountedState, PathState } from '../ports/paths-port.ts';
import type { MountCapability } from '../requests/capability.ts';
import { defaultFileSystemType, type FileSystemType } from '../requests/file-system-options.ts';
import {
  combineFlags,
  effectiveFlags,
  type MountFlags,
  noMountFlags,
  type RequestedFlags,
} from '../requests/mount-flags.ts';
import { checkFlags, occupiedError } from './check-existing-mount.ts';

/** The flags of a file system that is mounted without any. */
const plainFlags: MountFlags = { ...noMountFlags, accessTimes: 'relatime' };

/** How the file system of an image is mounted, or will be. */
export interface ImageMount {
  readonly path: string;
  readonly capability: MountCapability;
  readonly flags: RequestedFlags;
  /** What opens an encrypted image; undefined for any other. */
  readonly key: ImageKey | undefined;
}

interface ImageStaging extends Pick<ImageMount, 'capability' | 'key'> {
  readonly stagingPath: string;
  readonly state: PathState;
}

/**
 * Mounts the file system of an image at a staging path.
 * @returns the id of the mount, which may have existed before
 */
export async function stageImage(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep'>,
  volume: Volume,
  { stagingPath, state, capability, key }: ImageStaging,
): Promise<number> {
  const wanted = { path: stagingPath, capability, flags: capability.mountFlags, key };
  if (state.kind !== 'mounted') return mountImage(parts, volume, wanted);
  await checkImageAt(parts, volume, 'stagingPath', state, wanted);
  await growImageFileSystem(parts, volume, wanted);
  return state.mountId;
}

/**
 * Checks that the mount at a path is the one that this call would make.
 * @throws VolumeError precondition: something else is mounted; already-exists: the volume is, with other flags
 */
export async function checkImageAt(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  subject: PathSubject,
  mounted: MountedState,
  { path, flags }: Pick<ImageMount, 'path' | 'flags'>,
): Promise<void> {
  if (!(await isVolumeAt(parts, volume, path, mounted))) throw occupiedError(subject, path);
  checkFlags(subject, path, mounted, combineFlags(plainFlags, flags));
}

/**
 * Mounts the file system of an image at a directory: formats a blank image, checks a file system with recorded
 * errors, and grows it if the image has grown. If this rejects, nothing is mounted.
 * @returns the id of the mount
 * @throws VolumeError precondition: the image was truncated, or its file system must be repaired first
 */
export async function mountImage(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep'>,
  volume: Volume,
  mount: ImageMount,
): Promise<number> {
  const { path, capability, key } = mount;
  const image = await imageOf(parts, volume);
  await checkNothingLost(parts, volume);
  await reconcileSize(parts, volume);
  const flags = effectiveFlags(combineFlags(plainFlags, mount.flags));
  const fsType = await fileSystemFor(parts.host, volume, image, mount);
  const fsckMode = mountedImageUse(volume.content)?.fsckMode;
  // The image with the file system was made beside the blank one, and took its place.
  if (isThick(volume.content)) await parts.host.formatter.allocate(image);
  await parts.onStep('stage: formatted');
  const mountDevice = async (device: Device) => {
    await parts.host.devices.refreshSize(image, key?.key);
    if (key) await checkDecrypted(parts.host, volume, device, fsType);
    const options = mountOptions(fsType, capability, keepsSpace(volume));
    const mountId = await blamingDisk(parts.host, image, async () => {
      await parts.host.formatter.prepare(image, device, fsType, fsckMode);
      return parts.host.mounts.mountDevice(device, path, { fsType, options, flags });
    });
    await parts.onStep('stage: file system mounted');
    return mountId;
  };
  return parts.host.devices.hold(image, mountDevice, key);
}

/** @throws VolumeError precondition: the encrypted content is not the file system that it was formatted with */
async function checkDecrypted(
  host: Host,
  { id }: Volume,
  device: Device,
  fsType: FileSystemType,
): Promise<void> {
  const found = await host.formatter.inspect(device.path);
  if (found === fsType) return;
  const message = `the encrypted content of volume ${quote(id)} is not ${fsType} (${found}); left untouched`;
  throw new VolumeError('precondition', message);
}

/** Whether the space of deleted data stays in the image. */
function keepsSpace({ content }: Volume): boolean {
  const encryption = encryptionOf(content);
  return isThick(content) || (encryption !== undefined && encryption.discards !== true);
}

/**
 * Runs `work` with the file system in an image. What it meets on a disk that fails looks like damage of its own, with any error
 * number; then the error of the disk is thrown.
 */
async function blamingDisk<T>({ formatter }: Host, image: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'precondition') await formatter.checkDisk(image);
    throw error;
  }
}

/**
 * Grows the file system of a mounted image to fill the image, which may have grown since. A read-only mount stays as it is.
 */
export async function growImageFileSystem(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep'>,
  volume: Volume,
  { path, flags, key }: ImageMount,
): Promise<void> {
  await checkNothingLost(parts, volume);
  await reconcileSize(parts, volume);
  const image = await imageOf(parts, volume);
  await parts.host.devices.refreshSize(image, key?.key);
  const device = await parts.host.devices.find(image);
  if (flags.readOnly || !device) return;
  const fsType = await contentsAt(parts.host, volume, image, device);
  if (!isFileSystem(fsType)) return;
  await parts.host.fileSystems.grow(path, device, fsType);
}

/** The file system on an image; a blank image is formatted. */
async function fileSystemFor(
  host: Host,
  volume: Volume,
  image: string,
  { capability, key }: ImageMount,
): Promise<FileSystemType> {
  const found = await host.formatter.inspect(image);
  if (isFileSystem(found)) return found;
  const made = volume.content.backend === 'image' ? intendedFsType(volume.content.use) : undefined;
  const fsType = capability.fsType ?? made ?? defaultFileSystemType;
  if (key && found === 'luks2') return fsType;
  const { root, content } = volume;
  const options = mountedImageUse(content)?.mkfsOptions;
  await host.formatter.format(image, { fsType, root, options, key: key?.key });
  return fsType;
}

function mountOptions(
  fsType: FileSystemType,
  { superblockOptions, fileSystemOptions, seLinuxContext }: MountCapability,
  keepsSpace: boolean,
): string[] {
  const options = [...superblockOptions, ...fileSystemOptions];
  // Discards return the space of deleted data to the pool, unless the request says otherwise.
  if (!options.some((option) => /^(no)?discard\b/.test(option)))
    options.push(keepsSpace ? 'nodiscard' : 'discard');
  // A copy has the UUID of its original, and XFS refuses to mount both; `nouuid` only skips that check.
  if (fsType === 'xfs' && !options.includes('nouuid')) options.push('nouuid');
  if (seLinuxContext !== undefined) options.push(`context=${seLinuxContext}`);
  return options;
}
