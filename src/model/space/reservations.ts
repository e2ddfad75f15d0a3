import type { Account } from '../objects/account.ts';
import { isCapacityEnforced, type Volume } from '../objects/volume.ts';
import { accountsOf, type Place } from './place.ts';

/** What is reserved for volumes, in the accounts of the places they lie in. */

/** Bytes to reserve for a volume, in addition to those reserved already. */
export interface Claim {
  readonly bytes: bigint;
  /** Whether the volume is held to its size, so that the disk must have the room. */
  readonly isEnforced: boolean;
}

/** Counts a volume that exists already. */
export function countVolume(place: Place, volume: Volume): void {
  reserve(place, claimOf(volume));
}

/** Releases what was reserved for a volume that is gone. */
export function discountVolume(place: Place, volume: Volume): void {
  const claim = claimOf(volume);
  for (const account of accountsFor(place, claim)) account.release(claim.bytes);
}

function claimOf({ capacityBytes, content }: Volume): Claim {
  return { bytes: capacityBytes, isEnforced: isCapacityEnforced(content) };
}

/** Counts a claim against everything it counts against. @returns takes it back */
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
