import type { VolumeCapability } from './capability.ts';
import { type CapacityRange, checkMinimumBytes, fitsRange, newVolumeBytes } from './capacity.ts';
import {
  type ContentPlan,
  type ContentWish,
  chooseContent,
  isPlannedEnforced,
  minimumBytes,
} from './choose-content.ts';
import { quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import { findPlace, type Place, requirePlace } from './place.ts';
import { claimRoom } from './room.ts';
import { checkAccessibility, isAccessible, type TopologySegments } from './topology.ts';
import {
  isBlock,
  isCapacityEnforced,
  type RootOwnership,
  type Volume,
  type VolumeContent,
} from './volume.ts';
import { newVolumeId } from './volume-id.ts';

/** What CreateVolume asks for, parsed. */
export interface VolumeSpec {
  readonly name: string;
  readonly range: CapacityRange;
  readonly capabilities: readonly VolumeCapability[];
  /** The pool or accounting class asked for; undefined leaves the choice to the driver. */
  readonly pool: string | undefined;
  readonly wish: ContentWish;
  readonly root: RootOwnership;
  /** The places of which one must be able to reach the volume; empty where any will do. */
  readonly requisite: readonly TopologySegments[];
}

/**
 * Creates a volume, or answers the one that was created with this name (CSI specification, CreateVolume). The
 * caller holds the name.
 * @throws VolumeError already-exists: the name is taken by a volume that is not what is asked for now
 */
export async function createVolume(model: Model, spec: VolumeSpec): Promise<Volume> {
  const existing = model.volumes.findByName(spec.name);
  if (existing) return answerExisting(model, existing, spec);
  if (model.topology) checkAccessibility(spec.requisite, model.topology);
  const place = requirePlace(model, spec.pool);
  await place.pool.checkReachable();
  // A pool that has just come back may hold it.
  const found = model.volumes.findByName(spec.name);
  if (found) return answerExisting(model, found, spec);
  const plan = chooseContent(model, place.pool, spec.wish);
  const capacityBytes = newVolumeBytes(spec.range, model.limits.maximumVolumeBytes);
  checkMinimumBytes(spec.range, capacityBytes, minimumBytes(model, plan));
  const release = await claimRoom(model, place, {
    bytes: capacityBytes,
    isEnforced: isPlannedEnforced(plan),
  });
  try {
    const volume = await makeVolume(model, spec, { place, plan, capacityBytes });
    // A pool that went and came back meanwhile has brought it, and counted it.
    if (model.volumes.findIntact(volume.id)) release();
    else model.volumes.add(volume);
    return volume;
  } catch (error) {
    release();
    throw error;
  }
}

async function makeVolume(
  model: Model,
  spec: VolumeSpec,
  { place, plan, capacityBytes }: { place: Place; plan: ContentPlan; capacityBytes: bigint },
): Promise<Volume> {
  const { pool, capacityClass } = place;
  const content: VolumeContent =
    plan.backend === 'quota' ? { ...plan, projectId: await pool.reserveProjectId() } : plan;
  const volume: Volume = {
    id: newVolumeId(spec.name, pool.id),
    name: spec.name,
    pool: pool.name,
    capacityClass,
    content,
    capacityBytes,
    root: spec.root,
    accessModes: [...new Set(spec.capabilities.map((capability) => capability.accessMode))],
    createdAt: model.now().toISOString(),
  };
  await pool.records.add(volume, (directory) => pool.backends[content.backend].provision(directory, volume));
  return volume;
}

async function answerExisting(model: Model, existing: Volume, spec: VolumeSpec): Promise<Volume> {
  await model.pools.of(existing).checkReachable();
  const difference = differenceOf(model, existing, spec);
  if (difference === undefined) return existing;
  const message = `name: a volume named ${quote(spec.name)} exists already, with ${difference}`;
  throw new VolumeError('already-exists', message);
}

function differenceOf(model: Model, existing: Volume, spec: VolumeSpec): string | undefined {
  if (!fitsRange(existing.capacityBytes, spec.range)) return `${existing.capacityBytes} bytes`;
  const { uid, gid, mode } = existing.root;
  if (uid !== spec.root.uid) return `uid ${uid}`;
  if (gid !== spec.root.gid) return `gid ${gid}`;
  if (mode !== spec.root.mode) return `mode ${mode.toString(8)}`;
  if (model.topology && !isAccessible(spec.requisite, model.topology)) {
    return `topology ${JSON.stringify(model.topology)}`;
  }
  return placeDifference(model, existing, spec.pool) ?? contentDifference(existing.content, spec.wish);
}

/** Where a volume lies, when that is not what a request names. */
export function placeDifference(
  model: Model,
  { pool, capacityClass }: Volume,
  asked: string | undefined,
): string | undefined {
  if (asked === undefined) return undefined;
  const place = findPlace(model, asked);
  if (place?.pool.name === pool && place.capacityClass === capacityClass) return undefined;
  return `pool ${quote(capacityClass ?? pool)}`;
}

/** How a volume is provided, when that is not what a request wishes. */
export function contentDifference(content: VolumeContent, wish: ContentWish): string | undefined {
  if (isBlock(content) !== wish.isBlock) return `access type ${isBlock(content) ? 'block' : 'mount'}`;
  const isImage = content.backend === 'image';
  if (wish.backend !== 'auto' && (wish.backend === 'image') !== isImage) return `backend ${content.backend}`;
  if (wish.enforceCapacity === 'required' && !isCapacityEnforced(content))
    return 'a capacity that is not enforced';
  const made = isImage && content.use.accessType === 'mount' ? content.use.fsType : undefined;
  if (wish.fsType !== undefined && isImage && made !== wish.fsType) return `fs_type ${made ?? 'left open'}`;
  return undefined;
}
