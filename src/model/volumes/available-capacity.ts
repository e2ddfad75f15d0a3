import { max, min } from '../../units/bigint.ts';
import { VolumeError } from '../errors.ts';
import { writableBytesIn } from '../find/best-placement.ts';
import { headerBytesOf } from '../objects/encryption.ts';
import { matchesTopology, type TopologySegments } from '../objects/topology.ts';
import type { Host, Parts } from '../parts.ts';
import { fsTypeOf, type VolumeCapability } from '../requests/capability.ts';
import { findPlacements, type Placement } from '../state/placement.ts';
import { capabilitiesProblem } from './capability-problems.ts';
import { type ContentPlan, type ContentRequest, chooseContent } from './choose-content.ts';
import { newSizes } from './content-sizes.ts';

/** The volumes that a GetCapacity request is about. */
export interface CapacityQuery {
  readonly capabilities: readonly VolumeCapability[];
  /** The pools and accounting classes that the volumes may be in; empty if the driver may choose. */
  readonly pools: readonly string[];
  readonly contentRequest: Pick<ContentRequest, 'backend' | 'enforceCapacity' | 'encryption'>;
  readonly topology: TopologySegments | undefined;
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
 * The capacity available for volumes of this kind (CSI specification, GetCapacity): that of the roomiest placement which
 * suits them, since that is where a volume is created. It is zero if a pool is unknown or only on other nodes, the
 * topology is another node's, or a capability is not supported.
 */
export async function availableCapacity(
  parts: Parts<'catalogue' | 'host' | 'settings'>,
  query: CapacityQuery,
): Promise<AvailableCapacity> {
  const placements = findPlacements(parts.catalogue, query.pools) ?? [];
  if (query.topology && parts.settings.topology && !matchesTopology(query.topology, parts.settings.topology))
    return noCapacity;
  // All of them, as for a create.
  for (const { pool } of placements) await pool.checkReachable();
  let best = noCapacity;
  for (const placement of placements) {
    const capacity = await capacityIn(parts, placement, query);
    if (capacity) best = roomier(best, capacity);
  }
  return best;
}

/** The same for one placement; undefined if it does not suit. */
async function capacityIn(
  parts: Parts<'catalogue' | 'host' | 'settings'>,
  placement: Placement,
  query: CapacityQuery,
): Promise<AvailableCapacity | undefined> {
  const plan = planOf(parts.host, placement, query);
  if (!plan || capabilitiesProblem(plan, query.capabilities)) return undefined;
  const availableBytes = max(0n, (await writableBytesIn(parts, placement)) - headerBytesOf(plan));
  // If this figure is present, schedulers use it alone, so it never exceeds the available capacity.
  const maximumVolumeBytes = min(availableBytes, parts.settings.limits.maximumVolumeBytes);
  const minimumVolumeBytes = newSizes(parts.host, plan).minimumBytes;
  if (maximumVolumeBytes < minimumVolumeBytes) return { ...noCapacity, minimumVolumeBytes };
  return { availableBytes, maximumVolumeBytes, minimumVolumeBytes };
}

/** The first of the two, unless the other has more capacity or, if neither has any, a minimum size. */
function roomier(one: AvailableCapacity, other: AvailableCapacity): AvailableCapacity {
  if (one.availableBytes !== other.availableBytes)
    return one.availableBytes > other.availableBytes ? one : other;
  return one.minimumVolumeBytes > 0n ? one : other;
}

function planOf(
  host: Host,
  { pool }: Placement,
  { capabilities, contentRequest }: CapacityQuery,
): ContentPlan | undefined {
  const isBlock = capabilities.some((capability) => capability.accessType === 'block');
  const fsType = capabilities.map(fsTypeOf).find((each) => each !== undefined);
  try {
    return chooseContent(host, pool, { ...contentRequest, isBlock, fsType });
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'invalid') return undefined;
    throw error;
  }
}
