import type { Bench } from './bench.ts';

const SNAPSHOTS_PER_VOLUME = 0.1;

/** A pool with many volumes and snapshots, which several lines use. */
export interface FullPool {
  /** Where the driver has it: `bench.startDriver(home)`. */
  readonly home: string;
  readonly volumes: number;
}

const made = new WeakMap<Bench, Promise<FullPool>>();

/** Makes 10,000 volumes and 1,000 snapshots, or a tenth in the short form, unless that has been done. */
export function fullPool(bench: Bench): Promise<FullPool> {
  const pool = made.get(bench) ?? makeFullPool(bench);
  made.set(bench, pool);
  return pool;
}

async function makeFullPool(bench: Bench): Promise<FullPool> {
  const home = bench.newDirectory('full');
  const volumes = bench.amount(10_000, 1000);
  const snapshots = volumes * SNAPSHOTS_PER_VOLUME;
  const driver = await bench.startDriver(home);
  // One of the volumes is the source of the snapshots.
  await bench.client.run(driver, 'fill', { calls: volumes - 1, warmUp: 0, concurrency: 16 });
  await bench.client.run(driver, 'snapshot', { calls: snapshots, warmUp: 0, concurrency: 1 });
  await driver.server.stop();
  return { home, volumes };
}
