import type { Origin } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Pool } from '../ports/pool.ts';
import type { ArrivingContent, CopyControl } from '../ports/ports.ts';
import { reserveDisk } from '../state/reserve-capacity.ts';
import type { FoundSource } from './find-source.ts';
import { mayShareBlocks } from './shared-space.ts';

/** Content that a stream brings, for an object that does not exist yet. */
export interface Arrival {
  readonly origin: Origin;
  /** About how many bytes arrive; 0 if that is unknown. */
  readonly bytes: bigint;
  /** The snapshot of this node that the stream changes; undefined if the stream has all of the content. */
  readonly base: FoundSource | undefined;
  readonly isSubvolume: boolean;
  readonly write: ArrivingContent['write'];
  /** Aborted when no more arrives. */
  readonly signal: AbortSignal;
}

/** The object that is made of it. */
export interface ArrivalTarget {
  readonly id: string;
  readonly pool: Pool;
  readonly sizeBytes: bigint;
  /** Whether its size is reserved on the disk already. */
  readonly isReserved: boolean;
}

/**
 * Receives content, as a job that is reported, and stopped like a copy. It takes no turn of the copies: the network may be slow.
 * @throws VolumeError exhausted: there is no room for it
 */
export function receiveContent(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'settings'>,
  { id, pool, sizeBytes, isReserved }: ArrivalTarget,
  arrival: Arrival,
  make: (source: ArrivingContent, control: CopyControl) => Promise<void>,
): Promise<void> {
  const { base, bytes, origin, isSubvolume, write } = arrival;
  const request = { id, from: origin.id, pool: pool.name, isLong: true };
  return parts.copying.copies.run(request, async (control) => {
    const signal = AbortSignal.any([control.signal, pool.lost, arrival.signal]);
    if (bytes > 0n) parts.copying.copies.expect(id, bytes);
    const neededBytes = isReserved ? 0n : bytes + (await baseBytes(pool, base, signal));
    const release = await reserveDisk(parts, pool, neededBytes);
    try {
      await make({ base: base?.original, sizeBytes, isSubvolume, write }, { ...control, signal });
    } finally {
      release();
    }
  });
}

/** The bytes that a copy of the base takes. */
async function baseBytes(pool: Pool, base: FoundSource | undefined, signal: AbortSignal): Promise<bigint> {
  if (!base || mayShareBlocks({ source: base, pool })) return 0n;
  const { backend, path } = base.original;
  return base.pool.backends[backend].copyBytes(path, signal);
}
