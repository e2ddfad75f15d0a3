import { VolumeError, type VolumeErrorKind } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { Pool } from '../ports/pool.ts';
import type { Placement } from '../state/placement.ts';
import { availableBytesIn } from '../state/reserve-capacity.ts';
import { isPoolUnwritable } from './pool-writability.ts';

/** The errors of a volume that may be possible elsewhere; nothing is left of it. */
const refusalKinds: readonly VolumeErrorKind[] = ['invalid', 'out-of-range', 'exhausted'];

/**
 * Makes a volume in the best of the placements that it may have: in the pool of its content source, where the two can
 * share blocks, or else where the most capacity is available. A placement that does not suit the volume, or whose room
 * was taken in the meantime, is passed over.
 * @throws VolumeError exhausted if one of the placements has no room; otherwise the first refusal
 */
export async function inBestPlacement<T>(
  parts: Parts<'catalogue' | 'host' | 'settings'>,
  placements: readonly [Placement, ...Placement[]],
  sourcePool: Pick<Pool, 'name'> | undefined,
  make: (placement: Placement) => Promise<T>,
): Promise<T> {
  const [only, ...others] = placements;
  if (others.length === 0) return make(only);
  const refusals: VolumeError[] = [];
  for (const placement of await bestFirst(parts, placements, sourcePool)) {
    try {
      return await make(placement);
    } catch (error) {
      if (!(error instanceof VolumeError) || !refusalKinds.includes(error.kind)) throw error;
      refusals.push(error);
    }
  }
  throw refusals.find(({ kind }) => kind === 'exhausted') ?? refusals[0];
}

/** In a pool that cannot be written to the volume would fail, so such a pool is left out if there are others. */
async function bestFirst(
  parts: Parts<'catalogue' | 'host' | 'settings'>,
  placements: readonly Placement[],
  sourcePool: Pick<Pool, 'name'> | undefined,
): Promise<Placement[]> {
  const rated = await Promise.all(
    placements.map(async (placement) => ({
      placement,
      isOfSource: placement.pool.name === sourcePool?.name,
      isWritable: !(await isPoolUnwritable(parts.host, placement.pool)),
      availableBytes: await availableBytesIn(parts, placement),
    })),
  );
  const writable = rated.filter(({ isWritable }) => isWritable);
  return (writable.length > 0 ? writable : rated)
    .sort(
      (one, other) =>
        Number(other.isOfSource) - Number(one.isOfSource) ||
        Number(other.availableBytes - one.availableBytes),
    )
    .map(({ placement }) => placement);
}

/** The bytes that can still be reserved in a placement; none if nothing can be written there. */
export async function writableBytesIn(
  parts: Parts<'catalogue' | 'host' | 'settings'>,
  placement: Placement,
): Promise<bigint> {
  if (await isPoolUnwritable(parts.host, placement.pool)) return 0n;
  return availableBytesIn(parts, placement);
}
