import { fileSystemState } from '../../kernel/file-systems/file-system-state.ts';
import {
  checkUnmountedExt4,
  growUnmountedExt4,
  isExt4SmallerThanDevice,
} from '../../kernel/file-systems/grow-file-system.ts';
import { settingsObjection } from '../../kernel/file-systems/superblock-settings.ts';
import { isUnclaimed } from '../../kernel/mounts/file-system-mount.ts';
import { hasCapability } from '../../kernel/process/capabilities.ts';
import { ProgramError } from '../../kernel/process/program.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import type { FileSystemType } from '../../model/requests/file-system-type.ts';

/** The repair command for each file system, without the image path that follows. */
const repairs: Readonly<Record<FileSystemType, string>> = {
  ext4: 'e2fsck -f',
  xfs: 'xfs_repair',
  btrfs: 'btrfs check',
};

/**
 * Prepares the file system of an image for mounting: checks ext4 if it has recorded errors, and grows it if it cannot be
 * grown while mounted.
 * @throws VolumeError precondition: it has recorded errors that were not repaired; its superblock asks for a refused setting
 */
export async function prepareFileSystem(
  image: string,
  device: string,
  fsType: FileSystemType,
): Promise<void> {
  // Before any program reads what the superblock points to.
  const objection = await settingsObjection(device);
  if (objection !== undefined) {
    throw new VolumeError('precondition', `the ${fsType} in ${quote(image)} is not mounted: ${objection}`);
  }
  // A file system mounted in another mount namespace must not be repaired.
  const isUnmounted = await isUnclaimed(device);
  const errors = (await fileSystemState(device))?.errors;
  if (errors !== undefined) {
    const what = `the ${fsType} in ${quote(image)} has errors (${errors})`;
    if (!isUnmounted)
      throw notMended(what, `it is in use through ${device}: unstage it, so that it can be checked`);
    if (fsType !== 'ext4') throw notMended(what, `repair it with "${repairs[fsType]} ${image}"`);
    await namingRepair(what, image, checkUnmountedExt4(device));
  }
  // All other cases, including ext4 with this capability, grow faster once mounted.
  if (!isUnmounted || fsType !== 'ext4' || (await hasCapability('SYS_RESOURCE'))) return;
  if (!(await isExt4SmallerThanDevice(device))) return;
  await namingRepair(`the ext4 in ${quote(image)} does not fill its image`, image, growUnmountedExt4(device));
}

async function namingRepair(what: string, image: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw notMended(what, `${error.message}; run "${repairs.ext4} ${image}" while it is not staged`, error);
  }
}

function notMended(what: string, todo: string, cause?: unknown): VolumeError {
  return new VolumeError('precondition', `${what}; ${todo}`, { cause });
}
