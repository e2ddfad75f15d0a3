import { measurePairs, targetOf } from '../bench.ts';
import type { Line } from '../measurement.ts';
import { medianOf, type Report } from '../processes/report.ts';

/** A call without work. */
export const probeLine: Line = {
  name: 'probe',
  isShort: true,
  async *measure(bench) {
    const driver = await bench.startWarmDriver();
    const empty = await bench.startWarmEmptyServer();
    const against = 'a grpc-js server that answers a constant';
    const rounds = bench.amount(9, 5);
    const compare = (concurrency: number, value: (report: Report) => number) => {
      const load = { calls: bench.amount(4000, 1000), warmUp: 500, concurrency };
      return measurePairs(
        rounds,
        async () => value(await bench.client.run(driver, 'probe', load)),
        async () => value(await bench.client.run(targetOf(empty), 'probe', load)),
      );
    };
    yield {
      id: 'probe-1',
      title: 'an empty call (Probe)',
      against,
      unit: 'µs',
      bound: { atMost: 1.2 },
      pairs: await compare(1, (report) => medianOf(report, 'probe')),
    };
    yield {
      id: 'probe-16-p99',
      title: 'its p99 with 16 clients',
      against,
      unit: 'µs',
      bound: undefined,
      pairs: await compare(16, ({ calls }) => calls['probe']?.p99 ?? Number.NaN),
    };
    await driver.server.stop();
    await empty.stop();
  },
};
