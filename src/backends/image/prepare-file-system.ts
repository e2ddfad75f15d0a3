import { fileSystemState } from '../../kernel/file-systems/file-system-state.ts';
import {
  checkUnmountedExt4,
  growUnmountedExt4,
  isExt4SmallerThanDevice,
} from '../../kernel/file-systems/grow-file-system.ts';
import { mountRefusalReason } from '../../kernel/file-systems/superblock-settings.ts';
import { isUnclaimed } from '../../kernel/mounts/file-system-mount.ts';
import { hasCapability } from '../../kernel/process/capabilities.ts';
import { ProgramError } from '../../kernel/process/program.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import type { FsckMode } from '../../model/objects/volume.ts';
import type { FileSystemType } from '../../model/requests/file-system-options.ts';

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
  mode?: FsckMode,
): Promise<void> {
  // Before any program reads what the superblock points to.
  const reason = await mountRefusalReason(device);
  if (reason !== undefined) {
    throw new VolumeError('precondition', `cannot mount the ${fsType} in ${quote(image)}: ${reason}`);
  }
  // A file system mounted in another mount namespace must not be repaired.
  const isUnmounted = await isUnclaimed(device);
  const errors = mode === 'never' ? undefined : (await fileSystemState(device))?.errors;
  if (errors !== undefined) {
    const what = `the ${fsType} in ${quote(image)} has errors (${errors})`;
    if (!isUnmounted)
      throw needsRepairError(
        what,
        `it is in use through ${device}; unstage the volume so that it can be checked`,
      );
    if (fsType !== 'ext4') throw needsRepairError(what, `repair it with "${repairs[fsType]} ${image}"`);
    await withRepairHint(what, image, checkUnmountedExt4(device));
  } else if (mode === 'always' && isUnmounted && fsType === 'ext4') {
    await withRepairHint(`the ext4 in ${quote(image)} has errors`, image, checkUnmountedExt4(device));
  }
  // All other cases, including ext4 with this capability, grow faster once mounted.
  if (!isUnmounted || fsType !== 'ext4' || (await hasCapability('SYS_RESOURCE'))) return;
  if (!(await isExt4SmallerThanDevice(device))) return;
  await withRepairHint(
    `the ext4 in ${quote(image)} is smaller than its image`,
    image,
    growUnmountedExt4(device),
  );
}

async function withRepairHint(what: string, image: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw needsRepairError(
      what,
      `${error.message}; run "${repairs.ext4} ${image}" while the volume is not staged`,
      error,
    );
  }
}

function needsRepairError(what: string, todo: string, cause?: unknown): VolumeError {
  return new VolumeError('precondition', `${what}; ${todo}`, { cause });
}
