import { about, invalidValue, quote, VolumeError } from '../errors.ts';
import { inBestPlacement } from '../find/best-placement.ts';
import { checkOutsideVolumes, checkReadable, symlinkError } from '../find/check-mount-path.ts';
import { contentOf, inspectPath } from '../find/staged-content.ts';
import { defaultMutableParameters, type RootOwnership, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { PathState } from '../ports/paths-port.ts';
import { type MountCapability, requiredMountFlags } from '../requests/capability.ts';
import { anyCapacity, newVolumeBytes, smallestSize } from '../requests/capacity.ts';
import { effectiveFlags } from '../requests/mount-flags.ts';
import type { Hold } from '../state/holds.ts';
import { type Placement, requirePlacements } from '../state/placement.ts';
import { checkSupported } from '../volumes/check-supported.ts';
import { type ContentPlan, type ContentRequest, chooseContent } from '../volumes/choose-content.ts';
import { newSizes } from '../volumes/content-sizes.ts';
import { deleteUnused } from '../volumes/delete-volume.ts';
import { makeVolume } from '../volumes/make-volume.ts';
import { checkExistingMount, checkSameUse, occupiedError } from './check-existing-mount.ts';
import { mountOnTarget, reserveTarget } from './mount-targets.ts';
import { checkImageAt, growImageFileSystem, mountImage } from './stage-image.ts';
import { labelContent } from './stage-volume.ts';

/** The parsed NodePublishVolume request for an inline ephemeral volume. */
export interface InlineSpec {
  /** Its id is chosen by the CO: any string. */
  readonly volume: Hold<'volume'>;
  readonly target: Hold<'path'>;
  readonly capability: MountCapability;
  readonly readOnly: boolean;
  /** The requested bytes; undefined for the default size of a volume. */
  readonly sizeBytes: bigint | undefined;
  /** The pools and accounting classes that the volume may be in; empty if the driver may choose. */
  readonly pools: readonly string[];
  readonly contentRequest: Omit<ContentRequest, 'isBlock' | 'fsType'>;
  readonly root: RootOwnership;
}

/**
 * Publishes an inline ephemeral volume: creates it unless it exists, and mounts it at its one target. A healthy mount
 * of the same kind stays as it is. If publishing fails, a new volume is deleted again.
 * @throws VolumeError precondition: the id belongs to a volume that is not inline, or that has another target
 */
export function publishInline(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  spec: InlineSpec,
): Promise<void> {
  return parts.holds.mounting.during(spec.target.id, () => publish(parts, spec));
}

async function publish(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  spec: InlineSpec,
): Promise<void> {
  const { id: targetPath } = spec.target;
  const target = await inspectPath(parts.host, 'targetPath', targetPath);
  await checkOutsideVolumes(parts.host, 'targetPath', targetPath);
  if (target.kind === 'symlink') throw symlinkError('targetPath', targetPath);
  checkReadable('targetPath', targetPath, target);
  const { volume, isNew } = await findOrMake(parts, spec, target);
  try {
    await mountInline(parts, volume, spec, target);
  } catch (error) {
    // The caller needs the first error; anything left behind is removed by the unpublish.
    if (isNew) await deleteUnused(parts, volume).catch(() => {});
    throw error;
  }
}

async function findOrMake(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  spec: InlineSpec,
  target: PathState,
): Promise<{ volume: Volume; isNew: boolean }> {
  const { catalogue } = parts;
  let isNew = false;
  const volume = await catalogue.createOnce(catalogue.volumes, spec.volume, {
    accept: (existing) => checkSameInline(existing, spec),
    async prepare() {
      const placements = requirePlacements(catalogue, spec.pools);
      for (const { pool } of placements) await pool.checkReachable();
      return placements;
    },
    make(placements) {
      if (target.kind === 'mounted') throw occupiedError('targetPath', spec.target.id);
      isNew = true;
      return inBestPlacement(parts, placements, undefined, (placement) => makeInline(parts, placement, spec));
    },
  });
  return { volume, isNew };
}

function checkSameInline(volume: Volume, { target }: InlineSpec): Volume {
  if (volume.inline?.targetPath === target.id) return volume;
  const why = volume.inline
    ? `is an inline volume whose only target is ${quote(volume.inline.targetPath)}`
    : 'already exists and is not an inline volume';
  throw new VolumeError('precondition', `volume ${quote(volume.id)} ${why}`, { about: 'volume' });
}

async function makeInline(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  placement: Placement,
  spec: InlineSpec,
): Promise<Volume> {
  const { volume, capability, target } = spec;
  const contentRequest = { ...spec.contentRequest, isBlock: false, fsType: capability.fsType };
  const plan = chooseContent(parts.host, placement.pool, contentRequest);
  return makeVolume(parts, {
    id: volume.id,
    name: undefined,
    placement,
    plan,
    capacityBytes: sizeOf(parts, plan, spec),
    contentSource: undefined,
    root: spec.root,
    accessModes: [capability.accessMode],
    mutable: defaultMutableParameters,
    inline: { targetPath: target.id },
    arrival: undefined,
    claim: undefined,
    nameTemplate: undefined,
  });
}

/** @throws VolumeError invalid: exceeds the maximum volume size */
function sizeOf(parts: Parts<'host' | 'settings'>, plan: ContentPlan, { sizeBytes }: InlineSpec): bigint {
  const { maximumVolumeBytes } = parts.settings.limits;
  const requestedBytes = sizeBytes ?? newVolumeBytes(anyCapacity, maximumVolumeBytes);
  const bytes = smallestSize(requestedBytes, newSizes(parts.host, plan));
  if (bytes <= maximumVolumeBytes) return bytes;
  const why = `exceeds the maximum volume size of ${maximumVolumeBytes} bytes (--max-volume-size)`;
  throw invalidValue('requiredBytes', bytes, why);
}

async function mountInline(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep'>,
  volume: Volume,
  spec: InlineSpec,
  target: PathState,
): Promise<void> {
  const { capability, readOnly } = spec;
  const targetPath = spec.target.id;
  if (target.kind === 'mounted') checkSameUse(parts.host, targetPath, target, capability);
  await checkSupported(parts, volume, capability);
  await parts.host.mountIndex.verifiedMountsOf(volume.id);
  const flags = requiredMountFlags(capability, readOnly);
  const image = { path: targetPath, capability, flags, key: undefined };
  const directory = volume.content.backend === 'image' ? undefined : await contentOf(parts, volume);
  if (target.kind === 'mounted') {
    if (directory) checkExistingMount('targetPath', targetPath, target, directory.state, flags);
    else {
      await checkImageAt(parts, volume, 'targetPath', target, image);
      await growImageFileSystem(parts, volume, image);
    }
  }
  const { seLinuxContext } = capability;
  await reserveTarget(parts, volume, { targetPath, capability, readOnly }, target, async () => {
    if (directory && seLinuxContext !== undefined)
      await labelContent(parts.host, volume, directory.path, seLinuxContext);
    const wasCreated = await about('targetPath', parts.host.paths.makeDirectory(targetPath));
    return mountOnTarget(parts, targetPath, wasCreated, () =>
      directory
        ? parts.host.mounts.bind(directory.path, targetPath, effectiveFlags(flags), directory.state.identity)
        : mountImage(parts, volume, image),
    );
  });
}
