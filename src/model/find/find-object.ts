import { parseOwnId } from '../objects/object-id.ts';
import type { ObjectIndex } from '../objects/object-index.ts';
import type { Stored } from '../objects/stored.ts';
import type { Pool } from '../ports/pool.ts';
import type { Model } from '../state/model.ts';

/**
 * The object with this id, undefined when there is none. It is looked up when its pool has been reached, since a pool
 * that was away has been read anew by then.
 * @throws VolumeError damaged: its record cannot be understood; unavailable: the pool it lies in is not there
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
 * The object that was made with this name, undefined when there is none, looked up in the same way.
 * @throws VolumeError damaged: one whose record cannot be understood may have this name; unavailable: its pool is not
 *   there
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

/** The pool that an object lies in, or that its id names: one of our own form does. */
function poolOf<Kind extends Stored>(model: Model, index: ObjectIndex<Kind>, id: string): Pool | undefined {
  const known = index.findDamaged(id) ?? index.findIntact(id);
  if (known) return model.pools.of(known);
  const own = parseOwnId(id);
  return own && model.pools.withId(own.poolId);
}
