import { quote, VolumeError } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';
import type { PathState } from '../ports/mounts-port.ts';
import { isSingleTarget } from '../requests/access-mode.ts';
import { isReadOnly, type VolumeCapability } from '../requests/capability.ts';
import type { Model } from '../state/model.ts';

/** The parsed NodePublishVolume request; MountPaths has resolved the paths. */
export interface PublishSpec<Capability = VolumeCapability> {
  readonly stagingPath: string;
  readonly targetPath: string;
  readonly capability: Capability;
  readonly readOnly: boolean;
}

/**
 * Checks the number of targets against the access modes: the requested one, those of the other targets, and those of
 * the volume. Reads only the index, so that no other call runs between this check and the reservation of the target.
 * @throws VolumeError precondition
 */
export function checkTargets(
  model: Model,
  volume: Volume,
  { stagingPath, targetPath, capability }: PublishSpec,
): void {
  const isSingle = [capability.accessMode, ...volume.accessModes].some(isSingleTarget);
  const rival = model.mountIndex.of(volume.id).find(({ path, use }) => {
    if (path === stagingPath || path === targetPath) return false;
    if (use.kind === 'target') return isSingle || isSingleTarget(use.capability.accessMode);
    return use.kind === 'found' && isSingle;
  });
  if (!rival) return;
  throw new VolumeError(
    'precondition',
    `volume ${quote(volume.id)} is published at ${quote(rival.path)} already, and SINGLE_NODE_SINGLE_WRITER allows one target`,
    { about: 'targetPath' },
  );
}

/**
 * Reserves a target in the index, mounts there unless the volume is mounted there already, and releases the target if
 * the mount fails. The reservation is made before the first `await`.
 */
export async function reserveTarget(
  model: Model,
  volume: Volume,
  { targetPath, capability, readOnly }: Omit<PublishSpec, 'stagingPath'>,
  target: PathState,
  mount: () => Promise<number>,
): Promise<void> {
  const use = { kind: 'target', capability, readOnly: isReadOnly(capability, readOnly) } as const;
  const known = { volumeId: volume.id, path: targetPath, use };
  if (target.kind === 'mounted') {
    model.mountIndex.add({ ...known, mountId: target.mountId });
    return;
  }
  model.mountIndex.add({ ...known, mountId: undefined });
  try {
    await model.onStep('publish: checked');
    model.mountIndex.add({ ...known, mountId: await mount() });
  } catch (error) {
    model.mountIndex.removePath(targetPath);
    throw error;
  }
  await model.onStep('publish: mounted');
}

/** Mounts on an existing target. If the mount fails and this call created the target, removes it again. */
export async function mountMade(
  model: Model,
  targetPath: string,
  wasMade: boolean,
  mount: () => Promise<number>,
): Promise<number> {
  try {
    await model.onStep('publish: target made');
    return await mount();
  } catch (error) {
    // The caller needs the first error.
    if (wasMade) await model.mounts.remove(targetPath).catch(() => {});
    throw error;
  }
}
