import { invalidValue } from '../errors.ts';
import type { Account } from '../objects/account.ts';
import type { Volume } from '../objects/volume.ts';
import type { Pool } from '../ports/pool.ts';
import type { Model } from '../state/model.ts';

/** Where a volume is, or will be: a pool, and the accounting class in it that the volume counts against, if any. */
export interface Place {
  readonly pool: Pool;
  readonly capacityClass: string | undefined;
}

/** The place of an existing volume. */
export function placeOf(model: Model, volume: Volume): Place {
  return { pool: model.pools.of(volume), capacityClass: volume.capacityClass };
}

/** The accounts that a volume in this place counts against in full. A class that is no longer configured is ignored. */
export function accountsOf({ pool, capacityClass }: Place): Account[] {
  const ofClass = capacityClass === undefined ? undefined : pool.classes.get(capacityClass);
  return ofClass ? [pool.account, ofClass] : [pool.account];
}

/**
 * The place with this name: a pool, or an accounting class of the default pool. Without a name it is the default
 * pool, and the class with the most room if it has classes.
 * @returns undefined if neither a pool nor a class has this name
 */
export function findPlace(model: Model, name: string | undefined): Place | undefined {
  const { default: defaultPool } = model.pools;
  if (name === undefined) return { pool: defaultPool, capacityClass: roomiestClass(defaultPool) };
  const pool = model.pools.find(name);
  if (pool) return { pool, capacityClass: undefined };
  return defaultPool.classes.has(name) ? { pool: defaultPool, capacityClass: name } : undefined;
}

/**
 * The same, for a name that must exist.
 * @throws VolumeError invalid, with every existing name
 */
export function requirePlace(model: Model, name: string | undefined): Place {
  const place = findPlace(model, name);
  if (place) return place;
  const known = [...model.pools.all.map((pool) => pool.name), ...model.pools.default.classes.keys()];
  throw invalidValue('pool', name, `is no pool; there are ${known.join(', ')}`);
}

function roomiestClass({ classes }: Pool): string | undefined {
  let roomiest: { name: string; roomBytes: bigint } | undefined;
  for (const [name, { roomBytes = 0n }] of classes) {
    if (!roomiest || roomBytes > roomiest.roomBytes) roomiest = { name, roomBytes };
  }
  return roomiest?.name;
}
