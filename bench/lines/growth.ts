import { type Bench, type DriverUnderTest, measurePairs } from '../bench.ts';
import { fullPool } from '../full-pool.ts';
import type { Line } from '../measurement.ts';
import type { Existing } from '../processes/floor.ts';
import { medianOf } from '../processes/report.ts';
import { median } from '../statistics.ts';
import { lifeCalls } from './life.ts';

const MOUNTS_PER_VOLUME = 0.2;
const BOUND = { atMost: 1.15 };
const FLOOR_ROUNDS = 7;

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
    const floorsGrowth = await growthOfFloor(bench, existing);
    const pairs = await measurePairs(
      bench.rounds(9, 3),
      BOUND,
      async () => (await lifeOf(bench, full)) - floorsGrowth,
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

async function lifeOf(bench: Bench, driver: DriverUnderTest): Promise<number> {
  return medianOf(await bench.client.run(driver, 'life', loadOf(bench)), ...lifeCalls);
}

/** Measured on its own, since what exists is made anew for each run of the floor, which takes ten seconds or more. */
async function growthOfFloor(bench: Bench, existing: Existing): Promise<number> {
  const growths: number[] = [];
  for (let round = 0; round < bench.amount(FLOOR_ROUNDS, 1); round++) {
    const full = await bench.floor.run('life', loadOf(bench), existing);
    const empty = await bench.floor.run('life', loadOf(bench));
    growths.push(medianOf(full, ...lifeCalls) - medianOf(empty, ...lifeCalls));
  }
  return median(growths);
}

function loadOf(bench: Bench) {
  return { calls: bench.amount(400, 60), warmUp: 30, concurrency: 1 };
}
