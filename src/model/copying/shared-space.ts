import { isCapacityEnforced, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import { checkFits } from '../requests/capacity.ts';
import type { Catalogue } from '../state/catalogue.ts';
import { exclusiveBytes, reserveDisk, reserveShared } from '../state/reserve-capacity.ts';
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
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings'>,
  copies: readonly ContentCopy[],
  signal: AbortSignal,
  copyAll: () => Promise<T>,
): Promise<T> {
  const sharing = copies.filter(mayShareBlocks);
  let reservations = await reserveAll(parts, copies, signal);
  try {
    await markAll(parts, sharing);
    const made = await copyAll();
    if (sharing.length === 0) return made;
    // More may have been written before the copy was taken, and the file system's own figures are known now.
    const known = await reserveAll(parts, sharing, signal);
    for (const { release } of reservations) release();
    reservations = known;
    await markAll(parts, sharing);
    for (const { copy, release } of reservations.splice(0)) parts.copying.sharing.keep(copy.id, release);
    return made;
  } finally {
    for (const { release } of reservations) release();
  }
}

interface CopyReservation {
  readonly copy: ContentCopy;
  readonly release: () => void;
}

async function reserveAll(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'settings'>,
  copies: readonly ContentCopy[],
  signal: AbortSignal,
): Promise<CopyReservation[]> {
  const reservations: CopyReservation[] = [];
  try {
    for (const copy of copies) reservations.push({ copy, release: await reserveSpace(parts, copy, signal) });
    return reservations;
  } catch (error) {
    for (const { release } of reservations) release();
    throw error;
  }
}

async function markAll(parts: Parts<'catalogue' | 'holds'>, copies: readonly ContentCopy[]): Promise<void> {
  for (const { source } of copies) if (source.volume) await markShared(parts, source.volume);
}

/**
 * Checks that the disk has room for a copy on top of the reservations for volumes. A copy that shares its blocks
 * takes no space, but its blocks no longer belong to the original alone: overwriting them takes that much more.
 * @returns ends the claim; by then the space is occupied, or the object that shares it is in the index
 * @throws VolumeError exhausted; out-of-range: the destination is too small
 */
async function reserveSpace(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'settings'>,
  copy: ContentCopy,
  signal: AbortSignal,
): Promise<() => void> {
  const { id, source, pool, reservedBytes } = copy;
  if (mayShareBlocks(copy)) {
    if (!source.volume) return () => {};
    return reserveShared(parts, pool, source.id, await newlyShared(parts.catalogue, source.volume));
  }
  // Content with an enforced size fits into its reservation.
  if (reservedBytes !== undefined && source.occupiedBytes !== undefined) {
    parts.copying.copies.expect(id, source.occupiedBytes);
    return () => {};
  }
  const { backend, path } = source.original;
  const bytes = await source.pool.backends[backend].copyBytes(path, signal);
  parts.copying.copies.expect(id, bytes);
  if (reservedBytes === undefined) return reserveDisk(parts, pool, bytes);
  checkFits(bytes, reservedBytes);
  return () => {};
}

async function newlyShared(catalogue: Catalogue, volume: Volume): Promise<bigint> {
  if (!isCapacityEnforced(volume.content)) return 0n;
  const occupied = await catalogue.dataOf(volume).occupiedBytes();
  return exclusiveBytes(catalogue, catalogue.volumes.findIntact(volume.id) ?? volume, occupied);
}

/** Records that all current blocks of a volume may be shared. */
async function markShared(parts: Parts<'catalogue' | 'holds'>, volume: Volume): Promise<void> {
  if (!isCapacityEnforced(volume.content)) return;
  // Otherwise concurrent copies of one volume would replace its record at the same time.
  await parts.holds.recording.inTurn(volume.id, () => mark(parts.catalogue, volume));
}

async function mark(catalogue: Catalogue, volume: Volume): Promise<void> {
  const { total, exclusive } = await catalogue.dataOf(volume).occupiedBytes();
  // If the file system reports shared space, it need not be recorded.
  if (exclusive !== undefined) return;
  // The volume may have grown in the meantime; a copy in progress prevents that, but not an earlier expansion.
  const current = catalogue.volumes.findIntact(volume.id) ?? volume;
  if (current.sharing.sharedBytes >= total) return;
  const marked = { ...current, sharing: { ...current.sharing, sharedBytes: total } };
  await catalogue.replaceVolume(marked);
}
