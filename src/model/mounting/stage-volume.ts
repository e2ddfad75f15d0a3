import { checkNothingLost } from '../content/content-defects.ts';
import { reconcileSize } from '../content/grow-content.ts';
import { restoreVolumeLimits } from '../content/restore-limits.ts';
import { quote, VolumeError } from '../errors.ts';
import { checkOutsideVolumes, checkReadable, symlinkError } from '../find/check-mount-path.ts';
import { imageKeyOf } from '../find/image-key.ts';
import { contentOf, imageOf, inspectPath, isVolumeAt } from '../find/staged-content.ts';
import { recordStagingPath } from '../find/staging-label.ts';
import { isThick, type Volume } from '../objects/volume.ts';
import type { Host, Parts } from '../parts.ts';
import type { ImageKey } from '../ports/devices-port.ts';
import { withPoolInErrors } from '../ports/error-context.ts';
import type { PathState } from '../ports/paths-port.ts';
import type { AccessMode, MountCapability, VolumeCapability } from '../requests/capability.ts';
import { effectiveFlags } from '../requests/mount-flags.ts';
import type { HeldVolume, Hold } from '../state/holds.ts';
import type { KnownMount } from '../state/mount-index.ts';
import { checkAttached } from '../volumes/attach-volume.ts';
import { checkSupported } from '../volumes/check-supported.ts';
import { checkExistingMount, checkSameUse, occupiedError } from './check-existing-mount.ts';
import { detachImage } from './detach-image.ts';
import { stageImage } from './stage-image.ts';
import { checkUnmount, unmountPath } from './unmount.ts';

/**
 * Stages a volume at a directory that the CO has created (CSI specification, NodeStageVolume): bind-mounts a
 * directory volume there, or mounts the file system of an image. A block volume is attached to its device, and the
 * path stays empty. A volume already staged in the same way stays.
 */
export function stageVolume(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
  volume: HeldVolume,
  { id: stagingPath }: Hold<'path'>,
  spec: StageSpec,
): Promise<void> {
  return parts.holds.mounting.during(stagingPath, () => stage(parts, volume, stagingPath, spec));
}

/** How a volume is staged. */
export interface StageSpec {
  readonly capability: VolumeCapability;
  /** The key of an encrypted volume, if the request has one. */
  readonly key: Buffer | undefined;
}

async function stage(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
  volume: Volume,
  stagingPath: string,
  { capability, key: given }: StageSpec,
): Promise<void> {
  checkNotInline(volume);
  checkAttached(parts.settings, volume);
  const state = await inspectPath(parts.host, 'stagingPath', stagingPath);
  if (state.kind === 'mounted') checkSameUse(parts.host, stagingPath, state, capability);
  const isStaged = state.kind === 'mounted' && (await isVolumeAt(parts, volume, stagingPath, state));
  await checkSupported(parts, volume, capability, isStaged ? 'already-exists' : 'precondition');
  await checkOutsideVolumes(parts.host, 'stagingPath', stagingPath);
  checkReadable('stagingPath', stagingPath, state);
  if (state.kind !== 'mounted') checkDirectory(stagingPath, state);
  const key = await imageKeyOf(parts, volume, given);
  await parts.onStep('stage: checked');
  if (capability.accessType === 'block') {
    await stageBlock(parts, volume, { stagingPath, state, accessMode: capability.accessMode, key });
    return;
  }
  const isImage = volume.content.backend === 'image';
  const mountId = isImage
    ? await stageImage(parts, volume, { stagingPath, state, capability, key })
    : await stageDirectory(parts, volume, { stagingPath, state, capability });
  const use = { kind: 'staging', capability, readOnly: capability.mountFlags.readOnly } as const;
  parts.host.mountIndex.add({ volumeId: volume.id, path: stagingPath, mountId, use });
  await parts.onStep('stage: mounted');
}

async function stageDirectory(
  parts: Parts<'catalogue' | 'host' | 'holds'>,
  volume: Volume,
  { stagingPath, state, capability }: { stagingPath: string; state: PathState; capability: MountCapability },
): Promise<number> {
  const { mountFlags: flags, seLinuxContext } = capability;
  const content = await contentOf(parts, volume);
  // Before pods write. A volume whose limit cannot be set is staged all the same: its health reports that.
  await restoreVolumeLimits(parts, volume.id);
  if (state.kind === 'mounted') {
    checkExistingMount('stagingPath', stagingPath, state, content.state, flags);
    return state.mountId;
  }
  if (seLinuxContext !== undefined) await labelContent(parts.host, volume, content.path, seLinuxContext);
  return parts.host.mounts.bind(content.path, stagingPath, effectiveFlags(flags), content.state.identity);
}

