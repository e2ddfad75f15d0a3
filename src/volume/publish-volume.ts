import { isSingleTarget } from './access-mode.ts';
import { type MountCapability, requiredMountFlags } from './capability.ts';
import { invalidField, quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import type { MountFlags } from './mount-flags.ts';
import { checkOwner } from './mount-owner.ts';
import { checkOutsideVolumes, checkUse } from './mount-place.ts';
import type { MountedState } from './ports.ts';
import { checkMountedAs, symlinkError } from './stage-volume.ts';
import { contentOf, inspectField, isSame, namingField } from './staged-content.ts';
import type { Volume } from './volume.ts';

/** What NodePublishVolume asks for; paths are resolved by MountPaths. */
export interface PublishSpec {
  readonly stagingPath: string;
  readonly targetPath: string;
  readonly capability: MountCapability;
  readonly readOnly: boolean;
}

/**
 * Publishes a staged volume: binds the staging path at the target, which is made here (CSI specification,
 * NodePublishVolume). A healthy mount of the same kind is left as it is. The caller holds the target, and shares
 * the volume with those who publish it elsewhere.
 */
export async function publishVolume(model: Model, volume: Volume, spec: PublishSpec): Promise<void> {
  const { stagingPath, targetPath, capability } = spec;
  if (stagingPath === targetPath)
    throw invalidField('target_path', targetPath, 'is the staging_target_path as well');
  const staged = await stagedAt(model, volume, stagingPath);
  const flags = requiredMountFlags(capability, spec.readOnly);
  const target = await inspectField(model, 'target_path', targetPath);
  await checkOutsideVolumes(model, 'target_path', targetPath);
  await model.mountIndex.confirmed(volume.id);
  // From here to the reservation nothing else runs, so two publishes cannot both find the volume free.
  checkTargets(model, volume, spec);
  const use = { kind: 'target', accessMode: capability.accessMode } as const;
  if (target.kind === 'mounted') {
    checkMountedAs('target_path', targetPath, target, staged, flags);
    model.mountIndex.add({ volumeId: volume.id, path: targetPath, mountId: target.mountId, use });
    return;
  }
  if (target.kind === 'symlink') throw symlinkError('target_path', targetPath);
  model.mountIndex.add({ volumeId: volume.id, path: targetPath, mountId: undefined, use });
  try {
    await model.onStep('publish: checked');
    const mountId = await mountTarget(model, spec, staged, flags);
    model.mountIndex.add({ volumeId: volume.id, path: targetPath, mountId, use });
  } catch (error) {
    model.mountIndex.removePath(targetPath);
    throw error;
  }
  await model.onStep('publish: mounted');
}

async function stagedAt(model: Model, volume: Volume, stagingPath: string): Promise<MountedState> {
  const { state: content } = await contentOf(model, volume);
  const staged = await inspectField(model, 'staging_target_path', stagingPath);
  if (staged.kind === 'mounted' && isSame(staged.identity, content.identity)) return staged;
  const message = `staging_target_path: volume ${quote(volume.id)} is not staged at ${quote(stagingPath)}`;
  throw new VolumeError('precondition', message);
}

/** Holds a volume to the targets its access mode allows: the one asked for, that of the others, and its own. */
function checkTargets(
  model: Model,
  volume: Volume,
  { stagingPath, targetPath, capability }: PublishSpec,
): void {
  const isSingle = [capability.accessMode, ...volume.accessModes].some(isSingleTarget);
  const rival = model.mountIndex.of(volume.id).find(({ path, use }) => {
    if (path === stagingPath || path === targetPath) return false;
    if (use.kind === 'target') return isSingle || isSingleTarget(use.accessMode);
    return use.kind === 'found' && isSingle;
  });
  if (!rival) return;
  throw new VolumeError(
    'precondition',
    `target_path: volume ${quote(volume.id)} is published at ${quote(rival.path)} already, and SINGLE_NODE_SINGLE_WRITER allows one target`,
  );
}

async function mountTarget(
  model: Model,
  { stagingPath, targetPath }: PublishSpec,
  staged: MountedState,
  flags: MountFlags,
): Promise<number> {
  const wasMade = await namingField('target_path', model.mounts.makeDirectory(targetPath));
  try {
    await model.onStep('publish: target made');
    return await model.mounts.bind(stagingPath, targetPath, flags, staged.identity);
  } catch (error) {
    // What went wrong first is what the caller must know.
    if (wasMade) await model.mounts.remove(targetPath).catch(() => {});
    throw error;
  }
}

/**
 * Takes down what is published at a target and removes the target (CSI specification, NodeUnpublishVolume).
 * Works when every record is gone. The caller holds the target.
 */
export async function unpublishVolume(model: Model, volumeId: string, targetPath: string): Promise<void> {
  const state = await inspectField(model, 'target_path', targetPath);
  if (state.kind === 'symlink') throw symlinkError('target_path', targetPath);
  if (state.kind === 'mounted') await checkOwner(model, 'target_path', volumeId, targetPath, state);
  checkUse(model, 'target_path', targetPath, 'staging');
  await checkOutsideVolumes(model, 'target_path', targetPath);
  await model.onStep('unpublish: checked');
  if (state.kind === 'mounted') await namingField('target_path', model.mounts.unmount(targetPath));
  model.mountIndex.removePath(targetPath);
  await model.onStep('unpublish: unmounted');
  if (state.kind !== 'absent') await namingField('target_path', model.mounts.remove(targetPath));
  await model.onStep('unpublish: target removed');
}
