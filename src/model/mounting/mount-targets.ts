import { quote, VolumeError } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';
import type { Host, Parts } from '../parts.ts';
import type { PathState } from '../ports/paths-port.ts';
import { isReadOnly, isSingleTarget, type VolumeCapability } from '../requests/capability.ts';
import type { KnownMount } from '../state/mount-index.ts';

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
export function checkTargets(host: Host, volume: Volume, spec: PublishSpec): void {
  const conflicting = conflictingMount(host, volume, spec);
  if (!conflicting) return;
  throw new VolumeError(
    'precondition',
    `volume ${quote(volume.id)} is already published at ${quote(conflicting.path)}; SINGLE_NODE_SINGLE_WRITER allows only one target`,
    { about: 'targetPath' },
  );
}

/** Whether that check would fail. */
export function hasConflict(host: Host, volume: Volume, spec: PublishSpec): boolean {
  return conflictingMount(host, volume, spec) !== undefined;
}

function conflictingMount(
  host: Host,
  volume: Volume,
  { stagingPath, targetPath, capability }: PublishSpec,
): KnownMount | undefined {
  const isSingle = [capability.accessMode, ...volume.accessModes].some(isSingleTarget);
  return host.mountIndex.mountsOf(volume.id).find(({ path, use }) => {
    if (path === stagingPath || path === targetPath) return false;
    if (use.kind === 'target') return isSingle || isSingleTarget(use.capability.accessMode);
    return use.kind === 'found' && isSingle;
  });
}

/**
 * Reserves a target in the index, mounts there unless the volume is mounted there already, and releases the target if
 * the mount fails. The reservation is made before the first `await`.
 */
export async function reserveTarget(
  parts: Parts<'host' | 'onStep'>,
  volume: Volume,
  { targetPath, capability, readOnly }: Omit<PublishSpec, 'stagingPath'>,
  target: PathState,
  mount: () => Promise<number>,
): Promise<void> {
  const use = { kind: 'target', capability, readOnly: isReadOnly(capability, readOnly) } as const;
  const known = { volumeId: volume.id, path: targetPath, use };
  if (target.kind === 'mounted') {
    parts.host.mountIndex.add({ ...known, mountId: target.mountId });
    return;
  }
  parts.host.mountIndex.add({ ...known, mountId: undefined });
  try {
    await parts.onStep('publish: checked');
    parts.host.mountIndex.add({ ...known, mountId: await mount() });
  } catch (error) {
    parts.host.mountIndex.removePath(targetPath);
    throw error;
  }
  await parts.onStep('publish: mounted');
}

/** Mounts on an existing target. If the mount fails and this call created the target, removes it again. */
export async function mountOnTarget(
  parts: Parts<'host' | 'onStep'>,
  targetPath: string,
  wasCreated: boolean,
  mount: () => Promise<number>,
): Promise<number> {
  try {
    await parts.onStep('publish: target made');
    return await mount();
  } catch (error) {
    // The caller needs the first error.
    if (wasCreated) await parts.host.paths.remove(targetPath).catch(() => {});
    throw error;
  }
}
