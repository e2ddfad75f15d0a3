import { type FoundSource, findSource } from '../copying/find-source.ts';
import { quote, VolumeError } from '../errors.ts';
import { inBestPlacement } from '../find/best-placement.ts';
import { newObjectId } from '../objects/object-id.ts';
import { checkAccessibility, type TopologySegments } from '../objects/topology.ts';
import {
  type Claim,
  type ContentSource,
  defaultMutableParameters,
  type MutableParameters,
  type RootOwnership,
  type Volume,
} from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { VolumeCapability } from '../requests/capability.ts';
import { type CapacityRange, copiedVolumeBytes, newVolumeBytes, sizeInRange } from '../requests/capacity.ts';
import type { Hold, HoldMode } from '../state/holds.ts';
import { type Placement, requirePlacements } from '../state/placement.ts';
import { capabilitiesProblem, capabilityConflict, capabilityError } from './capability-problems.ts';
import { type ContentPlan, type ContentRequest, chooseContent } from './choose-content.ts';
import { checkMountable, contentForCopy } from './content-for-copy.ts';
import { copiedSizes, newSizes } from './content-sizes.ts';
import { makeVolume } from './make-volume.ts';
import { checkMutable, withChanges } from './modify-volume.ts';
import { restoreForClaim } from './restore-claim.ts';
import { differenceOf } from './volume-difference.ts';

/** Whether a claim gets its deleted volume back: never, if there is one, or else no volume. */
export const restoreChoices = ['never', 'latest', 'required'] as const;

/** The parsed CreateVolume request. */
export interface VolumeSpec {
  readonly name: string;
  readonly range: CapacityRange;
  readonly capabilities: readonly VolumeCapability[];
  /** The pools and accounting classes that the volume may be in; empty if the driver may choose. */
  readonly pools: readonly string[];
  readonly contentRequest: ContentRequest;
  /**
   * Whether a volume with a file system may be created from the content of a block volume. Says nothing of the new
   * volume itself.
   */
  readonly allowsModeChange: boolean;
  readonly root: RootOwnership;
  /** The parameters that the request names; the others have their defaults. */
  readonly mutable: Partial<MutableParameters>;
  /** The source of its content; undefined for an empty volume. */
  readonly source: Hold<'volume' | 'snapshot', HoldMode> | undefined;
  /** Whether the newest deleted volume of its claim takes the place of an empty one. */
  readonly restore: (typeof restoreChoices)[number];
  /** The claim that it is for, if the caller says so. */
  readonly claim: Claim | undefined;
  /** How its readable name is made; undefined for none. */
  readonly nameTemplate: string | undefined;
  /** Topologies; the volume must be accessible from one of them. Empty if any will do. */
  readonly requisite: readonly TopologySegments[];
}

/**
 * Creates a volume, or returns the existing one with this name (CSI specification, CreateVolume).
 * @throws VolumeError already-exists: the volume with this name is incompatible with the request
 */
export async function createVolume(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  held: Hold<'volume name'>,
  spec: VolumeSpec,
): Promise<Volume> {
  const problem = capabilityConflict(spec.capabilities);
  if (problem) throw capabilityError(problem, 'invalid');
  const { catalogue } = parts;
  return catalogue.createOnce(catalogue.volumes, held, {
    accept: (existing) => checkSame(parts, existing, spec),
    prepare: () => prepare(parts, spec),
    make: (prepared) => make(parts, spec, prepared),
  });
}

/** Where a new volume may be, and the content that it starts with. */
interface Prepared {
  readonly placements: readonly [Placement, ...Placement[]];
  readonly source: FoundSource | undefined;
}

async function prepare(parts: Parts<'catalogue' | 'host' | 'settings'>, spec: VolumeSpec): Promise<Prepared> {
  if (parts.settings.topology) checkAccessibility(spec.requisite, parts.settings.topology);
  const placements = requirePlacements(parts.catalogue, spec.pools);
  // All of them: an earlier call may have created the volume in any.
  for (const { pool } of placements) await pool.checkReachable();
  const source = spec.source && (await findSource(parts, spec.source));
  return { placements, source };
}

async function make(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  spec: VolumeSpec,
  { placements, source }: Prepared,
): Promise<Volume> {
  const restored = await restoreForClaim(parts, spec);
  if (restored) return restored;
  return inBestPlacement(parts, placements, source?.pool, (placement) =>
    makeIn(parts, spec, placement, source),
  );
}

async function makeIn(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  spec: VolumeSpec,
  placement: Placement,
  source: FoundSource | undefined,
): Promise<Volume> {
  const contentRequest = source
    ? await contentForCopy(parts.host, placement.pool, spec, source)
    : spec.contentRequest;
  const plan = chooseContent(parts.host, placement.pool, contentRequest);
  const unsupported = capabilitiesProblem(plan, spec.capabilities);
  if (unsupported) throw capabilityError(unsupported, 'invalid');
  const mutable = withChanges(defaultMutableParameters, spec.mutable);
  checkMutable(plan.backend, mutable);
  const capacityBytes = await sizeOf(parts, spec, plan, source);
  if (source) await checkMountable(parts.host, plan, source, capacityBytes);
  return makeVolume(parts, {
    id: newObjectId(spec.name, placement.pool.id),
    name: spec.name,
    placement,
    plan,
    capacityBytes,
    contentSource: spec.source && source && { origin: plainSource(spec.source), found: source },
    root: spec.root,
    accessModes: [...new Set(spec.capabilities.map((capability) => capability.accessMode))],
    mutable,
    arrival: undefined,
    inline: undefined,
    claim: spec.claim,
    nameTemplate: spec.nameTemplate,
  });
}

async function sizeOf(
  parts: Parts<'host' | 'settings'>,
  { range }: VolumeSpec,
  plan: ContentPlan,
  source: FoundSource | undefined,
): Promise<bigint> {
  const { maximumVolumeBytes } = parts.settings.limits;
  if (!source) {
    const bytes = newVolumeBytes(range, maximumVolumeBytes);
    return sizeInRange(range, bytes, newSizes(parts.host, plan), maximumVolumeBytes);
  }
  const bytes = copiedVolumeBytes(range, source.sizeBytes, maximumVolumeBytes);
  return sizeInRange(range, bytes, await copiedSizes(parts.host, plan, source, bytes), maximumVolumeBytes);
}

function checkSame(
  parts: Parts<'catalogue' | 'host' | 'settings'>,
  existing: Volume,
  spec: VolumeSpec,
): Volume {
  const difference = differenceOf(parts, existing, spec);
  if (difference === undefined) return existing;
  const message = `a volume named ${quote(spec.name)} already exists, with ${difference}`;
  throw new VolumeError('already-exists', message, { about: 'name' });
}

function plainSource({ kind, id }: ContentSource): ContentSource {
  return { kind, id };
}
