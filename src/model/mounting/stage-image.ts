import { checkNothingLost } from '../content/content-defects.ts';
import { settleSize } from '../content/grow-content.ts';
import type { PathSubject } from '../errors.ts';
import { imageOf, isVolumeAt } from '../find/staged-content.ts';
import { fsTypeMadeFor, type Volume } from '../objects/volume.ts';
import type { MountedState, PathState } from '../ports/mounts-port.ts';
import type { MountCapability } from '../requests/capability.ts';
import { defaultFileSystemType, type FileSystemType } from '../requests/file-system-type.ts';
import {
  combineFlags,
  inForce,
  type MountFlags,
  noMountFlags,
  type RequestedFlags,
} from '../requests/mount-flags.ts';
import type { Model } from '../state/model.ts';
import { checkFlags, somethingElse } from './mounted-as.ts';

/** The flags of a file system that is mounted without any. */
const plainFlags: MountFlags = { ...noMountFlags, accessTimes: 'relatime' };

/** How the file system of an image is mounted, or will be. */
export interface ImageMount {
  readonly path: string;
  readonly capability: MountCapability;
  readonly flags: RequestedFlags;
}

/**
 * Mounts the file system of an image at a staging path.
 * @returns the id of the mount, which may have existed before
 */
export async function stageImage(
  model: Model,
  volume: Volume,
  { stagingPath, state, capability }: { stagingPath: string; state: PathState; capability: MountCapability },
): Promise<number> {
  const wanted = { path: stagingPath, capability, flags: capability.mountFlags };
  if (state.kind !== 'mounted') return mountImage(model, volume, wanted);
  await checkImageAt(model, volume, 'stagingPath', state, wanted);
  await fillImage(model, volume, wanted);
  return state.mountId;
}

/**
 * Checks that the mount at a path is the one that this call would make.
 * @throws VolumeError precondition: something else is mounted; already-exists: the volume is, with other flags
 */
export async function checkImageAt(
  model: Model,
  volume: Volume,
  subject: PathSubject,
  mounted: MountedState,
  { path, flags }: Pick<ImageMount, 'path' | 'flags'>,
): Promise<void> {
  if (!(await isVolumeAt(model, volume, path, mounted))) throw somethingElse(subject, path);
  checkFlags(subject, path, mounted, combineFlags(plainFlags, flags));
}

/**
 * Mounts the file system of an image at a directory: formats a blank image, checks a file system with recorded
 * errors, and grows it if the image has grown. If this rejects, nothing is mounted.
 * @returns the id of the mount
 * @throws VolumeError precondition: the image was truncated, or its file system must be repaired first
 */
export async function mountImage(model: Model, volume: Volume, mount: ImageMount): Promise<number> {
  const { path, capability } = mount;
  const image = await imageOf(model, volume);
  await checkNothingLost(model, volume);
  await settleSize(model, volume);
  const flags = inForce(combineFlags(plainFlags, mount.flags));
  const fsType = await fileSystemFor(model, volume, image, capability);
  await model.onStep('stage: formatted');
  return model.devices.hold(image, async (device) => {
    await model.devices.refreshSize(image);
    await model.formatter.prepare(image, device, fsType);
    const options = mountOptions(fsType, capability);
    const mountId = await model.mounts.mountDevice(device, path, { fsType, options, flags });
    await model.onStep('stage: file system mounted');
    return mountId;
  });
}

/**
 * Grows the file system of a mounted image to fill the image, which may have grown since. A read-only mount stays as it is.
 */
export async function fillImage(model: Model, volume: Volume, { path, flags }: ImageMount): Promise<void> {
  await checkNothingLost(model, volume);
  await settleSize(model, volume);
  const image = await imageOf(model, volume);
  await model.devices.refreshSize(image);
  const device = await model.devices.find(image);
  const fsType = await model.formatter.inspect(image);
  if (flags.readOnly || !device || fsType === 'blank' || fsType === 'unknown') return;
  await model.mounts.growFileSystem(path, device, fsType);
}

/** The file system on an image; a blank image is formatted. */
async function fileSystemFor(
  model: Model,
  volume: Volume,
  image: string,
  { fsType: wanted }: MountCapability,
): Promise<FileSystemType> {
  const found = await model.formatter.inspect(image);
  if (found !== 'blank' && found !== 'unknown') return found;
  const made = volume.content.backend === 'image' ? fsTypeMadeFor(volume.content.use) : undefined;
  const fsType = wanted ?? made ?? defaultFileSystemType;
  await model.formatter.format(image, fsType, volume.root);
  return fsType;
}

function mountOptions(
  fsType: FileSystemType,
  { superblockOptions, fileSystemOptions }: MountCapability,
): string[] {
  const options = [...superblockOptions, ...fileSystemOptions];
  // Discards return the space of deleted data to the pool, unless the request says otherwise.
  if (!options.some((option) => /^(no)?discard\b/.test(option))) options.push('discard');
  // A copy has the UUID of its original, and XFS refuses to mount both; `nouuid` only skips that check.
  if (fsType === 'xfs' && !options.includes('nouuid')) options.push('nouuid');
  return options;
}
