import { unsupported, type VolumeCapability } from './capability.ts';
import type { Model } from './model.ts';
import { defaultPoolName } from './pool.ts';
import { isOurPlace, type TopologySegments } from './topology.ts';

/** Which volumes GetCapacity is asked about. */
export interface CapacityQuery {
  readonly capabilities: readonly VolumeCapability[];
  readonly pool: string | undefined;
  readonly place: TopologySegments | undefined;
}

/**
 * The bytes left for volumes of this kind (CSI specification, GetCapacity): 0 where there can be none, because
 * the pool, the place or a capability is not to be had here.
 */
export async function availableBytes(model: Model, query: CapacityQuery): Promise<bigint> {
  const pool = model.pools.find(query.pool ?? defaultPoolName);
  if (!pool) return 0n;
  if (query.place && model.topology && !isOurPlace(query.place, model.topology)) return 0n;
  if (query.capabilities.some((capability) => unsupported(capability) !== undefined)) return 0n;
  await pool.checkReachable();
  return (await pool.usage()).bytes.available;
}
