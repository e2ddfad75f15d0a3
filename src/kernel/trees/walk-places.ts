import { threadCount } from '../calls/async-calls.ts';
import { FairPlaces } from './fair-places.ts';

/**
 * Places for tree walks, so that copies and measurements leave threads for short operations even when their calls hang:
 * a quarter of the threads for all walks, and a sixth of those for each walk, so that a walk that hangs leaves room for
 * others. A place is for work that makes one call at a time. Counts node:fs calls too, and calls that `AsyncCalls` also
 * counts, which has three times as many slots.
 */
export function walkPlacesFor(threads: number): FairPlaces {
  const count = Math.max(1, Math.floor(threads / 4));
  return new FairPlaces(count, Math.max(1, Math.floor(count / 6)));
}

/** The walk places of this process. */
export const walkPlaces: FairPlaces = walkPlacesFor(threadCount);
