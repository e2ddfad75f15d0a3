import { quote, type Subject, unknownVolume, VolumeError } from '../errors.ts';
import { parseObjectId } from '../objects/object-id.ts';
import type { Snapshot } from '../objects/snapshot.ts';
import type { Volume } from '../objects/volume.ts';
import type { Catalogue } from '../state/catalogue.ts';

/** @throws VolumeError not-found, damaged or unavailable */
export async function existingVolume(catalogue: Catalogue, volumeId: string): Promise<Volume> {
  const volume = await catalogue.find(catalogue.volumes, volumeId);
  if (!volume) throw unknownVolume(volumeId);
  return volume;
}

/** @throws VolumeError not-found, damaged or unavailable */
export async function existingSnapshot(catalogue: Catalogue, snapshotId: string): Promise<Snapshot> {
  const snapshot = await catalogue.find(catalogue.snapshots, snapshotId);
  if (snapshot) return snapshot;
  throw new VolumeError('not-found', `snapshot ${quote(snapshotId)} does not exist`);
}

/**
 * Unmounts a volume, within the pool's limit for that if the volume is known. Works without a record, and without the
 * pool's disk.
 */
export function withUnmountSlot<T>(
  catalogue: Catalogue,
  volumeId: string,
  work: () => Promise<T>,
): Promise<T> {
  const volume = catalogue.volumes.findIntact(volumeId);
  return volume ? catalogue.pools.of(volume).withUnmountSlot(work) : work();
}

/**
 * Refuses to report an unknown object as deleted if its id has this driver's form and names a pool of another node:
 * the object may exist there. An operator who knows that the pool is gone for good passes `--abandoned-pools`.
 * @throws VolumeError precondition
 */
export function checkNotForeign(catalogue: Catalogue, subject: Subject, id: string): void {
  const poolId = foreignPoolId(catalogue, id);
  if (poolId === undefined) return;
  const { ids, onDelete } = catalogue.abandoned;
  if (ids.has(poolId)) {
    onDelete(id, poolId);
    return;
  }
  const message = `${foreignSentence(id, poolId)}; if that pool is gone permanently, restart the driver with --abandoned-pools=${poolId}`;
  throw new VolumeError('precondition', message, { about: subject });
}

/** A sentence that explains an id with a pool of another node; undefined for any other id. */
export function whyForeign(catalogue: Catalogue, id: string): string | undefined {
  const poolId = foreignPoolId(catalogue, id);
  return poolId === undefined ? undefined : foreignSentence(id, poolId);
}

function foreignPoolId(catalogue: Catalogue, id: string): string | undefined {
  const own = parseObjectId(id);
  return own && !catalogue.pools.withId(own.poolId) ? own.poolId : undefined;
}

function foreignSentence(id: string, poolId: string): string {
  return `${quote(id)} is in pool ${poolId}, which does not exist on this node`;
}
