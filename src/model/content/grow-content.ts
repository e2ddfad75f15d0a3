import { VolumeError } from '../errors.ts';
import { isCapacityEnforced, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import { withSizeErrors } from '../ports/error-context.ts';
import type { Catalogue } from '../state/catalogue.ts';
import { placementOf } from '../state/placement.ts';
import { reserveCapacity } from '../state/reserve-capacity.ts';

/** Volumes that differ between the index and the disk: they were expanded, and that could not be recorded. */
const unrecorded = new WeakSet<Volume>();

/**
 * Expands a volume: claims the room, raises its limit or grows its image, and records it. The record comes last:
 * until then the volume is not larger, and a retry after a crash repeats every step. A failed expansion is undone.
 * @throws VolumeError exhausted: there is no room
 */
export async function growContent(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep'>,
  volume: Volume,
  capacityBytes: bigint,
): Promise<Volume> {
  const placement = placementOf(parts.catalogue, volume);
  const reservation = {
    bytes: capacityBytes - volume.capacityBytes,
    isEnforced: isCapacityEnforced(volume.content),
  };
  const release = reservation.bytes > 0n ? await reserveCapacity(parts, placement, reservation) : () => {};
  const grown: Volume = { ...volume, capacityBytes };
  try {
    await withSizeErrors(() => parts.catalogue.dataOf(volume).applyLimits(grown));
    await parts.onStep('expand: content grown');
    if (reservation.bytes > 0n || unrecorded.has(volume)) await parts.catalogue.replaceVolume(grown);
  } catch (error) {
    if (reservation.bytes > 0n) await undo(parts.catalogue, volume, grown, release);
    throw error;
  }
  await parts.onStep('expand: recorded');
  return grown;
}

/**
 * Sets the image of a volume to the recorded size before its device sees it: a crash may have come between the two.
 * If more of the image is in use, the volume is as large as its image from now on, and the difference is claimed. The
 * caller holds the volume.
 * @throws VolumeError exhausted: there is no room for the part of the image in use
 */
export async function reconcileSize(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep'>,
  volume: Volume,
): Promise<Volume> {
  const enforcedBytes = await parts.catalogue.dataOf(volume).undoGrowth();
  return enforcedBytes > volume.capacityBytes ? growContent(parts, volume, enforcedBytes) : volume;
}

/** Undoes a failed expansion and its claim; if that fails as well, the volume keeps the new size. */
async function undo(catalogue: Catalogue, volume: Volume, grown: Volume, release: () => void): Promise<void> {
  // If its pool has disappeared in the meantime, so have its volumes.
  if (catalogue.volumes.findIntact(volume.id) !== volume || (await tryUndo(catalogue, volume))) {
    release();
    return;
  }
  // Its room must not be reserved twice.
  unrecorded.add(grown);
  catalogue.volumes.replace(grown);
}

async function tryUndo(catalogue: Catalogue, volume: Volume): Promise<boolean> {
  const { volumes } = catalogue.pools.of(volume).records;
  try {
    const recorded = await volumes.read(volume.id);
    // The record was replaced, and only making that durable has failed. It must not reserve the size that is about to
    // be undone.
    if (recorded.capacityBytes !== volume.capacityBytes) await volumes.replace(volume);
    return (await catalogue.dataOf(volume).undoGrowth()) <= volume.capacityBytes;
  } catch (error) {
    // Quotas are off: no limit is in force, neither the old nor the new one. After any other error the result is
    // unknown; the caller needs the first error.
    return error instanceof VolumeError && error.kind === 'precondition';
  }
}
