import { replaceVolume } from '../content/replace-volume.ts';
import { isCapacityEnforced, type Volume } from '../objects/volume.ts';
import { checkFits } from '../requests/capacity.ts';
import { exclusiveBytes, occupiedBytesOf } from '../space/lineage.ts';
import { claimDisk, claimShared } from '../space/room.ts';
import type { Model } from '../state/model.ts';
import type { ContentCopy } from './copy-content.ts';

/** Whether a copy may share the blocks of its original. */
export function mayShareBlocks({ source, pool }: Pick<ContentCopy, 'source' | 'pool'>): boolean {
  return pool.disk === source.pool.disk && pool.abilities.sharesBlocks;
}

/**
 * Makes copies if there is room for them. Space they newly share stays reserved until `model.sharing.end` is called
 * for each of them: the shared space is only visible when they are in the index.
 * @throws VolumeError exhausted; out-of-range
 */
export async function withSpace<T>(
  model: Model,
  copies: readonly ContentCopy[],
  signal: AbortSignal,
  copyAll: () => Promise<T>,
): Promise<T> {
  const sharing = copies.filter(mayShareBlocks);
  let claims = await claimAll(model, copies, signal);
  try {
    await markAll(model, sharing);
    const made = await copyAll();
    if (sharing.length === 0) return made;
    // More may have been written before the copy was taken, and the file system's own figures are known now.
    const known = await claimAll(model, sharing, signal);
    for (const { release } of claims) release();
    claims = known;
    await markAll(model, sharing);
    for (const { copy, release } of claims.splice(0)) model.sharing.keep(copy.id, release);
    return made;
  } finally {
    for (const { release } of claims) release();
  }
}

interface Claimed {
  readonly copy: ContentCopy;
  readonly release: () => void;
}

async function claimAll(
  model: Model,
  copies: readonly ContentCopy[],
  signal: AbortSignal,
): Promise<Claimed[]> {
  const claims: Claimed[] = [];
  try {
    for (const copy of copies) claims.push({ copy, release: await claimSpace(model, copy, signal) });
    return claims;
  } catch (error) {
    for (const { release } of claims) release();
    throw error;
  }
}

async function markAll(model: Model, copies: readonly ContentCopy[]): Promise<void> {
  for (const { source } of copies) if (source.volume) await markShared(model, source.volume);
}

/**
 * Checks that the disk has room for a copy on top of the reservations for volumes. A copy that shares its blocks
 * takes no space, but its blocks no longer belong to the original alone: overwriting them takes that much more.
 * @returns ends the claim; by then the space is occupied, or the object that shares it is in the index
 * @throws VolumeError exhausted; out-of-range: the destination is too small
 */
export async function claimSpace(model: Model, copy: ContentCopy, signal: AbortSignal): Promise<() => void> {
  const { source, pool, reservedBytes } = copy;
  if (mayShareBlocks(copy)) {
    if (!source.volume) return () => {};
    return claimShared(model, pool, source.id, await newlyShared(model, source.volume));
  }
  // Content with an enforced size fits into its reservation.
  if (reservedBytes !== undefined && source.occupiedBytes !== undefined) return () => {};
  const { backend, path } = source.original;
  const bytes = await source.pool.backends[backend].copyBytes(path, signal);
  if (reservedBytes === undefined) return claimDisk(model, pool, bytes);
  checkFits(bytes, reservedBytes);
  return () => {};
}

async function newlyShared(model: Model, volume: Volume): Promise<bigint> {
  if (!isCapacityEnforced(volume.content)) return 0n;
  const occupied = await occupiedBytesOf(model, volume);
  return exclusiveBytes(model, model.volumes.findIntact(volume.id) ?? volume, occupied);
}

/** Records that all current blocks of a volume may be shared. */
export async function markShared(model: Model, volume: Volume): Promise<void> {
  if (!isCapacityEnforced(volume.content)) return;
  // Otherwise concurrent copies of one volume would replace its record at the same time.
  await model.sharing.inTurn(volume.id, () => mark(model, volume));
}

async function mark(model: Model, volume: Volume): Promise<void> {
  const { total, exclusive } = await occupiedBytesOf(model, volume);
  // If the file system reports shared space, it need not be recorded.
  if (exclusive !== undefined) return;
  // The volume may have grown in the meantime; a copy in progress prevents that, but not an earlier expansion.
  const current = model.volumes.findIntact(volume.id) ?? volume;
  if (current.sharing.sharedBytes >= total) return;
  const marked = { ...current, sharing: { ...current.sharing, sharedBytes: total } };
  await replaceVolume(model, marked);
}
