import { type Bench, type DriverUnderTest, measurePairs, targetOf } from '../bench.ts';
import type { Line, Measurement } from '../measurement.ts';
import { type Load, medianOf } from '../processes/report.ts';
import type { Server } from '../processes/server.ts';

const MICROSECONDS = 1e6;
const ALONE_BOUND = { atMost: 1.6 };
const AT_ONCE_BOUND = { atMost: 1.3 };

/** CreateVolume of an empty plain directory. */
export const createLine: Line = {
  name: 'create',
  isShort: true,
  async *measure(bench) {
    const driver = await bench.startWarmDriver();
    const empty = await bench.startWarmEmptyServer();
    yield await oneAtATime(bench, driver, empty);
    yield await atOnce(bench, driver, empty);
    await driver.server.stop();
    await empty.stop();
  },
};

async function oneAtATime(bench: Bench, driver: DriverUnderTest, empty: Server): Promise<Measurement> {
  const load = { calls: bench.amount(300, 100), warmUp: 50, concurrency: 1 };
  const pairs = await measurePairs(
    bench.rounds(9, 5),
    ALONE_BOUND,
    async () => medianOf(await bench.client.run(driver, 'create', load), 'create'),
    async () => {
      const floor = await bench.floor.run('create', load);
      const call = await bench.client.run(targetOf(empty), 'probe', load);
      return medianOf(floor, 'create') + medianOf(call, 'probe');
    },
  );
  return {
    id: 'create-1',
    title: 'create, durable, one at a time',
    against: 'the floor + an empty call',
    unit: 'µs',
    bound: ALONE_BOUND,
    pairs,
  };
}

/** The time of one of many calls is that of all, divided by their number. */
async function atOnce(bench: Bench, driver: DriverUnderTest, empty: Server): Promise<Measurement> {
  const load: Load = { calls: bench.amount(800, 320), warmUp: 64, concurrency: 16 };
  const pairs = await measurePairs(
    bench.rounds(9, 5),
    AT_ONCE_BOUND,
    async () => MICROSECONDS / (await bench.client.run(driver, 'create', load)).rate,
    async () => {
      const floor = await bench.floor.run('create', load);
      const call = await bench.client.run(targetOf(empty), 'probe', load);
      return MICROSECONDS / floor.rate + MICROSECONDS / call.rate;
    },
  );
  return {
    id: 'create-16',
    title: 'create, durable, 16 at once',
    against: 'the floor + an empty call, 16 at once',
    unit: 'µs',
    bound: AT_ONCE_BOUND,
    pairs,
  };
}
