import { VolumeError } from '../errors.ts';
import { listPosition } from '../requests/list-position.ts';
import { directoryNameOf, nameHash, parseObjectId } from './object-id.ts';

/**
 * The objects of one kind in all pools, in memory: built from the records at start, updated by create and delete. The
 * cost of a lookup does not depend on their number.
 */
export class ObjectIndex<Item extends RecordedObject> {
  private readonly kind: string;
  private readonly byId = new Map<string, Item>();
  private readonly byName = new Map<string, Item>();
  private readonly damaged = new Map<string, DamagedObject>();
  private readonly damagedByNameHash = new Map<string, DamagedObject>();
  private readonly idByDirectoryName = new Map<string, string>();
  /** In the order of their positions, so that pages stay valid when objects are created and deleted. */
  private readonly sorted: { readonly id: string; readonly position: string }[] = [];

  /** @param kind the name of the objects in errors, `volume` or `snapshot` */
  constructor(kind: string) {
    this.kind = kind;
  }

  add(object: Item): void {
    this.byId.set(object.id, object);
    if (object.name !== undefined) this.byName.set(object.name, object);
    this.idByDirectoryName.set(directoryNameOf(object.id), object.id);
    const position = listPosition(object.id);
    this.sorted.splice(this.countUpTo(position), 0, { id: object.id, position });
  }

  /** @returns false if it was missing */
  remove(object: Item): boolean {
    if (!this.byId.delete(object.id)) return false;
    if (object.name !== undefined && this.byName.get(object.name)?.id === object.id)
      this.byName.delete(object.name);
    this.idByDirectoryName.delete(directoryNameOf(object.id));
    const index = this.countUpTo(listPosition(object.id)) - 1;
    if (this.sorted[index]?.id === object.id) this.sorted.splice(index, 1);
    return true;
  }

  /** Removes the objects of a pool: its disk was replaced, or its records will be read again. */
  removePool(pool: string): void {
    for (const object of this.all()) if (object.pool === pool) this.remove(object);
    for (const damaged of [...this.damaged.values()]) if (damaged.pool === pool) this.removeDamaged(damaged);
  }

  addDamaged(object: DamagedObject): void {
    this.damaged.set(object.id, object);
    // Its mounts still belong to it.
    this.idByDirectoryName.set(directoryNameOf(object.id), object.id);
    const own = parseObjectId(object.id);
    if (own) this.damagedByNameHash.set(own.nameHash, object);
  }

  private removeDamaged(object: DamagedObject): void {
    this.damaged.delete(object.id);
    this.idByDirectoryName.delete(directoryNameOf(object.id));
    const own = parseObjectId(object.id);
    if (own && this.damagedByNameHash.get(own.nameHash) === object)
      this.damagedByNameHash.delete(own.nameHash);
  }

  /**
   * The object with this id; undefined if there is none.
   * @throws VolumeError damaged: it may exist, but its record cannot be understood
   */
  find(id: string): Item | undefined {
    const damaged = this.damaged.get(id);
    if (damaged) throw this.damagedError(damaged);
    return this.byId.get(id);
  }

  /** The same, but undefined if the record cannot be understood: for operations that work without records. */
  findIntact(id: string): Item | undefined {
    return this.byId.get(id);
  }

  /** The known facts about an object whose record cannot be understood. */
  findDamaged(id: string): DamagedObject | undefined {
    return this.damaged.get(id);
  }

  /**
   * The object created with this name; undefined if there is none.
   * @throws VolumeError damaged: an object whose record cannot be understood may have this name
   */
  findByName(name: string): Item | undefined {
    const damaged = this.damagedByNameHash.get(nameHash(name));
    if (damaged) throw this.damagedError(damaged);
    return this.byName.get(name);
  }

  /** Every object, in no order. */
  all(): Item[] {
    return [...this.byId.values()];
  }

  /** Every object whose record cannot be understood. */
  allDamaged(): DamagedObject[] {
    return [...this.damaged.values()];
  }

  /** The ids of the objects in a pool, including damaged ones, in no order. */
  idsIn(pool: string): string[] {
    return [...this.byId.values(), ...this.damaged.values()].flatMap((each) =>
      each.pool === pool ? [each.id] : [],
    );
  }

  /** Replaces the object that has the same id. */
  replace(object: Item): void {
    this.byId.set(object.id, object);
    if (object.name !== undefined) this.byName.set(object.name, object);
  }

  /** The id of the object whose directory has this name. */
  idOfDirectory(directoryName: string): string | undefined {
    return this.idByDirectoryName.get(directoryName);
  }

  /** Up to `limit` objects after a position (`listPosition`), in order. */
  listAfter(position: string, limit: number): Item[] {
    const start = this.countUpTo(position);
    return this.sorted.slice(start, start + limit).flatMap(({ id }) => this.byId.get(id) ?? []);
  }

  /** Up to `limit` ids of objects after a position, in order, including damaged objects. */
  idsAfter(position: string, limit: number): string[] {
    const start = this.countUpTo(position);
    const found = new Map(this.sorted.slice(start, start + limit).map((each) => [each.position, each.id]));
    for (const id of this.damaged.keys()) {
      if (listPosition(id) > position) found.set(listPosition(id), id);
    }
    const inOrder = [...found.keys()].sort().slice(0, limit);
    return inOrder.flatMap((each) => found.get(each) ?? []);
  }

  /** The number of objects at or before a position. */
  private countUpTo(position: string): number {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.sorted[middle]?.position ?? '') <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private damagedError({ id, reason, isUnread }: DamagedObject): VolumeError {
    if (isUnread) {
      const message = `cannot read the record of ${this.kind} "${id}": ${reason}`;
      return new VolumeError('unavailable', message);
    }
    const message = `the record of ${this.kind} "${id}" is damaged: ${reason}`;
    return new VolumeError('damaged', message);
  }
}

/** The number of objects in each lineage. */
export class LineageCounts {
  private readonly counts = new Map<string, number>();

  get(lineage: string): number {
    return this.counts.get(lineage) ?? 0;
  }

  add(lineage: string, change: 1 | -1): void {
    const count = this.get(lineage) + change;
    if (count > 0) this.counts.set(lineage, count);
    else this.counts.delete(lineage);
  }
}

/** The common properties of all objects recorded in a pool. */
export interface RecordedObject {
  readonly id: string;
  /** The name it was created with; a second create with that name returns this object. Members of a group have none. */
  readonly name: string | undefined;
  /** The name of its pool. */
  readonly pool: string;
}

/** A directory in a pool that should hold an object, but whose record cannot be understood. */
export interface DamagedObject {
  readonly id: string;
  readonly pool: string;
  readonly reason: string;
  /** The disk could not read the record, so its content is unknown. */
  readonly isUnread?: boolean;
}
