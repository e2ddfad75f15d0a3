import { type Bench, measurePairs, measureRounds, type Rounds, targetOf } from '../bench.ts';
import type { Line } from '../measurement.ts';
import { medianOf, type Report } from '../processes/report.ts';
import { median } from '../statistics.ts';
import type { Pair } from '../verdict.ts';

const BOUND = { atMost: 1.2 };
const roundsOfStart = { least: 4, most: 4 };

/** A call without work. */
export const probeLine: Line = {
  name: 'probe',
  isShort: true,
  async *measure(bench) {
    const against = 'a grpc-js server that answers a constant';
    const tails: Pair[] = [];
    const alone = await measureRounds(roundsOf(bench), BOUND, async () => {
      const start = await measureStart(bench);
      tails.push(start.tail);
      return start.alone;
    });
    yield {
      id: 'probe-1',
      title: 'an empty call (Probe)',
      against,
      unit: 'µs',
      bound: BOUND,
      pairs: alone,
    };
    yield {
      id: 'probe-16-p99',
      title: 'its p99 with 16 clients',
      against,
      unit: 'µs',
      bound: undefined,
      pairs: tails,
    };
  },
};

/** How many processes to measure: the same code takes a tenth more or less in another process. Each takes ten seconds. */
function roundsOf(bench: Bench): Rounds {
  return { least: bench.amount(7, 3), most: bench.amount(15, 3) };
}

/** One pair of processes, each with the medians of its rounds. */
async function measureStart(bench: Bench): Promise<{ readonly alone: Pair; readonly tail: Pair }> {
  const driver = await bench.startWarmDriver();
  const empty = await bench.startWarmEmptyServer();
  const compare = async (concurrency: number, value: (report: Report) => number): Promise<Pair> => {
    const load = { calls: bench.amount(4000, 1000), warmUp: 500, concurrency };
    const pairs = await measurePairs(
      roundsOfStart,
      undefined,
      async () => value(await bench.client.run(driver, 'probe', load)),
      async () => value(await bench.client.run(targetOf(empty), 'probe', load)),
    );
    return {
      subject: median(pairs.map(({ subject }) => subject)),
      reference: median(pairs.map(({ reference }) => reference)),
    };
  };
  const alone = await compare(1, (report) => medianOf(report, 'probe'));
  const tail = await compare(16, ({ calls }) => calls['probe']?.p99 ?? Number.NaN);
  await driver.server.stop();
  await empty.stop();
  return { alone, tail };
}
