import { type CapacityRange, fitsRange } from './capacity.ts';
import { quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import { namingPool, namingSize } from './naming-pool.ts';
import { placeOf } from './place.ts';
import { replaceVolume } from './replace-volume.ts';
import { claimRoom } from './room.ts';
import { imageOf } from './staged-content.ts';
import { isBlock, isCapacityEnforced, type Volume } from './volume.ts';

/** What an expansion has come to. */
export interface Expanded {
  readonly volume: Volume;
  /** Whether the node must do its part, where the volume is staged. */
  readonly needsNode: boolean;
}

/**
 * Lets a volume hold as much as is asked for (CSI specification, ControllerExpandVolume): raises its limit, or lets
 * its image grow. A volume that is large enough already stays as it is; what a crash has left undone is done again.
 * The caller holds the volume.
 * @throws VolumeError out-of-range: it would shrink, or be larger than volumes may be; exhausted: no room
 */
export async function expandContent(
  model: Model,
  volume: Volume,
  range: CapacityRange,
  maximumBytes: bigint,
): Promise<Expanded> {
  const capacityBytes = expandedBytes(volume, range, maximumBytes);
  await model.onStep('expand: checked');
  const grown = await growContent(model, volume, capacityBytes);
  return { volume: grown, needsNode: volume.content.backend === 'image' };
}

/**
 * Lets the device of a staged image, and the file system on it, see how large the image is (CSI specification,
 * NodeExpandVolume). Of other volumes nothing is left to do.
 * @param path where the volume is mounted
 * @returns the bytes the volume has now; undefined when its file system fills the image only when it is staged next
 */
export async function expandStaged(model: Model, volume: Volume, path: string): Promise<bigint | undefined> {
  if (volume.content.backend !== 'image') return volume.capacityBytes;
  const image = await imageOf(model, volume);
  const device = await model.devices.find(image);
  if (!device) return volume.capacityBytes;
  await model.devices.refreshSize(image);
  await model.onStep('expand: device grown');
  if (isBlock(volume.content)) return volume.capacityBytes;
  const fsType = await model.formatter.inspect(image);
  if (fsType === 'blank' || fsType === 'unknown') return volume.capacityBytes;
  const { isGrown } = await namingPool(volume, () => model.mounts.growFileSystem(path, device, fsType));
  await model.onStep('expand: file system grown');
  return isGrown ? volume.capacityBytes : undefined;
}

/** The same for a volume wherever it is mounted now; one that is not mounted sees to it when it is staged. */
export async function expandMounted(model: Model, volume: Volume): Promise<void> {
  const [mount] = await model.mountIndex.confirmed(volume.id);
  if (mount || isBlock(volume.content)) await expandStaged(model, volume, mount?.path ?? '');
}

function expandedBytes({ id, capacityBytes }: Volume, range: CapacityRange, maximumBytes: bigint): bigint {
  if (range.requiredBytes > maximumBytes) {
    const message = `capacity_range.required_bytes: ${range.requiredBytes} bytes are more than a volume may have, ${maximumBytes} bytes`;
    throw new VolumeError('out-of-range', message);
  }
  if (range.requiredBytes > capacityBytes) return range.requiredBytes;
  if (fitsRange(capacityBytes, range)) return capacityBytes;
  const message = `capacity_range.limit_bytes: volume ${quote(id)} has ${capacityBytes} bytes, and volumes do not shrink`;
  throw new VolumeError('out-of-range', message);
}

// The record comes last: until it says so the volume is not larger, and a retry after a crash does it all again.
async function growContent(model: Model, volume: Volume, capacityBytes: bigint): Promise<Volume> {
  const place = placeOf(model, volume);
  const { records, backends } = place.pool;
  const claim = {
    bytes: capacityBytes - volume.capacityBytes,
    isEnforced: isCapacityEnforced(volume.content),
  };
  const release = claim.bytes > 0n ? await claimRoom(model, place, claim) : () => {};
  try {
    const grown: Volume = { ...volume, capacityBytes };
    const directory = records.volumes.directoryOf(volume.id);
    const backend = backends[volume.content.backend];
    await namingSize('capacity_range.required_bytes', () => backend.applyLimits(directory, grown));
    await model.onStep('expand: content grown');
    if (claim.bytes > 0n) await replaceVolume(model, grown);
    await model.onStep('expand: recorded');
    return grown;
  } catch (error) {
    release();
    throw error;
  }
}
