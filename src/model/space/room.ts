import { quote, VolumeError } from '../errors.ts';
import type { Account } from '../objects/account.ts';
import { isCapacityEnforced, type Volume } from '../objects/volume.ts';
import type { Pool } from '../ports/pool.ts';
import { least } from '../requests/least.ts';
import type { Model } from '../state/model.ts';
import { exclusiveBytes, occupiedBytesOf } from './lineage.ts';
import { LOOKS_AT_ONCE, mapFew } from './map-few.ts';
import { accountsOf, type Place } from './place.ts';
import { type Claim, reserve } from './reservations.ts';
import { forgetRemoved } from './retained-volumes.ts';

/**
 * Room for volumes. Every volume counts in full against the limits that an operator has set (`--capacity`). Only
 * volumes with an enforced capacity count against the disk: space that they have not used yet is kept free for them.
 */

/** The bytes that can still be reserved in a place; never negative. */
export async function roomBytes(model: Model, place: Place): Promise<bigint> {
  const onDisk = diskRoom(model, place.pool, await measure(model, place.pool));
  const rooms = accountsOf(place).flatMap((account) => account.roomBytes ?? []);
  return least(onDisk, ...rooms);
}

/**
 * Reserves bytes, or refuses before anything is written. No other call runs between the last check and the
 * reservation, so that concurrent claims cannot all find the same room.
 * @returns releases the reservation
 * @throws VolumeError exhausted, naming the pool and the room left
 */
export async function claimRoom(model: Model, place: Place, claim: Claim): Promise<() => void> {
  const { pool } = place;
  // Examining every volume takes time, and most claims fit even without counting the space that volumes already
  // occupy, or reservations of retained volumes that are gone.
  const { available } = (await pool.usage()).bytes;
  const quick = { freeBytes: available, occupiedBytes: 0n };
  const isQuick = claim.bytes <= diskRoom(model, pool, quick) && hasRoom(accountsOf(place), claim);
  const space = isQuick ? quick : await measure(model, pool);
  checkAccounts(place, claim);
  checkDisk(model, pool, claim, space);
  return reserve(place, claim);
}

/**
 * The same against the disk of a pool alone, for data that does not belong to a volume.
 * @throws VolumeError exhausted
 */
export async function claimDisk(model: Model, pool: Pool, bytes: bigint): Promise<() => void> {
  if (bytes === 0n) return () => {};
  const room = diskRoom(model, pool, await measure(model, pool));
  if (bytes > room) throw new VolumeError('exhausted', noRoom(pool.name, room, bytes));
  pool.disk.reserve(bytes);
  return () => pool.disk.release(bytes);
}

/**
 * The same for the space that a copy shares with a volume: space shared by other copies in progress is reserved already.
 * @throws VolumeError exhausted
 */
export async function claimShared(
  model: Model,
  pool: Pool,
  volumeId: string,
  bytes: bigint,
): Promise<() => void> {
  if (bytes === 0n) return () => {};
  const room = diskRoom(model, pool, await measure(model, pool));
  const more = bytes - least(bytes, model.sharing.bytesOf(volumeId));
  if (more > room) throw new VolumeError('exhausted', noRoom(pool.name, room, more));
  return model.sharing.hold(pool.disk, volumeId, bytes);
}

interface DiskSpace {
  readonly freeBytes: bigint;
  /** The part that volumes with an enforced capacity occupy. */
  readonly occupiedBytes: bigint;
}

function diskRoom(model: Model, { disk }: Pool, { freeBytes, occupiedBytes }: DiskSpace): bigint {
  const usable = ((freeBytes + occupiedBytes) * model.limits.overcommitThousandths) / 1000n;
  return usable > disk.reservedBytes ? usable - disk.reservedBytes : 0n;
}

// In this order: data written in between is then not counted, and the room is underestimated.
async function measure(model: Model, pool: Pool): Promise<DiskSpace> {
  const { disk } = pool;
  await forgetRemoved(model, pool);
  // A volume that cannot be examined, because it or its pool is missing, occupies nothing here.
  const all = (['volumes', 'retained'] as const).flatMap((home) =>
    model[home].all().map((volume) => ({ volume, home })),
  );
  const occupied = await mapFew(all, LOOKS_AT_ONCE, ({ volume, home }) =>
    occupiedOn(model, disk, volume, home).catch(() => 0n),
  );
  const occupiedBytes = occupied.reduce((sum, bytes) => sum + bytes, 0n);
  const { available } = (await pool.usage()).bytes;
  return { freeBytes: available, occupiedBytes };
}

async function occupiedOn(
  model: Model,
  disk: Account,
  volume: Volume,
  home: 'volumes' | 'retained',
): Promise<bigint> {
  if (model.pools.of(volume).disk !== disk || !isCapacityEnforced(volume.content)) return 0n;
  const occupied = await occupiedBytesOf(model, volume, home);
  return least(exclusiveBytes(model, volume, occupied), volume.capacityBytes);
}

function hasRoom(accounts: readonly Account[], { bytes }: Claim): boolean {
  return accounts.every(({ roomBytes }) => roomBytes === undefined || bytes <= roomBytes);
}

function checkAccounts(place: Place, claim: Claim): void {
  for (const { roomBytes } of accountsOf(place)) {
    if (roomBytes !== undefined && claim.bytes > roomBytes) throw exhausted(place, roomBytes, claim);
  }
}

function checkDisk(model: Model, pool: Pool, claim: Claim, space: DiskSpace): void {
  const room = diskRoom(model, pool, space);
  if (claim.bytes > room) throw exhausted({ pool, capacityClass: undefined }, room, claim);
}

function exhausted({ pool, capacityClass }: Place, roomLeft: bigint, claim: Claim): VolumeError {
  const message = noRoom(capacityClass ?? pool.name, roomLeft, claim.bytes);
  return new VolumeError('exhausted', message, { about: 'requiredBytes' });
}

function noRoom(where: string, roomLeft: bigint, bytes: bigint): string {
  return `pool ${quote(where)} has room for ${roomLeft} bytes, not for ${bytes} more`;
}
