import type { UsePool } from '../model/state/recounts.ts';
import type { DiskPool } from './disk-pool.ts';

/** Lets long work in the background use a pool, without a place that calls wait for, until the pool goes or is stopped. */
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
