import type { Account } from '../objects/account.ts';
import { isCapacityEnforced, type Volume } from '../objects/volume.ts';
import { accountsOf, type Place } from './place.ts';

/** Reservations for volumes, in the accounts of their places. */

/** Bytes to reserve for a volume, on top of those reserved already. */
export interface Claim {
  readonly bytes: bigint;
  /** Whether the capacity of the volume is enforced, so that the disk must have the room. */
  readonly isEnforced: boolean;
}

/** Reserves the capacity of an existing volume. */
export function countVolume(place: Place, volume: Volume): void {
  reserve(place, claimOf(volume));
}

/** Releases the reservation of a volume that is gone. */
export function discountVolume(place: Place, volume: Volume): void {
  const claim = claimOf(volume);
  for (const account of accountsFor(place, claim)) account.release(claim.bytes);
}

function claimOf({ capacityBytes, content }: Volume): Claim {
  return { bytes: capacityBytes, isEnforced: isCapacityEnforced(content) };
}

/** Reserves a claim in every account that it counts against. @returns releases it */
export function reserve(place: Place, claim: Claim): () => void {
  const accounts = accountsFor(place, claim);
  for (const account of accounts) account.reserve(claim.bytes);
  return () => {
    for (const account of accounts) account.release(claim.bytes);
  };
}

function accountsFor(place: Place, { isEnforced }: Claim): Account[] {
  return isEnforced ? [...accountsOf(place), place.pool.disk] : accountsOf(place);
}
