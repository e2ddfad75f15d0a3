import type { Model } from './model.ts';
import { parseOwnId } from './object-id.ts';
import type { ObjectIndex } from './object-index.ts';
import type { Stored } from './stored.ts';

/**
 * The object with this id, undefined when there is none.
 * @throws VolumeError damaged: its record cannot be understood; unavailable: the pool it lies in is not there
 */
export async function findObject<Kind extends Stored>(
  model: Model,
  index: ObjectIndex<Kind>,
  id: string,
): Promise<Kind | undefined> {
  const found = index.find(id);
  if (found) {
    await model.pools.of(found).checkReachable();
    return found;
  }
  // An id of our own form names its pool. One whose disk was missing has its records read when it comes back.
  const own = parseOwnId(id);
  const pool = own && model.pools.withId(own.poolId);
  if (!pool) return undefined;
  await pool.checkReachable();
  return index.find(id);
}
