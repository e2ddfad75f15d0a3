import type { UsePool } from '../model/state/recounts.ts';
import type { DiskPool } from './disk-pool.ts';

/**
 * Lets a long background task use a pool without holding a slot that calls wait for, until the pool disappears or is
 * stopped.
 */
export function usingPools(pools: readonly DiskPool[]): UsePool {
  return async (poolName, work) => {
    const pool = pools.find(({ name }) => name === poolName);
    if (!pool) return;
    const stopping = new AbortController();
    const use = await pool.enter((reason) => stopping.abort(reason), false);
    try {
      await work(AbortSignal.any([stopping.signal, pool.stopping]));
    } finally {
      use.end();
    }
  };
}
