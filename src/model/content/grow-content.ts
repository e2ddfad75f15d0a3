import { VolumeError } from '../errors.ts';
import { isCapacityEnforced, type Volume } from '../objects/volume.ts';
import { ofThisSize } from '../ports/naming-pool.ts';
import { placeOf } from '../space/place.ts';
import { claimRoom } from '../space/room.ts';
import type { Model } from '../state/model.ts';
import { replaceVolume } from './replace-volume.ts';

/** Volumes as they are in the index, and not on the disk: they have grown, and that could not be recorded. */
const unrecorded = new WeakSet<Volume>();

/**
 * Lets a volume hold more: claims the room, raises its limit or lets its image grow, and records it. The record comes
 * last: until it says so the volume is not larger, and a retry after a crash does it all again. What fails is undone.
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
 * Brings the image of a volume to the size that the record says before its device sees it: a crash may have come between
 * the two. Where more of it is in use, the volume is as large as its image from now on, and that much is claimed. The
 * caller holds the volume.
 * @throws VolumeError exhausted: there is no room for what the image has in use
 */
export async function settleSize(model: Model, volume: Volume): Promise<Volume> {
  const { records, backends } = model.pools.of(volume);
  const directory = records.volumes.directoryOf(volume.id);
  const heldBytes = await backends[volume.content.backend].undoGrowth(directory, volume);
  return heldBytes > volume.capacityBytes ? growContent(model, volume, heldBytes) : volume;
}

/** Undoes an expansion that failed, with its claim; where that fails as well, the volume keeps what it has got. */
async function undo(model: Model, volume: Volume, grown: Volume, release: () => void): Promise<void> {
  // A pool that has gone meanwhile has taken its volumes with it.
  if (model.volumes.findIntact(volume.id) !== volume || (await isUndone(model, volume))) {
    release();
    return;
  }
  // Its room must not be given out twice.
  unrecorded.add(grown);
  model.volumes.replace(grown);
}

async function isUndone(model: Model, volume: Volume): Promise<boolean> {
  const { records, backends } = model.pools.of(volume);
  try {
    const recorded = await records.volumes.read(volume.id);
    // It was replaced, and only making that durable has failed. It must not reserve what is about to be taken away.
    if (recorded.capacityBytes !== volume.capacityBytes) await records.volumes.replace(volume);
    const directory = records.volumes.directoryOf(volume.id);
    return (await backends[volume.content.backend].undoGrowth(directory, volume)) <= volume.capacityBytes;
  } catch (error) {
    // Quotas are off: no limit is in force, neither the old nor the new one. Any other error leaves it open; what went
    // wrong first is what the caller must know.
    return error instanceof VolumeError && error.kind === 'precondition';
  }
}
