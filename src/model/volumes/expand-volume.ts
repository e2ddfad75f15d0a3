import { checkNothingLost } from '../content/content-defects.ts';
import { growContent, settleSize } from '../content/grow-content.ts';
import { quote, revised, VolumeError, type VolumeErrorKind } from '../errors.ts';
import { imageOf } from '../find/staged-content.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import { namingPool } from '../ports/naming-pool.ts';
import { type CapacityRange, fitsRange, type SizeSteps, sizeInRange } from '../requests/capacity.ts';
import type { Model } from '../state/model.ts';
import { grownSizes } from './content-sizes.ts';

/** The result of an expansion. */
export interface Expanded {
  readonly volume: Volume;
  /** Whether the node must expand the volume too, if it is staged. */
  readonly needsNode: boolean;
}

/**
 * Expands a volume (CSI specification, ControllerExpandVolume): raises its limit, or grows its image. A volume that
 * is large enough already stays as it is; steps that a crash left undone are repeated. The caller holds the volume.
 * @throws VolumeError out-of-range: it would shrink, exceed the maximum size, or there is no room; unavailable: its
 *   pool cannot enforce a new size now; precondition: its image was truncated
 */
export function expandContent(
  model: Model,
  volume: Volume,
  range: CapacityRange,
  maximumBytes: bigint,
): Promise<Expanded> {
  return model.volumesInWork.during(volume.id, () => expandNow(model, volume, range, maximumBytes));
}

async function expandNow(
  model: Model,
  volume: Volume,
  range: CapacityRange,
  maximumBytes: bigint,
): Promise<Expanded> {
  const capacityBytes = expandedBytes(volume, range, await grownSizes(model, volume), maximumBytes);
  // Once grown, the lost part of an image would read as zeros, and the loss could no longer be detected.
  await checkNothingLost(model, volume);
  await model.onStep('expand: checked');
  // In turn, so that limits are not compared with a record that is about to change.
  const grown = await withKinds(growthKinds, () =>
    model.sharing.inTurn(volume.id, () => growContent(model, volume, capacityBytes)),
  );
  return { volume: grown, needsNode: volume.content.backend === 'image' };
}

/**
 * Grows the device of a staged image, and the file system on it, to the size of the image (CSI specification,
 * NodeExpandVolume). Other volumes need nothing.
 * @param path where the volume is mounted
 * @returns the size of the volume in bytes; undefined if its file system will only fill the image at the next stage
 */
export function expandStaged(model: Model, volume: Volume, path: string): Promise<bigint | undefined> {
  return withKinds(stagedKinds, () =>
    model.volumesInWork.during(volume.id, () => expandStagedNow(model, volume, path)),
  );
}

async function expandStagedNow(model: Model, volume: Volume, path: string): Promise<bigint | undefined> {
  if (volume.content.backend !== 'image') return volume.capacityBytes;
  const image = await imageOf(model, volume);
  const device = await model.devices.find(image);
  if (!device) return volume.capacityBytes;
  const { capacityBytes } = await settleSize(model, volume);
  await model.devices.refreshSize(image);
  await model.onStep('expand: device grown');
  if (isBlock(volume.content)) return capacityBytes;
  const fsType = await model.formatter.inspect(image);
  if (fsType === 'blank' || fsType === 'unknown') return capacityBytes;
  const { isGrown } = await namingPool(volume, () => model.mounts.growFileSystem(path, device, fsType));
  await model.onStep('expand: file system grown');
  return isGrown ? capacityBytes : undefined;
}

// The resizer and the kubelet read these (docs/decisions/0031-final-codes.md). After RESOURCE_EXHAUSTED they assume
// that the expansion may still be in progress, and a claim could never be lowered again. After FAILED_PRECONDITION
// they wait until no pod uses the volume, which restores neither quotas nor room.
const stagedKinds = { exhausted: 'out-of-range' } as const;
const growthKinds = { ...stagedKinds, precondition: 'unavailable' } as const;

/** Runs `work` and maps the kinds of its errors. */
async function withKinds<T>(
  kinds: Readonly<Partial<Record<VolumeErrorKind, VolumeErrorKind>>>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const kind = error instanceof VolumeError && kinds[error.kind];
    throw kind ? revised(error, { kind }) : error;
  }
}

/** Expands a volume on the node wherever it is mounted now; an unmounted volume is expanded when it is staged. */
export async function expandMounted(model: Model, volume: Volume): Promise<void> {
  const [mount] = await model.mountIndex.confirmed(volume.id);
  if (mount || isBlock(volume.content)) await expandStaged(model, volume, mount?.path ?? '');
}

function expandedBytes(
  { id, capacityBytes }: Volume,
  range: CapacityRange,
  steps: SizeSteps,
  maximumBytes: bigint,
): bigint {
  if (range.requiredBytes > maximumBytes) {
    const message = `${range.requiredBytes} bytes are more than a volume may have, ${maximumBytes} bytes`;
    throw new VolumeError('out-of-range', message, { about: 'requiredBytes' });
  }
  if (range.requiredBytes > capacityBytes)
    return sizeInRange(range, range.requiredBytes, steps, maximumBytes);
  if (fitsRange(capacityBytes, range, steps.unitBytes)) return capacityBytes;
  const message = `volume ${quote(id)} has ${capacityBytes} bytes, and volumes do not shrink`;
  throw new VolumeError('out-of-range', message, { about: 'limitBytes' });
}
