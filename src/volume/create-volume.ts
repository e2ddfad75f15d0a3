import type { VolumeCapability } from './capability.ts';
import { type CapacityRange, checkMinimumBytes, copiedVolumeBytes, newVolumeBytes } from './capacity.ts';
import {
  type ContentPlan,
  type ContentWish,
  chooseContent,
  isPlannedEnforced,
  minimumBytes,
} from './choose-content.ts';
import { copyContent } from './copy-content.ts';
import { quote, VolumeError } from './errors.ts';
import { type FoundSource, findSource } from './find-source.ts';
import type { Model } from './model.ts';
import { checkMutable } from './modify-volume.ts';
import { newObjectId } from './object-id.ts';
import { type Place, requirePlace } from './place.ts';
import { claimRoom } from './room.ts';
import { mayShareBlocks } from './shared-space.ts';
import { checkAccessibility, type TopologySegments } from './topology.ts';
import {
  type ContentSource,
  defaultMutableParameters,
  type MutableParameters,
  type RootOwnership,
  type Sharing,
  type Volume,
  type VolumeContent,
} from './volume.ts';
import { differenceOf } from './volume-difference.ts';
import { wishForCopy } from './wish-for-copy.ts';

/** What CreateVolume asks for, parsed. */
export interface VolumeSpec {
  readonly name: string;
  readonly range: CapacityRange;
  readonly capabilities: readonly VolumeCapability[];
  /** The pool or accounting class asked for; undefined leaves the choice to the driver. */
  readonly pool: string | undefined;
  readonly wish: ContentWish;
  readonly root: RootOwnership;
  /** Those that are named; the others are as by default. */
  readonly mutable: Partial<MutableParameters>;
  /** Where its content comes from; undefined for an empty volume. */
  readonly source: ContentSource | undefined;
  /** The places of which one must be able to reach the volume; empty where any will do. */
  readonly requisite: readonly TopologySegments[];
}

/**
 * Creates a volume, or answers the one that was created with this name (CSI specification, CreateVolume). The
 * caller holds the name, and shares the source.
 * @throws VolumeError already-exists: the name is taken by a volume that is not what is asked for now
 */
export async function createVolume(model: Model, spec: VolumeSpec): Promise<Volume> {
  const existing = model.volumes.findByName(spec.name);
  if (existing) return answerExisting(model, existing, spec);
  if (model.topology) checkAccessibility(spec.requisite, model.topology);
  const place = requirePlace(model, spec.pool);
  await place.pool.checkReachable();
  const source = spec.source && (await findSource(model, spec.source));
  const wish = source ? await wishForCopy(model, place.pool, spec.wish, source) : spec.wish;
  // A pool that has just come back may hold it.
  const found = model.volumes.findByName(spec.name);
  if (found) return answerExisting(model, found, spec);
  const plan = chooseContent(model, place.pool, wish);
  checkMutable(plan.backend, spec.mutable);
  const capacityBytes = sizeOf(model, spec, source);
  checkMinimumBytes(spec.range, capacityBytes, minimumBytes(model, plan));
  const release = await claimRoom(model, place, {
    bytes: capacityBytes,
    isEnforced: isPlannedEnforced(plan),
  });
  const id = newObjectId(spec.name, place.pool.id);
  return model.copies.making(id, async () => {
    try {
      const volume = await makeVolume(model, spec, { id, place, plan, capacityBytes, source });
      // A pool that went and came back meanwhile has brought it, and counted it.
      if (model.volumes.findIntact(volume.id)) release();
      else model.volumes.add(volume);
      return volume;
    } catch (error) {
      release();
      throw error;
    } finally {
      model.sharing.end(id);
    }
  });
}

/** What was decided of a new volume. */
interface Decided {
  readonly id: string;
  readonly place: Place;
  readonly plan: ContentPlan;
  readonly capacityBytes: bigint;
  readonly source: FoundSource | undefined;
}

function sizeOf({ limits }: Model, { range }: VolumeSpec, source: FoundSource | undefined): bigint {
  const { maximumVolumeBytes } = limits;
  if (!source) return newVolumeBytes(range, maximumVolumeBytes);
  return copiedVolumeBytes(range, source.sizeBytes, maximumVolumeBytes);
}

async function makeVolume(model: Model, spec: VolumeSpec, decided: Decided): Promise<Volume> {
  const { id, place, plan, capacityBytes, source } = decided;
  const { pool, capacityClass } = place;
  const content: VolumeContent =
    plan.backend === 'quota' ? { ...plan, projectId: await pool.reserveProjectId() } : plan;
  const volume: Volume = {
    id,
    name: spec.name,
    pool: pool.name,
    capacityClass,
    content,
    capacityBytes,
    source: spec.source,
    sharing: sharingOf(id, decided),
    root: spec.root,
    accessModes: [...new Set(spec.capabilities.map((capability) => capability.accessMode))],
    mutable: { ...defaultMutableParameters, ...spec.mutable },
    attachment: undefined,
    inline: undefined,
    createdAt: model.now().toISOString(),
  };
  const backend = pool.backends[content.backend];
  await pool.records.volumes.add(volume, (directory) => {
    if (!source) return backend.provision(directory, volume);
    const promisedBytes = isPlannedEnforced(plan) ? capacityBytes : undefined;
    const copy = { id, source, pool, backend: content.backend, promisedBytes };
    return copyContent(model, copy, (control) =>
      backend.provisionCopy(directory, volume, source.original, control),
    );
  });
  return volume;
}

function sharingOf(id: string, { place, capacityBytes, source }: Decided): Sharing {
  if (!source || !mayShareBlocks({ source, pool: place.pool })) return { lineage: id, sharedBytes: 0n };
  return { lineage: source.lineage, sharedBytes: source.occupiedBytes ?? capacityBytes };
}

async function answerExisting(model: Model, existing: Volume, spec: VolumeSpec): Promise<Volume> {
  await model.pools.of(existing).checkReachable();
  const difference = differenceOf(model, existing, spec);
  if (difference === undefined) return existing;
  const message = `name: a volume named ${quote(spec.name)} exists already, with ${difference}`;
  throw new VolumeError('already-exists', message);
}
