import { VolumeError } from '../errors.ts';
import type { Pool } from '../ports/pool.ts';
import { listPosition } from '../requests/list-position.ts';
import type { Model } from '../state/model.ts';
import { type PoolHealth, poolHealth } from './pool-health.ts';
import { type VolumeHealth, volumeHealth } from './volume-health.ts';

// Enough to keep a disk busy, and few enough not to starve other calls.
const LOOKS_AT_ONCE = 16;

/**
 * Up to `limit` unhealthy volumes, including damaged ones, after a position in lists, in order (CSI specification,
 * ControllerListVolumeHealth). Checks volumes until it has found that many.
 */
export async function unhealthyAfter(model: Model, position: string, limit: number): Promise<VolumeHealth[]> {
  const lookAtPool = lookAtEachOnce(model);
  const unhealthy: VolumeHealth[] = [];
  let last = position;
  while (unhealthy.length < limit) {
    const ids = model.volumes.idsAfter(last, LOOKS_AT_ONCE);
    const looks = ids.map((id) => volumeHealth(model, id, lookAtPool).catch(unlessGone));
    for (const health of await Promise.all(looks)) {
      if (health && health.findings.length > 0) unhealthy.push(health);
    }
    const lastOfThese = ids.at(-1);
    if (lastOfThese === undefined) break;
    last = listPosition(lastOfThese);
  }
  return unhealthy.slice(0, limit);
}

function lookAtEachOnce(model: Model): (pool: Pool) => Promise<PoolHealth> {
  const looks = new Map<Pool, Promise<PoolHealth>>();
  return (pool) => {
    const look = looks.get(pool) ?? poolHealth(model, pool);
    looks.set(pool, look);
    return look;
  };
}

/** A volume deleted in the meantime is left out. */
function unlessGone(error: unknown): undefined {
  if (!(error instanceof VolumeError && error.kind === 'not-found')) throw error;
}
