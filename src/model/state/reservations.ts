import type { Account } from '../objects/account.ts';
import { fullBytesOf } from '../objects/encryption.ts';
import { isCapacityEnforced, type Volume } from '../objects/volume.ts';
import { accountsOf, type Placement } from './placement.ts';

/** Reservations for volumes, in the accounts of their placements. */

/** Bytes to reserve for a volume, on top of those reserved already. */
export interface Reservation {
  readonly bytes: bigint;
  /** Whether the capacity of the volume is enforced, so that the disk must have the room. */
  readonly isEnforced: boolean;
  /** The part of the bytes that its data takes on the disk already; none by default. */
  readonly presentBytes?: bigint;
}

/** Reserves the capacity of an existing volume. */
export function reserveVolume(placement: Placement, volume: Volume): void {
  reserve(placement, reservationOf(volume));
}

/** Releases the reservation of a volume that is gone. */
export function releaseVolume(placement: Placement, volume: Volume): void {
  const reservation = reservationOf(volume);
  for (const account of accountsFor(placement, reservation)) account.release(reservation.bytes);
}

function reservationOf(volume: Volume): Reservation {
  return { bytes: fullBytesOf(volume), isEnforced: isCapacityEnforced(volume.content) };
}

/** Reserves bytes in every account that it counts against. @returns releases it */
export function reserve(placement: Placement, reservation: Reservation): () => void {
  const accounts = accountsFor(placement, reservation);
  for (const account of accounts) account.reserve(reservation.bytes);
  return () => {
    for (const account of accounts) account.release(reservation.bytes);
  };
}

function accountsFor(placement: Placement, { isEnforced }: Reservation): Account[] {
  return isEnforced ? [...accountsOf(placement), placement.pool.disk] : accountsOf(placement);
}
