import type { MountCapability } from './capability.ts';
import { quote, VolumeError } from './errors.ts';
import { defaultFileSystemType, type FileSystemType } from './file-system-type.ts';
import type { Model } from './model.ts';
import { combineFlags, type MountFlags, noMountFlags } from './mount-flags.ts';
import { checkFlags, somethingElse } from './mounted-as.ts';
import type { PathState } from './ports.ts';
import { imageOf, isVolumeAt } from './staged-content.ts';
import type { Volume } from './volume.ts';

/** What a file system has when it is mounted with no flag at all. */
const plainFlags: MountFlags = { ...noMountFlags, accessTimes: 'relatime' };

/**
 * Mounts the file system of an image at a staging path: makes it when the image is blank, and grows it when the
 * image has grown.
 * @returns the id of the mount, which may be one that was there
 */
export async function stageImage(
  model: Model,
  volume: Volume,
  { stagingPath, state, capability }: { stagingPath: string; state: PathState; capability: MountCapability },
): Promise<number> {
  const image = await imageOf(model, volume);
  const flags = combineFlags(plainFlags, capability.mountFlags);
  if (state.kind === 'mounted') {
    if (!(await isVolumeAt(model, volume, stagingPath, state)))
      throw somethingElse('staging_target_path', stagingPath);
    checkFlags('staging_target_path', stagingPath, state, flags);
    return state.mountId;
  }
  const fsType = await fileSystemFor(model, volume, image, capability);
  await model.onStep('stage: formatted');
  // A device that is attached already may be mounted where nobody here can see it.
  const isFresh = (await model.devices.find(image)) === undefined;
  const mountId = await model.devices.hold(image, async (device) => {
    if (isFresh) await model.formatter.growUnmounted(device, fsType);
    else await model.devices.refreshSize(image);
    const options = mountOptions(fsType, capability);
    const mounted = await model.mounts.mountDevice(device, stagingPath, { fsType, options, flags });
    if (!flags.readOnly) await model.mounts.growFileSystem(stagingPath, device, fsType);
    return mounted;
  });
  return mountId;
}

/** The file system on an image, which is made when nothing at all is on it. */
async function fileSystemFor(
  model: Model,
  volume: Volume,
  image: string,
  { fsType: wanted }: MountCapability,
): Promise<FileSystemType> {
  const found = await model.formatter.inspect(image);
  if (found === 'unknown') {
    const message = `volume ${quote(volume.id)} holds something that is no file system of this driver; it is left as it is`;
    throw new VolumeError('precondition', message);
  }
  if (found !== 'blank') {
    if (wanted === undefined || wanted === found) return found;
    throw new VolumeError(
      'precondition',
      `volume_capability.mount.fs_type: the volume has ${found}, not ${wanted}`,
    );
  }
  const made =
    volume.content.backend === 'image' &&
    volume.content.use.accessType === 'mount' &&
    volume.content.use.fsType;
  const fsType = wanted ?? (made || defaultFileSystemType);
  await model.formatter.format(image, fsType, volume.root);
  return fsType;
}

function mountOptions(
  fsType: FileSystemType,
  { superblockOptions, fileSystemOptions }: MountCapability,
): string[] {
  const options = [...superblockOptions, ...fileSystemOptions];
  // Deleted data gives its space back to the pool, unless the request says otherwise.
  if (!options.some((option) => /^(no)?discard\b/.test(option))) options.push('discard');
  // A copy has the id of its original, and XFS would not mount both; it is only told not to look.
  if (fsType === 'xfs') options.push('nouuid');
  return options;
}
