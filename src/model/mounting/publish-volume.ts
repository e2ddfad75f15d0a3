import { about, invalidValue, quote, VolumeError } from '../errors.ts';
import { checkOutsideVolumes, checkReadable, symlinkError } from '../find/mount-place.ts';
import { inspectPath, isVolumeAt } from '../find/staged-content.ts';
import type { Volume } from '../objects/volume.ts';
import type { MountedState, PathState } from '../ports/mounts-port.ts';
import { type MountCapability, requiredMountFlags } from '../requests/capability.ts';
import { inForce } from '../requests/mount-flags.ts';
import type { Model } from '../state/model.ts';
import { attachmentOf, checkAttached } from '../volumes/attach-volume.ts';
import { checkSuitable } from '../volumes/check-suitable.ts';
import { endInline } from './end-inline.ts';
import { checkTargets, mountMade, type PublishSpec, reserveTarget } from './mount-targets.ts';
import { checkMountedAs, checkSameUse } from './mounted-as.ts';
import { publishBlock } from './publish-block.ts';
import { checkTakeDown, takeDown } from './take-down.ts';

/**
 * Publishes a staged volume: creates the target and bind-mounts the staging path there, or the device of a block
 * volume (CSI specification, NodePublishVolume). A healthy mount of the same kind stays as it is. The caller holds
 * the target, and shares the volume with calls that publish it elsewhere.
 */
export function publishVolume(model: Model, volume: Volume, spec: PublishSpec): Promise<void> {
  return model.pathsInWork.during(spec.targetPath, () => publish(model, volume, spec));
}

async function publish(model: Model, volume: Volume, asked: PublishSpec): Promise<void> {
  const { stagingPath, targetPath, capability } = asked;
  if (model.features.strictLifecycle) checkAttached(model, volume);
  // An attachment that is read-only allows only read-only targets, like a device that the node has read-only.
  const readOnly = asked.readOnly || attachmentOf(model, volume)?.readOnly === true;
  const spec = { ...asked, readOnly };
  if (stagingPath === targetPath)
    throw invalidValue('targetPath', targetPath, 'is where the volume is staged');
  const target = await inspectPath(model, 'targetPath', targetPath);
  if (target.kind === 'mounted') checkSameUse(model, targetPath, target, capability);
  await checkSuitable(model, volume, capability);
  await checkOutsideVolumes(model, 'targetPath', targetPath);
  if (target.kind === 'symlink') throw symlinkError('targetPath', targetPath);
  checkReadable('targetPath', targetPath, target);
  await model.mountIndex.confirmed(volume.id);
  if (capability.accessType === 'block') await publishBlock(model, volume, spec, target);
  else await publishMount(model, volume, { ...spec, capability }, target);
}

async function publishMount(
  model: Model,
  volume: Volume,
  spec: PublishSpec<MountCapability>,
  target: PathState,
): Promise<void> {
  const staged = await stagedAt(model, volume, spec.stagingPath);
  const flags = requiredMountFlags(spec.capability, spec.readOnly);
  // No other call runs from here to the reservation, so two publishes cannot both find the volume free.
  checkTargets(model, volume, spec);
  if (target.kind === 'mounted') checkMountedAs('targetPath', spec.targetPath, target, staged, flags);
  const readOnly = staged.flags.readOnly || flags.readOnly;
  await reserveTarget(model, volume, { ...spec, readOnly }, target, async () => {
    const wasMade = await about('targetPath', model.mounts.makeDirectory(spec.targetPath));
    return mountMade(model, spec.targetPath, wasMade, () =>
      model.mounts.bind(spec.stagingPath, spec.targetPath, inForce(flags), staged.identity),
    );
  });
}

async function stagedAt(model: Model, volume: Volume, stagingPath: string): Promise<MountedState> {
  const staged = await inspectPath(model, 'stagingPath', stagingPath);
  checkReadable('stagingPath', stagingPath, staged);
  if (staged.kind === 'mounted' && (await isVolumeAt(model, volume, stagingPath, staged))) return staged;
  const message = `volume ${quote(volume.id)} is not staged at ${quote(stagingPath)}`;
  throw new VolumeError('precondition', message, { about: 'stagingPath' });
}

/**
 * Unmounts the volume at a target and removes the target (CSI specification, NodeUnpublishVolume). Works without any
 * record. An inline volume is deleted with its target. The caller holds the target, and also the volume unless it is
 * known not to be inline.
 */
export function unpublishVolume(model: Model, volumeId: string, targetPath: string): Promise<void> {
  return model.pathsInWork.during(targetPath, () => unpublish(model, volumeId, targetPath));
}

async function unpublish(model: Model, volumeId: string, targetPath: string): Promise<void> {
  const target = await checkTakeDown(model, volumeId, 'targetPath', targetPath, 'staging');
  await checkOutsideVolumes(model, 'targetPath', targetPath);
  await model.onStep('unpublish: checked');
  // If the volume was never here, the file or directory at the path is not the driver's.
  const isOurs = target.mountId !== undefined || isKnown(model, volumeId, targetPath);
  await takeDown(model, target);
  await model.onStep('unpublish: unmounted');
  if (isOurs && target.state.kind !== 'absent') await about('targetPath', model.mounts.remove(targetPath));
  await model.onStep('unpublish: target removed');
  await endInline(model, volumeId, targetPath);
}

/** Whether a volume exists, intact or damaged, or was published at a path. */
function isKnown({ volumes, mountIndex }: Model, volumeId: string, targetPath: string): boolean {
  const isThere = volumes.findIntact(volumeId) ?? volumes.findDamaged(volumeId);
  return isThere !== undefined || mountIndex.at(targetPath) !== undefined;
}
