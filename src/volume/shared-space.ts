import { checkFits } from './capacity.ts';
import type { ContentCopy } from './copy-content.ts';
import { exclusiveBytes } from './lineage.ts';
import type { Model } from './model.ts';
import { claimDisk } from './room.ts';
import { isCapacityEnforced, type Volume } from './volume.ts';

/**
 * Makes sure that the disk has room for a copy beside what is promised to volumes. A copy that shares its blocks takes
 * none, but what it shares is no longer the original's alone: to write it anew takes that much more.
 * @returns ends the claim; by then the space is taken, or known to be shared
 * @throws VolumeError exhausted; out-of-range: what it becomes is too small
 */
export async function claimSpace(model: Model, copy: ContentCopy, signal: AbortSignal): Promise<() => void> {
  const { source, pool, promisedBytes } = copy;
  if (pool.disk === source.pool.disk && pool.abilities.sharesBlocks) {
    return source.volume ? claimDisk(model, pool, await newlyShared(model, source.volume)) : () => {};
  }
  // What is held to a size fits into what is promised for it.
  if (promisedBytes !== undefined && source.occupiedBytes !== undefined) return () => {};
  const { backend, path } = source.original;
  const bytes = await source.pool.backends[backend].copyBytes(path, signal);
  if (promisedBytes === undefined) return claimDisk(model, pool, bytes);
  checkFits(bytes, promisedBytes);
  return () => {};
}

async function newlyShared(model: Model, volume: Volume): Promise<bigint> {
  if (!isCapacityEnforced(volume.content)) return 0n;
  const { records, backends } = model.pools.of(volume);
  const directory = records.volumes.directoryOf(volume.id);
  const occupied = await backends[volume.content.backend].occupiedBytes(directory, volume);
  return exclusiveBytes(model, volume, occupied);
}

/** Remembers that all a volume has now may be shared, before it is. */
export async function markShared(model: Model, volume: Volume): Promise<void> {
  if (!isCapacityEnforced(volume.content)) return;
  const { records, backends } = model.pools.of(volume);
  const directory = records.volumes.directoryOf(volume.id);
  const { total, exclusive } = await backends[volume.content.backend].occupiedBytes(directory, volume);
  // Where the file system tells what is shared, nobody needs to remember.
  if (exclusive !== undefined) return;
  // The volume may have grown meanwhile; whoever copies it keeps it from that, but not from what came before.
  const current = model.volumes.findIntact(volume.id) ?? volume;
  if (current.sharing.sharedBytes >= total) return;
  const marked = { ...current, sharing: { ...current.sharing, sharedBytes: total } };
  await records.volumes.replace(marked);
  model.volumes.replace(marked);
}
