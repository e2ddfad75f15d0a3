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
 * Makes copies that there is room for. That of what they make shared is kept until `model.sharing.end` is called for
 * each of them: only when they are known it is seen what is shared.
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
    // More may have been written until it was cut; and what the file system tells is known now.
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
 * Makes sure that the disk has room for a copy beside what is reserved for volumes. A copy that shares its blocks takes
 * none, but what it shares is no longer the original's alone: to write it anew takes that much more.
 * @returns ends the claim; by then the space is taken, or what shares it is known
 * @throws VolumeError exhausted; out-of-range: what it becomes is too small
 */
export async function claimSpace(model: Model, copy: ContentCopy, signal: AbortSignal): Promise<() => void> {
  const { source, pool, reservedBytes } = copy;
  if (mayShareBlocks(copy)) {
    if (!source.volume) return () => {};
    return claimShared(model, pool, source.id, await newlyShared(model, source.volume));
  }
  // What is held to a size fits into what is reserved for it.
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

/** Remembers that all a volume has now may be shared. */
export async function markShared(model: Model, volume: Volume): Promise<void> {
  if (!isCapacityEnforced(volume.content)) return;
  // Copies of one volume at the same time would else replace its record at the same time.
  await model.sharing.inTurn(volume.id, () => mark(model, volume));
}

async function mark(model: Model, volume: Volume): Promise<void> {
  const { total, exclusive } = await occupiedBytesOf(model, volume);
  // Where the file system tells what is shared, nobody needs to remember.
  if (exclusive !== undefined) return;
  // The volume may have grown meanwhile; whoever copies it keeps it from that, but not from what came before.
  const current = model.volumes.findIntact(volume.id) ?? volume;
  if (current.sharing.sharedBytes >= total) return;
  const marked = { ...current, sharing: { ...current.sharing, sharedBytes: total } };
  await replaceVolume(model, marked);
}
