import { measurePairs, targetOf } from '../bench.ts';
import type { Line } from '../measurement.ts';
import { medianOf } from '../processes/report.ts';

const BOUND = { atMost: 2 };

const stageCalls = ['stage', 'publish', 'unpublish', 'unstage'];

/** Mounting and unmounting an existing volume. */
export const stageLine: Line = {
  name: 'stage',
  isShort: true,
  async *measure(bench) {
    const driver = await bench.startWarmDriver();
    const empty = await bench.startWarmEmptyServer();
    const load = { calls: bench.amount(300, 100), warmUp: 50, concurrency: 1 };
    const pairs = await measurePairs(
      bench.rounds(9, 5),
      BOUND,
      async () => medianOf(await bench.client.run(driver, 'stage', load), ...stageCalls),
      async () => {
        const floor = await bench.floor.run('stage', load);
        const call = await bench.client.run(targetOf(empty), 'probe', load);
        return medianOf(floor, ...stageCalls) + stageCalls.length * medianOf(call, 'probe');
      },
    );
    await driver.server.stop();
    await empty.stop();
    yield {
      id: 'stage',
      title: 'stage + publish + unpublish + unstage',
      against: 'the floor + four empty calls',
      unit: 'µs',
      bound: BOUND,
      pairs,
    };
  },
};
