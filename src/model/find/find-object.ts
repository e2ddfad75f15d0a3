import { parseOwnId } from '../objects/object-id.ts';
import type { ObjectIndex } from '../objects/object-index.ts';
import type { Stored } from '../objects/stored.ts';
import type { Pool } from '../ports/pool.ts';
import type { Model } from '../state/model.ts';

/**
 * The object with this id; undefined if there is none. It is looked up after its pool was reached: if the pool was
 * missing, its records have been read again by then.
 * @throws VolumeError damaged: its record cannot be understood; unavailable: its pool is missing
 */
export async function findObject<Kind extends Stored>(
  model: Model,
  index: ObjectIndex<Kind>,
  id: string,
): Promise<Kind | undefined> {
  const pool = poolOf(model, index, id);
  if (!pool) return undefined;
  await pool.checkReachable();
  return index.find(id);
}

/**
 * The object created with this name; undefined if there is none. It is looked up in the same way.
 * @throws VolumeError damaged: an object whose record cannot be understood may have this name; unavailable: its pool
 *   is missing
 */
export async function findNamed<Kind extends Stored>(
  model: Model,
  index: ObjectIndex<Kind>,
  name: string,
): Promise<Kind | undefined> {
  let reached: Pool | undefined;
  for (;;) {
    const found = index.findByName(name);
    const pool = found && model.pools.of(found);
    if (pool === reached) return found;
    await pool?.checkReachable();
    reached = pool;
  }
}

/** The pool of an object, or the pool that its id names, if the id has this driver's form. */
function poolOf<Kind extends Stored>(model: Model, index: ObjectIndex<Kind>, id: string): Pool | undefined {
  const known = index.findDamaged(id) ?? index.findIntact(id);
  if (known) return model.pools.of(known);
  const own = parseOwnId(id);
  return own && model.pools.withId(own.poolId);
}
