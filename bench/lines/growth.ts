import { type Bench, type DriverUnderTest, measurePairs, type Rounds } from '../bench.ts';
import { fullPool } from '../full-pool.ts';
import type { Line } from '../measurement.ts';
import type { Existing } from '../processes/floor.ts';
import { medianOf } from '../processes/report.ts';
import { lifeCalls } from './life.ts';

const MOUNTS_PER_VOLUME = 0.2;
const BOUND = { atMost: 1.15 };

/** What a life costs when much exists, against when nothing does. */
export const growthLine: Line = {
  name: 'growth',
  isShort: false,
  async *measure(bench) {
    const { home, volumes } = await fullPool(bench);
    const existing = { volumes, mounts: volumes * MOUNTS_PER_VOLUME };
    const full = await bench.startDriver(home);
    const empty = await bench.startDriver();
    await bench.client.run(full, 'mount', { calls: existing.mounts, warmUp: 0, concurrency: 16 });
    const pairs = await measurePairs(
      roundsOf(bench),
      BOUND,
      async () => (await lifeOf(bench, full)) - (await floorsGrowth(bench, existing)),
      () => lifeOf(bench, empty),
    );
    await full.server.stop();
    await empty.server.stop();
    const number = (count: number) => count.toLocaleString('en');
    yield {
      id: 'growth',
      title: `life with ${number(volumes)} volumes, ${number(existing.mounts)} mounts`,
      against: "none, the floor's growth taken off",
      unit: 'µs',
      bound: BOUND,
      pairs,
    };
  },
};

/** Few, of many lives: what exists is made anew for the floor in each of them, which takes ten seconds or more. */
function roundsOf(bench: Bench): Rounds {
  return { least: bench.amount(6, 3), most: bench.amount(9, 3) };
}

async function lifeOf(bench: Bench, driver: DriverUnderTest): Promise<number> {
  return medianOf(await bench.client.run(driver, 'life', loadOf(bench)), ...lifeCalls);
}

async function floorsGrowth(bench: Bench, existing: Existing): Promise<number> {
  const full = await bench.floor.run('life', loadOf(bench), existing);
  const empty = await bench.floor.run('life', loadOf(bench));
  return medianOf(full, ...lifeCalls) - medianOf(empty, ...lifeCalls);
}

function loadOf(bench: Bench) {
  return { calls: bench.amount(600, 60), warmUp: 30, concurrency: 1 };
}
