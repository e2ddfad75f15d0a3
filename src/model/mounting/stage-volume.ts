import { checkNothingLost } from '../content/content-defects.ts';
import { settleSize } from '../content/grow-content.ts';
import { restoreVolumeLimits } from '../content/restore-limits.ts';
import { quote, VolumeError } from '../errors.ts';
import { checkOutsideVolumes, checkReadable, symlinkError } from '../find/mount-place.ts';
import { contentOf, imageOf, inspectPath, isVolumeAt } from '../find/staged-content.ts';
import { noteStaged } from '../find/staging-note.ts';
import type { Volume } from '../objects/volume.ts';
import type { PathState } from '../ports/mounts-port.ts';
import type { AccessMode } from '../requests/access-mode.ts';
import type { VolumeCapability } from '../requests/capability.ts';
import { inForce, type RequestedFlags } from '../requests/mount-flags.ts';
import type { Model } from '../state/model.ts';
import { checkAttached } from '../volumes/attach-volume.ts';
import { checkSuitable } from '../volumes/check-suitable.ts';
import { detachImage } from './detach-image.ts';
import { checkMountedAs, checkSameUse, somethingElse } from './mounted-as.ts';
import { stageImage } from './stage-image.ts';
import { checkTakeDown, takeDown } from './take-down.ts';

/**
 * Stages a volume at a directory that the CO has created (CSI specification, NodeStageVolume): bind-mounts a
 * directory volume there, or mounts the file system of an image. A block volume is attached to its device, and the
 * path stays empty. A volume already staged in the same way stays. The caller holds the volume and the path.
 * @param stagingPath resolved by MountPaths
 */
export function stageVolume(
  model: Model,
  volume: Volume,
  stagingPath: string,
  capability: VolumeCapability,
): Promise<void> {
  return model.pathsInWork.during(stagingPath, () => stage(model, volume, stagingPath, capability));
}

async function stage(
  model: Model,
  volume: Volume,
  stagingPath: string,
  capability: VolumeCapability,
): Promise<void> {
  checkNotInline(volume);
  checkAttached(model, volume);
  const state = await inspectPath(model, 'stagingPath', stagingPath);
  if (state.kind === 'mounted') checkSameUse(model, stagingPath, state, capability);
  const isStaged = state.kind === 'mounted' && (await isVolumeAt(model, volume, stagingPath, state));
  await checkSuitable(model, volume, capability, isStaged ? 'already-exists' : 'precondition');
  await checkOutsideVolumes(model, 'stagingPath', stagingPath);
  checkReadable('stagingPath', stagingPath, state);
  if (state.kind !== 'mounted') checkDirectory(stagingPath, state);
  await model.onStep('stage: checked');
  if (capability.accessType === 'block') {
    await stageBlock(model, volume, { stagingPath, state, accessMode: capability.accessMode });
    return;
  }
  const isImage = volume.content.backend === 'image';
  const mountId = isImage
    ? await stageImage(model, volume, { stagingPath, state, capability })
    : await stageDirectory(model, volume, { stagingPath, state, flags: capability.mountFlags });
  const use = { kind: 'staging', capability, readOnly: capability.mountFlags.readOnly } as const;
  model.mountIndex.add({ volumeId: volume.id, path: stagingPath, mountId, use });
  await model.onStep('stage: mounted');
}

async function stageDirectory(
  model: Model,
  volume: Volume,
  { stagingPath, state, flags }: { stagingPath: string; state: PathState; flags: RequestedFlags },
): Promise<number> {
  const content = await contentOf(model, volume);
  // Before pods write. A volume whose limit cannot be set is staged all the same: its health reports that.
  await restoreVolumeLimits(model, volume.id);
  if (state.kind === 'mounted') {
    checkMountedAs('stagingPath', stagingPath, state, content.state, flags);
    return state.mountId;
  }
  return model.mounts.bind(content.path, stagingPath, inForce(flags), content.state.identity);
}

async function stageBlock(
  model: Model,
  volume: Volume,
  { stagingPath, state, accessMode }: { stagingPath: string; state: PathState; accessMode: AccessMode },
): Promise<void> {
  if (state.kind === 'mounted') throw somethingElse('stagingPath', stagingPath);
  const image = await imageOf(model, volume);
  await checkNothingLost(model, volume);
  await settleSize(model, volume);
  await model.devices.attach(image);
  // A device attached before the volume grew has the old size.
  await model.devices.refreshSize(image);
  const stagedMode = await noteStaged(model, image, stagingPath, accessMode);
  if (stagedMode !== accessMode) {
    const message = `the volume is staged at ${quote(stagingPath)} already, as ${stagedMode}`;
    throw new VolumeError('already-exists', message, { about: 'accessMode' });
  }
  await model.onStep('stage: attached');
}

/**
 * Unmounts the volume at a staging path; the directory is the CO's and stays (NodeUnstageVolume). Works without any record.
 */
export function unstageVolume(model: Model, volumeId: string, stagingPath: string): Promise<void> {
  return model.pathsInWork.during(stagingPath, () => unstage(model, volumeId, stagingPath));
}

async function unstage(model: Model, volumeId: string, stagingPath: string): Promise<void> {
  const staged = await checkTakeDown(model, volumeId, 'stagingPath', stagingPath, 'target');
  if (model.features.strictLifecycle) await checkUnpublished(model, volumeId, stagingPath);
  await model.onStep('unstage: checked');
  await takeDown(model, staged);
  await model.onStep('unstage: unmounted');
  await detachImage(model, volumeId);
}

/** @throws VolumeError precondition: the volume is still published somewhere */
async function checkUnpublished(model: Model, volumeId: string, stagingPath: string): Promise<void> {
  const mounts = await model.mountIndex.confirmed(volumeId);
  const other = mounts.find(({ path, use }) => path !== stagingPath && use.kind !== 'staging');
  if (!other) return;
  const message = `volume ${quote(volumeId)} is still published at ${quote(other.path)}`;
  throw new VolumeError('precondition', message);
}

/** @throws VolumeError precondition */
function checkNotInline({ id, inline }: Volume): void {
  if (!inline) return;
  const message = `${quote(id)} is an inline volume, which is published and never staged`;
  throw new VolumeError('precondition', message, { about: 'volume' });
}

function checkDirectory(path: string, state: PathState): void {
  if (state.kind === 'directory') return;
  if (state.kind === 'symlink') throw symlinkError('stagingPath', path);
  const what = state.kind === 'absent' ? 'does not exist' : 'is not a directory';
  throw new VolumeError('precondition', `${quote(path)} ${what}`, { about: 'stagingPath' });
}