/** A bind mount has the labels of its source, and the pod may use files of one label only. */
export function labelContent(
  host: Host,
  volume: Volume,
  path: string,
  seLinuxContext: string,
): Promise<void> {
  return withPoolInErrors(volume, () => host.paths.label(path, seLinuxContext));
}

interface BlockStaging {
  readonly stagingPath: string;
  readonly state: PathState;
  readonly accessMode: AccessMode;
  readonly key: ImageKey | undefined;
}

async function stageBlock(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep'>,
  volume: Volume,
  { stagingPath, state, accessMode, key }: BlockStaging,
): Promise<void> {
  if (state.kind === 'mounted') throw occupiedError('stagingPath', stagingPath);
  const image = await imageOf(parts, volume);
  await checkNothingLost(parts, volume);
  await reconcileSize(parts, volume);
  if (key) {
    await formatBlank(parts.host, volume, image, key);
    // The image with the container was made beside the blank one, and took its place.
    if (isThick(volume.content)) await parts.host.formatter.allocate(image);
    await parts.onStep('stage: formatted');
  }
  await parts.host.devices.attach(image, key);
  // A device attached before the volume grew has the old size.
  await parts.host.devices.refreshSize(image, key?.key);
  const stagedMode = await recordStagingPath(parts.host, image, stagingPath, accessMode);
  if (stagedMode !== accessMode) {
    const message = `the volume is already staged at ${quote(stagingPath)}, as ${stagedMode}`;
    throw new VolumeError('already-exists', message, { about: 'accessMode' });
  }
  await parts.onStep('stage: attached');
}

/** @throws VolumeError precondition: the image of an encrypted block volume has something else on it; it stays as it is */
async function formatBlank(
  host: Host,
  { id, root }: Volume,
  image: string,
  { key }: ImageKey,
): Promise<void> {
  const found = await host.formatter.inspect(image);
  if (found === 'blank') await host.formatter.format(image, { fsType: undefined, root, key });
  if (found === 'blank' || found === 'luks2') return;
  throw new VolumeError(
    'precondition',
    `volume ${quote(id)} is not encrypted, but should be; left untouched`,
  );
}

/**
 * Unmounts the volume at a staging path; the directory is the CO's and stays (NodeUnstageVolume). Works without any record.
 */
export function unstageVolume(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
  { id: volumeId }: Hold<'volume'>,
  { id: stagingPath }: Hold<'path'>,
): Promise<void> {
  return parts.holds.mounting.during(stagingPath, () => unstage(parts, volumeId, stagingPath));
}

async function unstage(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep'>,
  volumeId: string,
  stagingPath: string,
): Promise<void> {
  const staged = await checkUnmount(parts, volumeId, 'stagingPath', stagingPath, 'target');
  if (parts.settings.features.strictLifecycle) await checkUnpublished(parts.host, volumeId, stagingPath);
  await parts.onStep('unstage: checked');
  await unmountPath(parts.host, staged);
  await parts.onStep('unstage: unmounted');
  await detachImage(parts, volumeId);
}

/** @throws VolumeError precondition: the volume is still published somewhere */
async function checkUnpublished(host: Host, volumeId: string, stagingPath: string): Promise<void> {
  const isOther = ({ path, use }: KnownMount) => path !== stagingPath && use.kind !== 'staging';
  // Without a look at the staging path, which is all that there is after a volume was unpublished.
  if (!host.mountIndex.mountsOf(volumeId).some(isOther)) return;
  const other = (await host.mountIndex.verifiedMountsOf(volumeId)).find(isOther);
  if (!other) return;
  const message = `volume ${quote(volumeId)} is still published at ${quote(other.path)}`;
  throw new VolumeError('precondition', message);
}

/** @throws VolumeError precondition */
function checkNotInline({ id, inline }: Volume): void {
  if (!inline) return;
  const message = `${quote(id)} is an inline volume and cannot be staged`;
  throw new VolumeError('precondition', message, { about: 'volume' });
}

function checkDirectory(path: string, state: PathState): void {
  if (state.kind === 'directory') return;
  if (state.kind === 'symlink') throw symlinkError('stagingPath', path);
  const what = state.kind === 'absent' ? 'does not exist' : 'is not a directory';
  throw new VolumeError('precondition', `${quote(path)} ${what}`, { about: 'stagingPath' });
}
