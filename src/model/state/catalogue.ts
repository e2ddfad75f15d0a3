import { parseObjectId } from '../objects/object-id.ts';
import { type DamagedObject, ObjectIndex, type RecordedObject } from '../objects/object-index.ts';
import type { GroupSnapshot, Snapshot } from '../objects/snapshot.ts';
import { SnapshotIndex } from '../objects/snapshot-index.ts';
import type { Deletion, Volume } from '../objects/volume.ts';
import { VolumeIndex } from '../objects/volume-index.ts';
import type { Pool, Pools } from '../ports/pool.ts';
import type { MovedContent, NewContent } from '../ports/ports.ts';
import { SnapshotData, VolumeData } from '../ports/volume-data.ts';
import type { Hold } from './holds.ts';
import { placementOf } from './placement.ts';
import { releaseVolume, reserveVolume } from './reservations.ts';

/** The pools that an operator has abandoned, by id; their objects are gone with them. */
export interface AbandonedPools {
  readonly ids: ReadonlySet<string>;
  /** Called when an object counts as deleted because its pool was abandoned. */
  readonly onDelete: (id: string, poolId: string) => void;
}

/** The objects read from the records of a pool. */
export interface PoolContents {
  readonly volumes: Loaded<Volume>;
  readonly snapshots: Loaded<Snapshot>;
  readonly groups: Loaded<GroupSnapshot>;
  readonly retained: Loaded<Volume>;
}

interface Loaded<Item> {
  readonly found: readonly Item[];
  readonly damaged: readonly DamagedObject[];
}

/** The steps of a create call. */
export interface CreateSteps<Item, Prepared> {
  /** Returns the existing object if it is what the call asks for. @throws VolumeError if it is not */
  accept(existing: Item): Item;
  /** Reaches every pool that the new object needs. */
  prepare(): Promise<Prepared>;
  make(prepared: Prepared): Promise<Item>;
}

/**
 * The objects in all pools. This class changes the records of a pool, and keeps the indexes and the accounts in step with
 * them: an object is added once it is durable, and removed once it is durably gone. Only the undoing of a failed
 * expansion (`grow-content.ts`) writes a record itself: the index has that volume already.
 */
export class Catalogue {
  readonly pools: Pools;
  readonly abandoned: AbandonedPools;
  readonly volumes: VolumeIndex;
  /** Volumes that were deleted and are kept, for their owner or archived: they count, but otherwise do not exist. */
  readonly retained: VolumeIndex;
  readonly snapshots: SnapshotIndex;
  readonly groups: ObjectIndex<GroupSnapshot>;

  /** @param known whose objects it shares; by default it has none yet */
  constructor(pools: Pools, abandoned: AbandonedPools, known?: Catalogue) {
    this.pools = pools;
    this.abandoned = abandoned;
    this.volumes = known?.volumes ?? new VolumeIndex();
    this.retained = known?.retained ?? new VolumeIndex();
    this.snapshots = known?.snapshots ?? new SnapshotIndex();
    this.groups = known?.groups ?? new ObjectIndex<GroupSnapshot>('group snapshot');
  }

  /** The same objects, with the pools as one call uses them. */
  withPools(pools: Pools): Catalogue {
    return new Catalogue(pools, this.abandoned, this);
  }

  dataOf(volume: Volume, home: 'volumes' | 'retained' = 'volumes'): VolumeData {
    return new VolumeData(this.pools.of(volume), volume, home);
  }

  dataOfSnapshot(snapshot: Snapshot): SnapshotData {
    return new SnapshotData(this.pools.of(snapshot), snapshot);
  }

  /**
   * The object with this id; undefined if there is none. It is looked up after its pool was reached: if the pool was
   * missing, its records have been read again by then.
   * @throws VolumeError damaged: its record cannot be understood; unavailable: its pool is missing
   */
  async find<Item extends RecordedObject>(index: ObjectIndex<Item>, id: string): Promise<Item | undefined> {
    const pool = this.poolOf(index, id);
    if (!pool) return undefined;
    await pool.checkReachable();
    return index.find(id);
  }

  /** The pool of an object, or the pool that its id names, if the id has this driver's form. */
  poolOf<Item extends RecordedObject>(index: ObjectIndex<Item>, id: string): Pool | undefined {
    const known = index.findDamaged(id) ?? index.findIntact(id);
    if (known) return this.pools.of(known);
    const own = parseObjectId(id);
    return own && this.pools.withId(own.poolId);
  }

  /**
   * Returns the object that a create call asks for: the existing one, or a new one. A pool that has just come back may
   * hold the object, so it is looked up again once the pools are reached.
   * @param held the name that the CO chose; for inline volumes, the id
   * @throws VolumeError damaged: an object whose record cannot be understood may have this name; unavailable: its pool
   *   is missing
   */
  async createOnce<Item extends RecordedObject, Prepared>(
    index: ObjectIndex<Item>,
    held: Hold<'volume name' | 'snapshot name' | 'group snapshot name' | 'volume'>,
    { accept, prepare, make }: CreateSteps<Item, Prepared>,
  ): Promise<Item> {
    const find = () => (held.kind === 'volume' ? this.find(index, held.id) : this.findNamed(index, held.id));
    const existing = await find();
    if (existing) return accept(existing);
    const prepared = await prepare();
    const found = await find();
    return found ? accept(found) : make(prepared);
  }

