import { quote, VolumeError } from '../../model/errors.ts';
import { isCapacityEnforced, type Volume } from '../../model/objects/volume.ts';
import { requirePlacements } from '../../model/state/placement.ts';
import { isPlannedEnforced } from '../../model/volumes/choose-content.ts';
import type { ActionContext } from '../action.ts';
import { findSource, type Source } from './find-source.ts';
import { checkRoom, makeOfData } from './make-of-data.ts';
import { type AdoptPlan, type AdoptSpec, planAdoption } from './plan-adoption.ts';

/** What has become, or would become, of some data. Sizes are bytes. */
export interface Adoption {
  /** Whether it is a snapshot, and no volume. */
  readonly isSnapshot?: true;
  readonly path: string;
  readonly name: string;
  readonly volumeId: string;
  readonly pool: string;
  /** directory, quota, subvolume or image. */
  readonly backend: string;
  readonly sizeBytes: number;
  readonly isSizeEnforced: boolean;
  /** Of the data; absent for a volume that existed before. */
  readonly usedBytes?: number;
  /** existing: the volume was made before. */
  readonly how: 'move' | 'copy' | 'existing';
  /** Why it is copied. */
  readonly reason?: string;
  /** Whether the data is, or will be, also at its old path. */
  readonly isLeft: boolean;
}

/** How it is to be done. */
export interface AdoptOptions {
  /** A pool or an accounting class; undefined for the default one. */
  readonly pool: string | undefined;
  /** Otherwise nothing changes. */
  readonly isReal: boolean;
}

/**
 * Makes a volume of existing data, or finds out what that would do. May be repeated: a volume that was made before is found by
 * its name. The caller holds the name and the path.
 * @throws VolumeError with the reason, before anything changes
 */
export async function adoptData(
  { model, signal, tell }: Pick<ActionContext, 'model' | 'signal' | 'tell'>,
  spec: AdoptSpec,
  { pool, isReal }: AdoptOptions,
): Promise<Adoption> {
  const { catalogue } = model;
  const [placement] = requirePlacements(catalogue, pool === undefined ? [] : [pool]);
  await placement.pool.checkReachable();
  const source = await findSource(model, spec.path);
  const existing = await catalogue.findNamed(catalogue.volumes, spec.name);
  if (existing) {
    checkSame(existing, spec, source);
    checkPlacement(existing, pool === undefined ? undefined : placement.pool.name);
    return describeExisting(existing, spec, source !== undefined);
  }
  if (!source) throw new VolumeError('not-found', `${quote(spec.path)} does not exist`);
  const plan = await planAdoption(model, spec, source, placement, signal);
  await checkIdUnused(model, plan);
  await checkRoom(model, plan);
  if (isReal) await makeOfData(model, plan, { signal, tell });
  return describe(plan);
}

/** @throws VolumeError already-exists: the volume with this name was not made of this data, or differs */
function checkSame(
  existing: Volume,
  { name, path, sizeBytes, isMinimum, claim, id }: AdoptSpec,
  source: Source | undefined,
): void {
  const { adoptedFrom, capacityBytes } = existing;
  const fail = (what: string) => {
    const message = `a volume named ${quote(name)} exists already, ${what}; choose another name (--name)`;
    throw new VolumeError('already-exists', message);
  };
  if (adoptedFrom?.path !== path) fail(`and was not made of ${quote(path)}`);
  if (id !== undefined && id !== existing.id) fail(`with the id ${quote(existing.id)}`);
  if (source && source.inode !== adoptedFrom?.inode) fail(`made of other data that was at ${quote(path)}`);
  if (sizeBytes !== undefined && !isMinimum && sizeBytes > capacityBytes) fail(`with ${capacityBytes} bytes`);
  const { namespace, name: claimName } = existing.claim ?? {};
  if (claim && (claim.namespace !== namespace || claim.name !== claimName))
    fail(existing.claim ? `for the claim ${namespace}/${claimName}` : 'for no claim');
}

function checkPlacement({ name, pool }: Volume, wanted: string | undefined): void {
  if (wanted === undefined || wanted === pool) return;
  const message = `volume ${quote(name)} was made of this data before, in pool ${quote(pool)}`;
  throw new VolumeError('already-exists', message);
}

async function checkIdUnused({ catalogue }: ActionContext['model'], { id }: AdoptPlan): Promise<void> {
  const other = await catalogue.find(catalogue.volumes, id);
  if (!other) return;
  const message = `a volume with the id ${quote(id)} exists already, named ${quote(other.name ?? '')}`;
  throw new VolumeError('already-exists', message);
}

function describe({ spec, id, placement, content, copiedBecause, ...plan }: AdoptPlan): Adoption {
  return {
    path: spec.path,
    name: spec.name,
    volumeId: id,
    pool: placement.pool.name,
    backend: content.backend,
    sizeBytes: Number(plan.capacityBytes),
    isSizeEnforced: isPlannedEnforced(content),
    usedBytes: Number(plan.usedBytes),
    how: copiedBecause === undefined ? 'move' : 'copy',
    ...(copiedBecause === undefined ? {} : { reason: copiedBecause }),
    isLeft: copiedBecause !== undefined,
  };
}

function describeExisting(
  { id, pool, content, capacityBytes }: Volume,
  { path, name }: AdoptSpec,
  isLeft: boolean,
): Adoption {
  return {
    path,
    name,
    volumeId: id,
    pool,
    backend: content.backend,
    sizeBytes: Number(capacityBytes),
    isSizeEnforced: isCapacityEnforced(content),
    how: 'existing',
    isLeft,
  };
}
