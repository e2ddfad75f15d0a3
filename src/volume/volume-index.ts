import { VolumeError } from './errors.ts';
import type { DamagedVolume, Volume } from './volume.ts';
import { directoryNameOf, nameHash, parseOwnId } from './volume-id.ts';

/**
 * The volumes of all pools, in memory: built from the records at start, kept by create and delete. Looking up
 * costs the same however many there are.
 */
export class VolumeIndex {
  private readonly byId = new Map<string, Volume>();
  private readonly byName = new Map<string, Volume>();
  private readonly damaged = new Map<string, DamagedVolume>();
  private readonly damagedByNameHash = new Map<string, DamagedVolume>();
  private readonly idByDirectoryName = new Map<string, string>();
  /** Ids in order, for pages that stay valid when volumes come and go. */
  private readonly sortedIds: string[] = [];

  add(volume: Volume): void {
    this.byId.set(volume.id, volume);
    this.byName.set(volume.name, volume);
    this.idByDirectoryName.set(directoryNameOf(volume.id), volume.id);
    this.sortedIds.splice(this.positionAfter(volume.id), 0, volume.id);
  }

  remove(volume: Volume): void {
    this.byId.delete(volume.id);
    if (this.byName.get(volume.name)?.id === volume.id) this.byName.delete(volume.name);
    this.idByDirectoryName.delete(directoryNameOf(volume.id));
    const position = this.positionAfter(volume.id) - 1;
    if (this.sortedIds[position] === volume.id) this.sortedIds.splice(position, 1);
  }

  /** Forgets what is known of a pool: its disk is another, or will be read anew. */
  removePool(pool: string): void {
    for (const volume of this.all()) if (volume.pool === pool) this.remove(volume);
    for (const damaged of [...this.damaged.values()]) if (damaged.pool === pool) this.removeDamaged(damaged);
  }

  addDamaged(volume: DamagedVolume): void {
    this.damaged.set(volume.id, volume);
    // Its mounts are still its own.
    this.idByDirectoryName.set(directoryNameOf(volume.id), volume.id);
    const own = parseOwnId(volume.id);
    if (own) this.damagedByNameHash.set(own.nameHash, volume);
  }

  private removeDamaged(volume: DamagedVolume): void {
    this.damaged.delete(volume.id);
    this.idByDirectoryName.delete(directoryNameOf(volume.id));
    const own = parseOwnId(volume.id);
    if (own && this.damagedByNameHash.get(own.nameHash) === volume)
      this.damagedByNameHash.delete(own.nameHash);
  }

  /**
   * The volume with this id, undefined when there is none.
   * @throws VolumeError damaged: it may exist, but its record cannot be understood
   */
  find(id: string): Volume | undefined {
    const damaged = this.damaged.get(id);
    if (damaged) throw damagedError(damaged);
    return this.byId.get(id);
  }

  /** The same, but a volume whose record cannot be understood is undefined: for what works without records. */
  findIntact(id: string): Volume | undefined {
    return this.byId.get(id);
  }

  /**
   * The volume that was created with this name, undefined when there is none.
   * @throws VolumeError damaged: a volume whose record cannot be understood may have this name
   */
  findByName(name: string): Volume | undefined {
    const damaged = this.damagedByNameHash.get(nameHash(name));
    if (damaged) throw damagedError(damaged);
    return this.byName.get(name);
  }

  /** Every volume, in no order. */
  all(): Volume[] {
    return [...this.byId.values()];
  }

  /** Puts a changed volume in the place of the one with its id. */
  replace(volume: Volume): void {
    this.byId.set(volume.id, volume);
    this.byName.set(volume.name, volume);
  }

  /** The id of the volume in the directory of this name. */
  idOfDirectory(directoryName: string): string | undefined {
    return this.idByDirectoryName.get(directoryName);
  }

  /** Up to `limit` volumes whose ids come after `afterId`, in the order of their ids. */
  listAfter(afterId: string, limit: number): Volume[] {
    const start = this.positionAfter(afterId);
    return this.sortedIds.slice(start, start + limit).flatMap((id) => this.byId.get(id) ?? []);
  }

  /** The place of the first id greater than this one. */
  private positionAfter(id: string): number {
    let low = 0;
    let high = this.sortedIds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.sortedIds[middle] ?? '') <= id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function damagedError({ id, reason }: DamagedVolume): VolumeError {
  return new VolumeError(
    'damaged',
    `volume "${id}" cannot be used, because its record is damaged: ${reason}`,
  );
}
