import { VolumeError } from '../errors.ts';
import { isCapacityEnforced, type Volume } from '../objects/volume.ts';
import { ofThisSize } from '../ports/naming-pool.ts';
import { placeOf } from '../space/place.ts';
import { claimRoom } from '../space/room.ts';
import type { Model } from '../state/model.ts';
import { replaceVolume } from './replace-volume.ts';

/** Volumes that differ between the index and the disk: they were expanded, and that could not be recorded. */
const unrecorded = new WeakSet<Volume>();

/**
 * Expands a volume: claims the room, raises its limit or grows its image, and records it. The record comes last:
 * until then the volume is not larger, and a retry after a crash repeats every step. A failed expansion is undone.
 * @throws VolumeError exhausted: there is no room
 */
export async function growContent(model: Model, volume: Volume, capacityBytes: bigint): Promise<Volume> {
  const place = placeOf(model, volume);
  const { records, backends } = place.pool;
  const claim = {
    bytes: capacityBytes - volume.capacityBytes,
    isEnforced: isCapacityEnforced(volume.content),
  };
  const release = claim.bytes > 0n ? await claimRoom(model, place, claim) : () => {};
  const grown: Volume = { ...volume, capacityBytes };
  try {
    const directory = records.volumes.directoryOf(volume.id);
    await ofThisSize(() => backends[volume.content.backend].applyLimits(directory, grown));
    await model.onStep('expand: content grown');
    if (claim.bytes > 0n || unrecorded.has(volume)) await replaceVolume(model, grown);
  } catch (error) {
    if (claim.bytes > 0n) await undo(model, volume, grown, release);
    throw error;
  }
  await model.onStep('expand: recorded');
  return grown;
}

/**
 * Sets the image of a volume to the recorded size before its device sees it: a crash may have come between the two.
 * If more of the image is in use, the volume is as large as its image from now on, and the difference is claimed. The
 * caller holds the volume.
 * @throws VolumeError exhausted: there is no room for the part of the image in use
 */
export async function settleSize(model: Model, volume: Volume): Promise<Volume> {
  const { records, backends } = model.pools.of(volume);
  const directory = records.volumes.directoryOf(volume.id);
  const heldBytes = await backends[volume.content.backend].undoGrowth(directory, volume);
  return heldBytes > volume.capacityBytes ? growContent(model, volume, heldBytes) : volume;
}

/** Undoes a failed expansion and its claim; if that fails as well, the volume keeps the new size. */
async function undo(model: Model, volume: Volume, grown: Volume, release: () => void): Promise<void> {
  // If its pool has disappeared in the meantime, so have its volumes.
  if (model.volumes.findIntact(volume.id) !== volume || (await isUndone(model, volume))) {
    release();
    return;
  }
  // Its room must not be reserved twice.
  unrecorded.add(grown);
  model.volumes.replace(grown);
}

async function isUndone(model: Model, volume: Volume): Promise<boolean> {
  const { records, backends } = model.pools.of(volume);
  try {
    const recorded = await records.volumes.read(volume.id);
    // The record was replaced, and only making that durable has failed. It must not reserve the size that is about to
    // be undone.
    if (recorded.capacityBytes !== volume.capacityBytes) await records.volumes.replace(volume);
    const directory = records.volumes.directoryOf(volume.id);
    return (await backends[volume.content.backend].undoGrowth(directory, volume)) <= volume.capacityBytes;
  } catch (error) {
    // Quotas are off: no limit is in force, neither the old nor the new one. After any other error the result is
    // unknown; the caller needs the first error.
    return error instanceof VolumeError && error.kind === 'precondition';
  }
}
