import type { MountCapability } from './capability.ts';
import { invalidField, quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import { combineFlags, differingFlags, type MountFlags } from './mount-flags.ts';
import { checkOwner } from './mount-owner.ts';
import { checkOutsideVolumes, checkUse } from './mount-place.ts';
import type { DirectoryState, MountedState, PathState } from './ports.ts';
import { contentOf, inspectField, isSame, namingField } from './staged-content.ts';
import type { Volume } from './volume.ts';

/**
 * Stages a volume: binds its content at the staging path, a directory the CO has made (CSI specification,
 * NodeStageVolume). What is staged there already, in the same way, stays. The caller holds the volume and the
 * path.
 * @param stagingPath resolved by MountPaths
 */
export async function stageVolume(
  model: Model,
  volume: Volume,
  stagingPath: string,
  capability: MountCapability,
): Promise<void> {
  const content = await contentOf(model, volume);
  const flags = capability.mountFlags;
  const state = await inspectField(model, 'staging_target_path', stagingPath);
  await checkOutsideVolumes(model, 'staging_target_path', stagingPath);
  await model.onStep('stage: checked');
  if (state.kind === 'mounted') {
    checkMountedAs('staging_target_path', stagingPath, state, content.state, flags);
    model.mountIndex.add({
      volumeId: volume.id,
      path: stagingPath,
      mountId: state.mountId,
      use: { kind: 'staging' },
    });
    return;
  }
  checkDirectory('staging_target_path', stagingPath, state);
  const mountId = await model.mounts.bind(content.path, stagingPath, flags, content.state.identity);
  model.mountIndex.add({ volumeId: volume.id, path: stagingPath, mountId, use: { kind: 'staging' } });
  await model.onStep('stage: mounted');
}

/** Takes down what is staged at a path; the directory is the CO's and stays (NodeUnstageVolume). */
export async function unstageVolume(model: Model, volumeId: string, stagingPath: string): Promise<void> {
  const state = await inspectField(model, 'staging_target_path', stagingPath);
  if (state.kind === 'symlink') throw symlinkError('staging_target_path', stagingPath);
  if (state.kind === 'mounted') await checkOwner(model, 'staging_target_path', volumeId, stagingPath, state);
  checkUse(model, 'staging_target_path', stagingPath, 'target');
  await model.onStep('unstage: checked');
  if (state.kind === 'mounted') await namingField('staging_target_path', model.mounts.unmount(stagingPath));
  model.mountIndex.removePath(stagingPath);
  await model.onStep('unstage: unmounted');
}

/**
 * Checks that what is mounted at a path is what would be mounted there now.
 * @throws VolumeError precondition: something else is; already-exists: the volume is, with other flags
 */
export function checkMountedAs(
  field: string,
  path: string,
  mounted: MountedState,
  source: DirectoryState | MountedState,
  flags: MountFlags,
): void {
  if (!isSame(mounted.identity, source.identity)) {
    throw new VolumeError('precondition', `${field}: ${quote(path)} is the mount point of something else`);
  }
  const different = differingFlags(mounted.flags, combineFlags(source.flags, flags));
  if (different.length === 0) return;
  const message = `${field}: the volume is mounted at ${quote(path)} already, but differs in ${different.join(', ')}`;
  throw new VolumeError('already-exists', message);
}

function checkDirectory(field: string, path: string, state: PathState): void {
  if (state.kind === 'directory') return;
  if (state.kind === 'symlink') throw symlinkError(field, path);
  const what = state.kind === 'absent' ? 'does not exist' : 'is not a directory';
  throw new VolumeError('precondition', `${field}: ${quote(path)} ${what}`);
}

export function symlinkError(field: string, path: string): VolumeError {
  return invalidField(field, path, 'is a symbolic link');
}
