import { threadCount } from '../calls/async-calls.ts';
import { FairPlaces } from './fair-places.ts';

/**
 * Places for the walks through trees, so that copies and measurements leave threads to all that is short, whatever makes
 * their calls wait: a quarter of the threads for all walks, and for each so many that six of them have room to hang
 * while others go on. A place is for work that makes one call at a time. It counts calls of node:fs too, and those that
 * are also counted by `AsyncCalls`, whose places are three times as many.
 */
export function walkPlacesFor(threads: number): FairPlaces {
  const count = Math.max(1, Math.floor(threads / 4));
  return new FairPlaces(count, Math.max(1, Math.floor(count / 6)));
}

/** The places of this process. */
export const walkPlaces: FairPlaces = walkPlacesFor(threadCount);
