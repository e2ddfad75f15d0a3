import { about, invalidValue, quote, VolumeError } from '../errors.ts';
import { checkOutsideVolumes, checkReadable, symlinkError } from '../find/check-mount-path.ts';
import { inspectPath, isVolumeAt } from '../find/staged-content.ts';
import type { Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { MountedState, PathState } from '../ports/paths-port.ts';
import { type MountCapability, requiredMountFlags } from '../requests/capability.ts';
import { effectiveFlags } from '../requests/mount-flags.ts';
import type { Hold, HoldMode, SharedVolume } from '../state/holds.ts';
import { attachmentOf, checkAttached } from '../volumes/attach-volume.ts';
import { checkSupported } from '../volumes/check-supported.ts';
import { checkExistingMount, checkSameUse } from './check-existing-mount.ts';
import { deleteInlineVolume } from './delete-inline-volume.ts';
import {
  checkTargets,
  hasConflict,
  mountOnTarget,
  type PublishSpec,
  reserveTarget,
} from './mount-targets.ts';
import { publishBlock } from './publish-block.ts';
import { checkUnmount, unmountPath } from './unmount.ts';

/**
 * Publishes a staged volume: creates the target and bind-mounts the staging path there, or the device of a block
 * volume (CSI specification, NodePublishVolume). A healthy mount of the same kind stays as it is.
 */
export function publishVolume(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
  volume: SharedVolume,
  { id: targetPath }: Hold<'path'>,
  spec: Omit<PublishSpec, 'targetPath'>,
): Promise<void> {
  return parts.holds.mounting.during(targetPath, () => publish(parts, volume, { ...spec, targetPath }));
}

async function publish(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep'>,
  volume: Volume,
  requested: PublishSpec,
): Promise<void> {
  const { stagingPath, targetPath, capability } = requested;
  if (parts.settings.features.strictLifecycle) checkAttached(parts.settings, volume);
  // An attachment that is read-only allows only read-only targets, like a device that the node has read-only.
  const readOnly = requested.readOnly || attachmentOf(parts.settings, volume)?.readOnly === true;
  const spec = { ...requested, readOnly };
  if (stagingPath === targetPath)
    throw invalidValue('targetPath', targetPath, 'is the staging path of the volume');
  // Both at once, since each may have to be opened on another thread.
  const [target, staging] = await Promise.all([
    inspectPath(parts.host, 'targetPath', targetPath),
    inspectPath(parts.host, 'stagingPath', stagingPath),
  ]);
  if (target.kind === 'mounted') checkSameUse(parts.host, targetPath, target, capability);
  await checkSupported(parts, volume, capability);
  await checkOutsideVolumes(parts.host, 'targetPath', targetPath);
  if (target.kind === 'symlink') throw symlinkError('targetPath', targetPath);
  checkReadable('targetPath', targetPath, target);
  // What the index knows is out of date where another program has unmounted it.
  if (hasConflict(parts.host, volume, spec)) await parts.host.mountIndex.verifiedMountsOf(volume.id);
  if (capability.accessType === 'block') await publishBlock(parts, volume, spec, target);
  else await publishMount(parts, volume, { ...spec, capability }, { target, staging });
}

async function publishMount(
  parts: Parts<'catalogue' | 'host' | 'onStep'>,
  volume: Volume,
  spec: PublishSpec<MountCapability>,
  { target, staging }: { target: PathState; staging: PathState },
): Promise<void> {
  const staged = await checkStaged(parts, volume, spec.stagingPath, staging);
  const flags = requiredMountFlags(spec.capability, spec.readOnly);
  // No other call runs from here to the reservation, so two publishes cannot both find the volume free.
  checkTargets(parts.host, volume, spec);
  if (target.kind === 'mounted') checkExistingMount('targetPath', spec.targetPath, target, staged, flags);
  const readOnly = staged.flags.readOnly || flags.readOnly;
  await reserveTarget(parts, volume, { ...spec, readOnly }, target, async () => {
    const wasCreated = await about('targetPath', parts.host.paths.makeDirectory(spec.targetPath));
    return mountOnTarget(parts, spec.targetPath, wasCreated, () =>
      parts.host.mounts.bind(spec.stagingPath, spec.targetPath, effectiveFlags(flags), staged.identity),
    );
  });
}

/** @throws VolumeError precondition: the volume is not staged there */
async function checkStaged(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  stagingPath: string,
  state: PathState,
): Promise<MountedState> {
  checkReadable('stagingPath', stagingPath, state);
  if (state.kind === 'mounted' && (await isVolumeAt(parts, volume, stagingPath, state))) return state;
  const message = `volume ${quote(volume.id)} is not staged at ${quote(stagingPath)}`;
  throw new VolumeError('precondition', message, { about: 'stagingPath' });
}

/**
 * Unmounts the volume at a target and removes the target (CSI specification, NodeUnpublishVolume). Works without any
 * record. An inline volume is deleted with its target, so the
 * call shares the volume only if it is known not to be inline.
 */
export function unpublishVolume(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep' | 'now'>,
  { id: volumeId }: Hold<'volume', HoldMode>,
  { id: targetPath }: Hold<'path'>,
): Promise<void> {
  return parts.holds.mounting.during(targetPath, () => unpublish(parts, volumeId, targetPath));
}

async function unpublish(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep' | 'now'>,
  volumeId: string,
  targetPath: string,
): Promise<void> {
  const target = await checkUnmount(parts, volumeId, 'targetPath', targetPath, 'staging');
  await checkOutsideVolumes(parts.host, 'targetPath', targetPath);
  await parts.onStep('unpublish: checked');
  // If the volume was never here, the file or directory at the path is not the driver's.
  const isDriverTarget = target.mountId !== undefined || isKnown(parts, volumeId, targetPath);
  await unmountPath(parts.host, target);
  await parts.onStep('unpublish: unmounted');
  if (isDriverTarget && target.state.kind !== 'absent')
    await about('targetPath', parts.host.paths.remove(targetPath));
  await parts.onStep('unpublish: target removed');
  await deleteInlineVolume(parts, volumeId, targetPath);
}

/** Whether a volume exists, intact or damaged, or was published at a path. */
function isKnown(
  { catalogue: { volumes }, host: { mountIndex } }: Parts<'catalogue' | 'host'>,
  volumeId: string,
  targetPath: string,
): boolean {
  const volume = volumes.findIntact(volumeId) ?? volumes.findDamaged(volumeId);
  return volume !== undefined || mountIndex.at(targetPath) !== undefined;
}
