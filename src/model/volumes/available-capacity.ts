import { VolumeError } from '../errors.ts';
import { takesNothingNew } from '../find/takes-writes.ts';
import { isOurPlace, type TopologySegments } from '../objects/topology.ts';
import { fsTypeOf, type VolumeCapability } from '../requests/capability.ts';
import { least } from '../requests/least.ts';
import { findPlace, type Place } from '../space/place.ts';
import { roomBytes } from '../space/room.ts';
import type { Model } from '../state/model.ts';
import { type ContentPlan, type ContentWish, chooseContent } from './choose-content.ts';
import { newSizes } from './content-sizes.ts';
import { unsuitableFor } from './objections.ts';

/** The volumes that a GetCapacity request is about. */
export interface CapacityQuery {
  readonly capabilities: readonly VolumeCapability[];
  readonly pool: string | undefined;
  readonly wish: Pick<ContentWish, 'backend' | 'enforceCapacity'>;
  readonly place: TopologySegments | undefined;
}

/** The available capacity, and the minimum and maximum size of a volume; all in bytes. */
export interface AvailableCapacity {
  readonly availableBytes: bigint;
  readonly maximumVolumeBytes: bigint;
  readonly minimumVolumeBytes: bigint;
}

/** The answer if such a volume is not possible. */
export const noCapacity: AvailableCapacity = {
  availableBytes: 0n,
  maximumVolumeBytes: 0n,
  minimumVolumeBytes: 0n,
};

/**
 * The capacity available for volumes of this kind (CSI specification, GetCapacity): zero if the pool is unknown, the
 * topology is another node's, or a capability is not supported.
 */
export async function availableCapacity(model: Model, query: CapacityQuery): Promise<AvailableCapacity> {
  const place = findPlace(model, query.pool);
  if (!place) return noCapacity;
  if (query.place && model.topology && !isOurPlace(query.place, model.topology)) return noCapacity;
  await place.pool.checkReachable();
  const plan = planOf(model, place, query);
  if (!plan || unsuitableFor(plan, query.capabilities)) return noCapacity;
  const availableBytes = (await takesNothingNew(model, place.pool)) ? 0n : await roomBytes(model, place);
  // If this figure is present, schedulers look at it alone, so it never exceeds the available capacity.
  const maximumVolumeBytes = least(availableBytes, model.limits.maximumVolumeBytes);
  const minimumVolumeBytes = newSizes(model, plan).minimumBytes;
  if (maximumVolumeBytes < minimumVolumeBytes) return { ...noCapacity, minimumVolumeBytes };
  return { availableBytes, maximumVolumeBytes, minimumVolumeBytes };
}

function planOf(
  model: Model,
  { pool }: Place,
  { capabilities, wish }: CapacityQuery,
): ContentPlan | undefined {
  const isBlock = capabilities.some((capability) => capability.accessType === 'block');
  const fsType = capabilities.map(fsTypeOf).find((each) => each !== undefined);
  try {
    return chooseContent(model, pool, { ...wish, isBlock, fsType });
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'invalid') return undefined;
    throw error;
  }
}
