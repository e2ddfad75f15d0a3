import { max, min } from '../../units/bigint.ts';
import { reservedBytesOf } from '../../units/disk-reserve.ts';
import { quote, VolumeError } from '../errors.ts';
import { mapConcurrently } from '../map-concurrently.ts';
import type { Account } from '../objects/account.ts';
import { fullBytesOf } from '../objects/encryption.ts';
import { isCapacityEnforced, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import { withPoolInErrors } from '../ports/error-context.ts';
import type { Pool } from '../ports/pool.ts';
import type { OccupiedBytes } from '../ports/ports.ts';
import type { Settings } from '../settings.ts';
import type { Catalogue } from './catalogue.ts';
import { accountsOf, type Placement } from './placement.ts';
import { type Reservation, reserve } from './reservations.ts';

/**
 * Room for volumes. Every volume counts in full against the limits that an operator has set (`--capacity`). Only
 * volumes with an enforced capacity count against the disk: space that they have not used yet is kept free for them.
 * The reserve of the pool is always kept free.
 */

/** The bytes that can still be reserved in a placement; never negative. */
export async function availableBytesIn(
  parts: Parts<'catalogue' | 'host' | 'settings'>,
  placement: Placement,
): Promise<bigint> {
  const onDisk = availableDiskBytes(parts.settings, placement.pool, await measure(parts, placement.pool));
  const limits = accountsOf(placement).flatMap((account) => account.availableBytes ?? []);
  return min(onDisk, ...limits);
}

/**
 * Reserves bytes, or refuses before anything is written. No other call runs between the last check and the
 * reservation, so that concurrent claims cannot all find the same room.
 * @returns releases the reservation
 * @throws VolumeError exhausted, naming the pool and the room left
 */
export async function reserveCapacity(
  parts: Parts<'catalogue' | 'host' | 'settings'>,
  placement: Placement,
  reservation: Reservation,
): Promise<() => void> {
  const { pool } = placement;
  // Examining every volume takes time, and most claims fit even without counting the space that volumes already
  // occupy, or reservations of retained volumes that are gone.
  const { available, total } = (await pool.usage()).bytes;
  const quick = { diskBytes: total, freeBytes: available, occupiedBytes: 0n };
  const isQuick =
    missingBytes(reservation) <= availableDiskBytes(parts.settings, pool, quick) &&
    hasCapacity(accountsOf(placement), reservation);
  const space = isQuick ? quick : await measure(parts, pool);
  checkAccounts(placement, reservation);
  checkDisk(parts.settings, pool, reservation, space);
  return reserve(placement, reservation);
}

/**
 * The same against the disk of a pool alone, for data that does not belong to a volume.
 * @throws VolumeError exhausted
 */
export async function reserveDisk(
  parts: Parts<'catalogue' | 'host' | 'settings'>,
  pool: Pool,
  bytes: bigint,
): Promise<() => void> {
  if (bytes === 0n) return () => {};
  const availableBytes = availableDiskBytes(parts.settings, pool, await measure(parts, pool));
  if (bytes > availableBytes)
    throw new VolumeError('exhausted', noCapacityMessage(pool.name, availableBytes, bytes));
  pool.disk.reserve(bytes);
  return () => pool.disk.release(bytes);
}

/**
 * The same for the space that a copy shares with a volume: space shared by other copies in progress is reserved already.
 * @throws VolumeError exhausted
 */
export async function reserveShared(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'settings'>,
  pool: Pool,
  volumeId: string,
  bytes: bigint,
): Promise<() => void> {
  if (bytes === 0n) return () => {};
  const availableBytes = availableDiskBytes(parts.settings, pool, await measure(parts, pool));
  const more = bytes - min(bytes, parts.copying.sharing.bytesOf(volumeId));
  if (more > availableBytes)
    throw new VolumeError('exhausted', noCapacityMessage(pool.name, availableBytes, more));
  return parts.copying.sharing.reserve(pool.disk, volumeId, bytes);
}

interface DiskSpace {
  /** The size of the disk. */
  readonly diskBytes: bigint;
  readonly freeBytes: bigint;
  /** The part that volumes with an enforced capacity occupy. */
  readonly occupiedBytes: bigint;
}

function availableDiskBytes(
  settings: Settings,
  { disk, diskReserve }: Pool,
  { diskBytes, freeBytes, occupiedBytes }: DiskSpace,
): bigint {
  const usable = max(0n, freeBytes + occupiedBytes - reservedBytesOf(diskReserve, diskBytes));
  return max(0n, (usable * settings.limits.overcommitThousandths) / 1000n - disk.reservedBytes);
}

// In this order: data written in between is then not counted, and the room is underestimated.
async function measure(parts: Parts<'catalogue' | 'host'>, pool: Pool): Promise<DiskSpace> {
  const { disk } = pool;
  await releaseRemoved(parts, pool);
  // A volume that cannot be examined, because it or its pool is missing, occupies nothing here.
  const all = (['volumes', 'retained'] as const).flatMap((collection) =>
    parts.catalogue[collection].all().map((volume) => ({ volume, collection })),
  );
  const occupied = await mapConcurrently(all, MAX_CONCURRENT_CHECKS, ({ volume, collection }) =>
    occupiedOn(parts.catalogue, disk, volume, collection).catch(() => 0n),
  );
  const occupiedBytes = occupied.reduce((sum, bytes) => sum + bytes, 0n);
  const { available, total } = (await pool.usage()).bytes;
  return { diskBytes: total, freeBytes: available, occupiedBytes };
}

async function occupiedOn(
  catalogue: Catalogue,
  disk: Account,
  volume: Volume,
  collection: 'volumes' | 'retained',
): Promise<bigint> {
  if (catalogue.pools.of(volume).disk !== disk || !isCapacityEnforced(volume.content)) return 0n;
  const occupied = await catalogue.dataOf(volume, collection).occupiedBytes();
  return min(exclusiveBytes(catalogue, volume, occupied), fullBytesOf(volume));
}

/**
 * Releases the reservations of retained volumes whose directory their owner has removed. The driver is not notified
 * of that, so it checks when room is short, or is asked for.
 */
async function releaseRemoved(parts: Parts<'catalogue' | 'host'>, pool: Pool): Promise<void> {
  for (const volume of parts.catalogue.retained.all()) {
    if (volume.pool !== pool.name) continue;
    // In this order: it may be restored just now.
    if ((await isAbsent(parts, volume, 'retained')) && (await isAbsent(parts, volume, 'volumes')))
      parts.catalogue.forgetRetained(volume);
  }
}

async function isAbsent(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  home: 'volumes' | 'retained',
): Promise<boolean> {
  const path = parts.catalogue.dataOf(volume, home).directory;
  const { kind } = await withPoolInErrors(volume, () => parts.host.paths.inspect(path));
  return kind === 'absent';
}

/**
 * The least part of its space that a volume shares with no other. Copies share blocks with their source, and with its
 * other copies: their lineage. Overwriting a shared block takes a new one, so shared blocks do not count as space that
 * a volume already has.
 */
export function exclusiveBytes(catalogue: Catalogue, { sharing }: Volume, occupied: OccupiedBytes): bigint {
  if (occupied.exclusive !== undefined) return occupied.exclusive;
  if (sharing.sharedBytes === 0n || !hasRelatedObjects(catalogue, sharing.lineage)) return occupied.total;
  return occupied.total > sharing.sharedBytes ? occupied.total - sharing.sharedBytes : 0n;
}

function hasRelatedObjects(catalogue: Catalogue, lineage: string): boolean {
  const { volumes, retained, snapshots } = catalogue;
  const counts = [volumes, retained, snapshots].map((index) => index.countOfLineage(lineage));
  return counts.reduce((sum, count) => sum + count) > 1;
}

function hasCapacity(accounts: readonly Account[], { bytes }: Reservation): boolean {
  return accounts.every(({ availableBytes }) => availableBytes === undefined || bytes <= availableBytes);
}

function checkAccounts(placement: Placement, reservation: Reservation): void {
  for (const { availableBytes } of accountsOf(placement)) {
    if (availableBytes !== undefined && reservation.bytes > availableBytes)
      throw exhaustedError(placement, availableBytes, reservation);
  }
}

function checkDisk(settings: Settings, pool: Pool, reservation: Reservation, space: DiskSpace): void {
  const availableBytes = availableDiskBytes(settings, pool, space);
  const bytes = missingBytes(reservation);
  if (bytes > availableBytes)
    throw exhaustedError({ pool, capacityClass: undefined }, availableBytes, { bytes });
}

/** What the disk must still have room for. */
function missingBytes({ bytes, presentBytes = 0n }: Reservation): bigint {
  return max(0n, bytes - presentBytes);
}

function exhaustedError(
  { pool, capacityClass }: Placement,
  availableBytes: bigint,
  { bytes }: Pick<Reservation, 'bytes'>,
): VolumeError {
  const message = noCapacityMessage(capacityClass ?? pool.name, availableBytes, bytes);
  return new VolumeError('exhausted', message, { about: 'requiredBytes' });
}

function noCapacityMessage(where: string, availableBytes: bigint, bytes: bigint): string {
  return `pool ${quote(where)} has room for ${availableBytes} bytes, but ${bytes} are needed`;
}

/** How many volumes on the same disk are examined concurrently. */
const MAX_CONCURRENT_CHECKS = 16;
