import { type FoundSource, findSource } from '../copying/find-source.ts';
import { quote, VolumeError } from '../errors.ts';
import { findNamed } from '../find/find-object.ts';
import { newObjectId } from '../objects/object-id.ts';
import { checkAccessibility, type TopologySegments } from '../objects/topology.ts';
import {
  type ContentSource,
  defaultMutableParameters,
  type MutableParameters,
  type RootOwnership,
  type Volume,
} from '../objects/volume.ts';
import type { VolumeCapability } from '../requests/capability.ts';
import { type CapacityRange, copiedVolumeBytes, newVolumeBytes, sizeInRange } from '../requests/capacity.ts';
import { requirePlace } from '../space/place.ts';
import type { Model } from '../state/model.ts';
import { type ContentPlan, type ContentWish, chooseContent } from './choose-content.ts';
import { copiedSizes, newSizes } from './content-sizes.ts';
import { makeVolume } from './make-volume.ts';
import { checkMutable, withChanges } from './modify-volume.ts';
import { contradiction, objectionError, unsuitableFor } from './objections.ts';
import { differenceOf } from './volume-difference.ts';
import { checkMountable, wishForCopy } from './wish-for-copy.ts';

/** The parsed CreateVolume request. */
export interface VolumeSpec {
  readonly name: string;
  readonly range: CapacityRange;
  readonly capabilities: readonly VolumeCapability[];
  /** The requested pool or accounting class; undefined if the driver may choose. */
  readonly pool: string | undefined;
  readonly wish: ContentWish;
  /**
   * Whether a volume with a file system may be created from the content of a block volume. Says nothing of the new
   * volume itself.
   */
  readonly allowsModeChange: boolean;
  readonly root: RootOwnership;
  /** The parameters that the request names; the others have their defaults. */
  readonly mutable: Partial<MutableParameters>;
  /** The source of its content; undefined for an empty volume. */
  readonly source: ContentSource | undefined;
  /** Topologies; the volume must be accessible from one of them. Empty if any will do. */
  readonly requisite: readonly TopologySegments[];
}

/**
 * Creates a volume, or returns the existing one with this name (CSI specification, CreateVolume). The caller holds
 * the name, and shares the source.
 * @throws VolumeError already-exists: the volume with this name is incompatible with the request
 */
export async function createVolume(model: Model, spec: VolumeSpec): Promise<Volume> {
  const problem = contradiction(spec.capabilities);
  if (problem) throw objectionError(problem, 'invalid');
  const existing = await findNamed(model, model.volumes, spec.name);
  if (existing) return answerExisting(model, existing, spec);
  if (model.topology) checkAccessibility(spec.requisite, model.topology);
  const place = requirePlace(model, spec.pool);
  await place.pool.checkReachable();
  const source = spec.source && (await findSource(model, spec.source));
  const wish = source ? await wishForCopy(model, place.pool, spec, source) : spec.wish;
  // If the pool has just come back, it may hold the volume.
  const found = await findNamed(model, model.volumes, spec.name);
  if (found) return answerExisting(model, found, spec);
  const plan = chooseContent(model, place.pool, wish);
  const objection = unsuitableFor(plan, spec.capabilities);
  if (objection) throw objectionError(objection, 'invalid');
  const mutable = withChanges(defaultMutableParameters, spec.mutable);
  checkMutable(plan.backend, mutable);
  const capacityBytes = await sizeOf(model, spec, plan, source);
  if (source) await checkMountable(model, plan, source, capacityBytes);
  return makeVolume(model, {
    id: newObjectId(spec.name, place.pool.id),
    name: spec.name,
    place,
    plan,
    capacityBytes,
    contentSource: spec.source && source && { origin: spec.source, found: source },
    root: spec.root,
    accessModes: [...new Set(spec.capabilities.map((capability) => capability.accessMode))],
    mutable,
    inline: undefined,
  });
}

async function sizeOf(
  model: Model,
  { range }: VolumeSpec,
  plan: ContentPlan,
  source: FoundSource | undefined,
): Promise<bigint> {
  const { maximumVolumeBytes } = model.limits;
  if (!source) {
    const bytes = newVolumeBytes(range, maximumVolumeBytes);
    return sizeInRange(range, bytes, newSizes(model, plan), maximumVolumeBytes);
  }
  const bytes = copiedVolumeBytes(range, source.sizeBytes, maximumVolumeBytes);
  return sizeInRange(range, bytes, await copiedSizes(model, plan, source, bytes), maximumVolumeBytes);
}

function answerExisting(model: Model, existing: Volume, spec: VolumeSpec): Volume {
  const difference = differenceOf(model, existing, spec);
  if (difference === undefined) return existing;
  const message = `a volume named ${quote(spec.name)} exists already, with ${difference}`;
  throw new VolumeError('already-exists', message, { about: 'name' });
}
