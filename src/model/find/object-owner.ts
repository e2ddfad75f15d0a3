import { quote, type Subject, VolumeError } from '../errors.ts';
import { parseOwnId } from '../objects/object-id.ts';
import type { Model } from '../state/model.ts';

/**
 * Refuses to report an unknown object as deleted if its id has this driver's form and names a pool of another node:
 * the object may exist there. An operator who knows that the pool is gone for good passes `--abandoned-pools`.
 * @throws VolumeError precondition
 */
export function checkNotForeign(model: Model, subject: Subject, id: string): void {
  const poolId = foreignPoolId(model, id);
  if (poolId === undefined) return;
  const { ids, onDelete } = model.abandoned;
  if (ids.has(poolId)) {
    onDelete(id, poolId);
    return;
  }
  const message = `${foreignSentence(id, poolId)}; if that pool is gone for good, start the driver with --abandoned-pools=${poolId}`;
  throw new VolumeError('precondition', message, { about: subject });
}

/** A sentence that explains an id with a pool of another node; undefined for any other id. */
export function whyForeign(model: Model, id: string): string | undefined {
  const poolId = foreignPoolId(model, id);
  return poolId === undefined ? undefined : foreignSentence(id, poolId);
}

function foreignPoolId(model: Model, id: string): string | undefined {
  const own = parseOwnId(id);
  return own && !model.pools.withId(own.poolId) ? own.poolId : undefined;
}

function foreignSentence(id: string, poolId: string): string {
  return `${quote(id)} lies in a pool with the id ${poolId}, which is not one of this node's`;
}
