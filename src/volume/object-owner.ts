import { quote, type Subject, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import { parseOwnId } from './object-id.ts';

/**
 * Refuses an id of our own form that names a pool of another node: nobody here can say that the object is gone.
 * @throws VolumeError precondition
 */
export function checkNotForeign(model: Model, subject: Subject, id: string): void {
  const foreign = whyForeign(model, id);
  if (foreign !== undefined) throw new VolumeError('precondition', foreign, { about: subject });
}

/** A sentence on an id that names a pool of another node; undefined for any other. */
export function whyForeign(model: Model, id: string): string | undefined {
  const own = parseOwnId(id);
  if (!own || model.pools.withId(own.poolId)) return undefined;
  return `${quote(id)} lies in a pool with the id ${own.poolId}, which is not one of this node's`;
}
