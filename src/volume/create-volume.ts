import type { VolumeCapability } from './capability.ts';
import { type CapacityRange, fitsRange, newVolumeBytes } from './capacity.ts';
import { quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import { defaultPoolName, type Pool } from './pool.ts';
import { checkAccessibility, isAccessible, type TopologySegments } from './topology.ts';
import type { RootOwnership, Volume } from './volume.ts';
import { newVolumeId } from './volume-id.ts';

/** What CreateVolume asks for, parsed. */
export interface VolumeSpec {
  readonly name: string;
  readonly range: CapacityRange;
  readonly capabilities: readonly VolumeCapability[];
  /** The pool asked for; undefined leaves the choice to the driver. */
  readonly pool: string | undefined;
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
  if (existing) {
    checkSame(model, existing, spec);
    return existing;
  }
  if (model.topology) checkAccessibility(spec.requisite, model.topology);
  const pool = selectPool(model, spec.pool);
  const capacityBytes = newVolumeBytes(spec.range, model.maximumVolumeBytes);
  await pool.checkReachable();
  await checkRoom(pool, capacityBytes);
  const volume: Volume = {
    id: newVolumeId(spec.name, pool.id),
    name: spec.name,
    pool: pool.name,
    backend: 'directory',
    capacityBytes,
    root: spec.root,
    accessModes: [...new Set(spec.capabilities.map((capability) => capability.accessMode))],
    createdAt: model.now().toISOString(),
  };
  await pool.records.add(volume, (directory) => pool.backend.provision(directory, volume));
  model.volumes.add(volume, pool.records.directoryNameOf(volume.id));
  return volume;
}

function checkSame(model: Model, existing: Volume, spec: VolumeSpec): void {
  const difference = differenceOf(model, existing, spec);
  if (difference === undefined) return;
  const message = `name: a volume named ${quote(spec.name)} exists already, with ${difference}`;
  throw new VolumeError('already-exists', message);
}

function differenceOf(model: Model, existing: Volume, spec: VolumeSpec): string | undefined {
  if (!fitsRange(existing.capacityBytes, spec.range)) return `${existing.capacityBytes} bytes`;
  if (spec.pool !== undefined && spec.pool !== existing.pool) return `pool ${quote(existing.pool)}`;
  const { uid, gid, mode } = existing.root;
  if (uid !== spec.root.uid) return `uid ${uid}`;
  if (gid !== spec.root.gid) return `gid ${gid}`;
  if (mode !== spec.root.mode) return `mode ${mode.toString(8)}`;
  if (model.topology && !isAccessible(spec.requisite, model.topology)) {
    return `topology ${JSON.stringify(model.topology)}`;
  }
  return undefined;
}

function selectPool(model: Model, name: string | undefined): Pool {
  const pool = model.pools.find(name ?? defaultPoolName);
  if (pool) return pool;
  const known = model.pools.all.map((each) => each.name).join(', ');
  throw new VolumeError('invalid', `parameters.pool: there is no pool ${quote(name)}; there are ${known}`);
}

async function checkRoom(pool: Pool, capacityBytes: bigint): Promise<void> {
  const { available } = (await pool.usage()).bytes;
  if (capacityBytes <= available) return;
  throw new VolumeError(
    'exhausted',
    `capacity_range.required_bytes: pool ${quote(pool.name)} has ${available} bytes left, not ${capacityBytes}`,
  );
}