  /** Adds a volume, whole or not at all. Its capacity is reserved already. */
  async addVolume(volume: Volume, content: NewContent): Promise<void> {
    const { volumes, names } = this.pools.of(volume).records;
    await volumes.add(volume, content);
    this.volumes.add(volume);
    await names.add(volume);
  }

  /** Adds a volume whose content is moved into its pool, whole or not at all. Its capacity is reserved already. */
  async adoptVolume(volume: Volume, content: MovedContent): Promise<void> {
    await this.pools.of(volume).records.volumes.adopt(volume, content);
    this.volumes.add(volume);
  }

  /** Replaces the volume that has the same id. The caller reserves capacity that is added. */
  async replaceVolume(volume: Volume): Promise<void> {
    await this.pools.of(volume).records.volumes.replace(volume);
    this.volumes.replace(volume);
  }

  async removeVolume(volume: Volume): Promise<void> {
    const { volumes, names } = this.pools.of(volume).records;
    await volumes.remove(volume.id);
    if (this.volumes.remove(volume)) releaseVolume(placementOf(this, volume), volume);
    await names.remove(volume);
  }

  /** Retains a volume: it no longer exists, and still counts. */
  async retainVolume(volume: Volume, deletion: Deletion): Promise<void> {
    const deleted = { ...volume, deletion };
    const { volumes, names } = this.pools.of(volume).records;
    await volumes.retain(deleted);
    if (this.volumes.remove(volume)) this.retained.add(deleted);
    await names.remove(volume);
  }

  /**
   * Makes a retained volume exist again.
   * @param restored the same volume, as it will be
   */
  async restoreVolume(volume: Volume, restored: Volume): Promise<Volume> {
    const { retained, names } = this.pools.of(volume).records;
    await retained.restore(restored);
    const existing = { ...restored, deletion: undefined };
    if (this.retained.remove(volume)) this.volumes.add(existing);
    await names.add(existing);
    return existing;
  }

  /** Removes a retained volume for good. */
  async removeRetained(volume: Volume): Promise<void> {
    await this.pools.of(volume).records.retained.remove(volume.id);
    this.forgetRetained(volume);
  }

  /** Drops a retained volume whose directory is gone. */
  forgetRetained(volume: Volume): void {
    if (this.retained.remove(volume)) releaseVolume(placementOf(this, volume), volume);
  }

  async addSnapshot(snapshot: Snapshot, content: NewContent): Promise<void> {
    await this.pools.of(snapshot).records.snapshots.add(snapshot, content);
    this.snapshots.add(snapshot);
  }

  /** Removes a snapshot that belongs to no group. */
  async removeSnapshot(snapshot: Snapshot): Promise<void> {
    await this.pools.of(snapshot).records.snapshots.remove(snapshot.id);
    this.snapshots.remove(snapshot);
  }

  /** Adds a group with its snapshots. */
  async addGroup(group: GroupSnapshot, content: NewContent): Promise<void> {
    await this.pools.of(group).records.groups.add(group, content);
    this.indexGroup(group);
  }

  /** Removes a group with its snapshots. */
  async removeGroup(group: GroupSnapshot): Promise<void> {
    await this.pools.of(group).records.groups.remove(group.id);
    this.groups.remove(group);
    for (const snapshot of group.snapshots) this.snapshots.remove(snapshot);
  }

  /** Adds the objects of a pool whose records were read. */
  addPool({ volumes, snapshots, groups, retained }: PoolContents): void {
    for (const volume of volumes.found) this.countIn(this.volumes, volume);
    for (const volume of retained.found) this.countIn(this.retained, volume);
    for (const group of groups.found) this.indexGroup(group);
    for (const snapshot of snapshots.found) this.snapshots.add(snapshot);
    for (const damaged of volumes.damaged) this.volumes.addDamaged(damaged);
    for (const damaged of retained.damaged) this.retained.addDamaged(damaged);
    for (const damaged of snapshots.damaged) this.snapshots.addDamaged(damaged);
    for (const damaged of groups.damaged) this.groups.addDamaged(damaged);
  }

  /** Drops the objects of a pool and the space reserved for them; its records are read again right away. */
  unregisterPool({ name }: Pick<Pool, 'name'>): void {
    for (const volume of [...this.volumes.all(), ...this.retained.all()]) {
      if (volume.pool === name) releaseVolume(placementOf(this, volume), volume);
    }
    for (const index of [this.volumes, this.snapshots, this.groups, this.retained]) index.removePool(name);
  }

  private countIn(index: VolumeIndex, volume: Volume): void {
    index.add(volume);
    reserveVolume(placementOf(this, volume), volume);
  }

  private indexGroup(group: GroupSnapshot): void {
    this.groups.add(group);
    for (const snapshot of group.snapshots) this.snapshots.add(snapshot);
  }

  /**
   * The object created with this name, once its pool is reached; undefined if there is none.
   * @throws VolumeError damaged; unavailable: its pool is missing
   */
  async findNamed<Item extends RecordedObject>(
    index: ObjectIndex<Item>,
    name: string,
  ): Promise<Item | undefined> {
    let reached: Pool | undefined;
    for (;;) {
      const found = index.findByName(name);
      const pool = found && this.pools.of(found);
      if (pool === reached) return found;
      await pool?.checkReachable();
      reached = pool;
    }
  }
}
