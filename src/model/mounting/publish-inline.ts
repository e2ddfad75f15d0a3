import { about, invalidValue, quote, VolumeError } from '../errors.ts';
import { findObject } from '../find/find-object.ts';
import { checkOutsideVolumes, checkReadable, symlinkError } from '../find/mount-place.ts';
import { contentOf, inspectPath } from '../find/staged-content.ts';
import { defaultMutableParameters, type RootOwnership, type Volume } from '../objects/volume.ts';
import type { PathState } from '../ports/mounts-port.ts';
import { type MountCapability, requiredMountFlags } from '../requests/capability.ts';
import { anyCapacity, leastSize, newVolumeBytes } from '../requests/capacity.ts';
import { inForce } from '../requests/mount-flags.ts';
import { type Place, requirePlace } from '../space/place.ts';
import type { Model } from '../state/model.ts';
import { checkSuitable } from '../volumes/check-suitable.ts';
import { type ContentPlan, type ContentWish, chooseContent } from '../volumes/choose-content.ts';
import { newSizes } from '../volumes/content-sizes.ts';
import { deleteUnused } from '../volumes/delete-volume.ts';
import { makeVolume } from '../volumes/make-volume.ts';
import { mountMade, reserveTarget } from './mount-targets.ts';
import { checkMountedAs, checkSameUse, somethingElse } from './mounted-as.ts';
import { checkImageAt, fillImage, mountImage } from './stage-image.ts';

/** The parsed NodePublishVolume request for an inline ephemeral volume. */
export interface InlineSpec {
  /** Chosen by the CO: any string. */
  readonly volumeId: string;
  /** Resolved by MountPaths. */
  readonly targetPath: string;
  readonly capability: MountCapability;
  readonly readOnly: boolean;
  /** The requested bytes; undefined for the default size of a volume. */
  readonly sizeBytes: bigint | undefined;
  /** The requested pool or accounting class; undefined if the driver may choose. */
  readonly pool: string | undefined;
  readonly wish: Pick<ContentWish, 'backend' | 'enforceCapacity'>;
  readonly root: RootOwnership;
}

/**
 * Publishes an inline ephemeral volume: creates it unless it exists, and mounts it at its one target. A healthy mount
 * of the same kind stays as it is. If publishing fails, a new volume is deleted again. The caller holds the volume
 * and the target.
 * @throws VolumeError precondition: the id belongs to a volume that is not inline, or that has another target
 */
export function publishInline(model: Model, spec: InlineSpec): Promise<void> {
  return model.pathsInWork.during(spec.targetPath, () => publish(model, spec));
}

async function publish(model: Model, spec: InlineSpec): Promise<void> {
  const { targetPath } = spec;
  const target = await inspectPath(model, 'targetPath', targetPath);
  await checkOutsideVolumes(model, 'targetPath', targetPath);
  if (target.kind === 'symlink') throw symlinkError('targetPath', targetPath);
  checkReadable('targetPath', targetPath, target);
  const { volume, isNew } = await findOrMake(model, spec, target);
  try {
    await mountInline(model, volume, spec, target);
  } catch (error) {
    // The caller needs the first error; anything left behind is removed by the unpublish.
    if (isNew) await deleteUnused(model, volume).catch(() => {});
    throw error;
  }
}

async function findOrMake(
  model: Model,
  spec: InlineSpec,
  target: PathState,
): Promise<{ volume: Volume; isNew: boolean }> {
  const known = await findInline(model, spec);
  if (known) return { volume: known, isNew: false };
  const place = requirePlace(model, spec.pool);
  await place.pool.checkReachable();
  // If the pool has just come back, it may hold the volume.
  const found = await findInline(model, spec);
  if (found) return { volume: found, isNew: false };
  if (target.kind === 'mounted') throw somethingElse('targetPath', spec.targetPath);
  return { volume: await makeInline(model, place, spec), isNew: true };
}

async function findInline(model: Model, { volumeId, targetPath }: InlineSpec): Promise<Volume | undefined> {
  const volume = await findObject(model, model.volumes, volumeId);
  if (!volume || volume.inline?.targetPath === targetPath) return volume;
  const why = volume.inline
    ? `is an inline volume with the target ${quote(volume.inline.targetPath)}, and has no other`
    : 'exists, and is not an inline volume';
  throw new VolumeError('precondition', `volume ${quote(volumeId)} ${why}`, { about: 'volume' });
}

function makeInline(model: Model, place: Place, spec: InlineSpec): Promise<Volume> {
  const { volumeId, capability, targetPath } = spec;
  const wish = { ...spec.wish, isBlock: false, fsType: capability.fsType };
  const plan = chooseContent(model, place.pool, wish);
  return makeVolume(model, {
    id: volumeId,
    name: undefined,
    place,
    plan,
    capacityBytes: sizeOf(model, plan, spec),
    contentSource: undefined,
    root: spec.root,
    accessModes: [capability.accessMode],
    mutable: defaultMutableParameters,
    inline: { targetPath },
  });
}

/** @throws VolumeError invalid: exceeds the maximum volume size */
function sizeOf(model: Model, plan: ContentPlan, { sizeBytes }: InlineSpec): bigint {
  const { maximumVolumeBytes } = model.limits;
  const asked = sizeBytes ?? newVolumeBytes(anyCapacity, maximumVolumeBytes);
  const bytes = leastSize(asked, newSizes(model, plan));
  if (bytes <= maximumVolumeBytes) return bytes;
  const why = `bytes are more than a volume may have, ${maximumVolumeBytes} bytes (--max-volume-size)`;
  throw invalidValue('requiredBytes', bytes, why);
}

async function mountInline(model: Model, volume: Volume, spec: InlineSpec, target: PathState): Promise<void> {
  const { targetPath, capability } = spec;
  if (target.kind === 'mounted') checkSameUse(model, targetPath, target, capability);
  await checkSuitable(model, volume, capability);
  await model.mountIndex.confirmed(volume.id);
  const flags = requiredMountFlags(capability, spec.readOnly);
  const image = { path: targetPath, capability, flags };
  const directory = volume.content.backend === 'image' ? undefined : await contentOf(model, volume);
  if (target.kind === 'mounted') {
    if (directory) checkMountedAs('targetPath', targetPath, target, directory.state, flags);
    else {
      await checkImageAt(model, volume, 'targetPath', target, image);
      await fillImage(model, volume, image);
    }
  }
  await reserveTarget(model, volume, spec, target, async () => {
    const wasMade = await about('targetPath', model.mounts.makeDirectory(targetPath));
    return mountMade(model, targetPath, wasMade, () =>
      directory
        ? model.mounts.bind(directory.path, targetPath, inForce(flags), directory.state.identity)
        : mountImage(model, volume, image),
    );
  });
}
