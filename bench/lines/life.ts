import { type Bench, type DriverUnderTest, measurePairs, type Peer, targetOf } from '../bench.ts';
import type { Line, Measurement } from '../measurement.ts';
import type { Target } from '../processes/client.ts';
import { type Load, medianOf } from '../processes/report.ts';
import type { Server } from '../processes/server.ts';

const ALONE_BOUND = { atMost: 2 };
const AT_ONCE_BOUND = { atLeast: 0.5 };

export const lifeCalls = ['create', 'stage', 'publish', 'unpublish', 'unstage', 'delete'];

/** The whole life of a volume: create, stage, publish, unpublish, unstage, delete. */
export const lifeLine: Line = {
  name: 'life',
  isShort: true,
  async *measure(bench) {
    const driver = await bench.startWarmDriver();
    const empty = await bench.startWarmEmptyServer();
    yield await oneAtATime(bench, driver, empty);
    yield await atOnce(bench, driver);
    yield await programsRun(bench, driver);
    for (const peer of bench.peers) yield* againstPeer(bench, driver, peer);
    await driver.server.stop();
    await empty.stop();
  },
};

function alone(bench: Bench): Load {
  return { calls: bench.amount(200, 60), warmUp: 30, concurrency: 1 };
}

function sixteen(bench: Bench): Load {
  return { calls: bench.amount(800, 240), warmUp: 64, concurrency: 16 };
}

async function oneAtATime(bench: Bench, driver: DriverUnderTest, empty: Server): Promise<Measurement> {
  const load = alone(bench);
  const pairs = await measurePairs(
    bench.rounds(9, 5),
    ALONE_BOUND,
    async () => medianOf(await bench.client.run(driver, 'life', load), ...lifeCalls),
    async () => {
      const floor = await bench.floor.run('life', load);
      const call = await bench.client.run(targetOf(empty), 'probe', load);
      return medianOf(floor, ...lifeCalls) + lifeCalls.length * medianOf(call, 'probe');
    },
  );
  return {
    id: 'life-1',
    title: 'life (six calls), one at a time',
    against: 'the floor + six empty calls',
    unit: 'µs',
    bound: ALONE_BOUND,
    pairs,
  };
}

async function atOnce(bench: Bench, driver: DriverUnderTest): Promise<Measurement> {
  const load = sixteen(bench);
  const pairs = await measurePairs(
    bench.rounds(9, 5),
    AT_ONCE_BOUND,
    async () => (await bench.client.run(driver, 'life', load)).rate,
    async () => (await bench.floor.run('life', load)).rate,
  );
  return {
    id: 'life-16',
    title: 'lives a second, 16 at once',
    against: 'the floor, 16 at once',
    unit: '1/s',
    bound: AT_ONCE_BOUND,
    pairs,
  };
}

/** Each program that a process runs and waits for adds the page faults of its start. */
async function programsRun(bench: Bench, driver: DriverUnderTest): Promise<Measurement> {
  const before = driver.server.childrensFaults;
  await bench.client.run(driver, 'life', sixteen(bench));
  const subject = driver.server.childrensFaults - before;
  return {
    id: 'life-programs',
    title: 'page faults of programs run for lives',
    against: 'none',
    unit: 'count',
    bound: { atMost: 0 },
    pairs: [{ subject, reference: 1 }],
  };
}

/** What a peer reaches with the same client, on the machine and in the run of the driver. */
async function* againstPeer(bench: Bench, driver: DriverUnderTest, peer: Peer): AsyncGenerator<Measurement> {
  const target: Target = { endpoint: peer.endpoint, workDirectory: bench.newDirectory('peer') };
  const loads = [
    { load: alone(bench), bound: { atLeast: 5 }, how: 'one at a time' },
    { load: sixteen(bench), bound: { atLeast: 10 }, how: '16 at once' },
  ];
  for (const { load, bound, how } of loads) {
    const pairs = await measurePairs(
      bench.rounds(9, 3),
      bound,
      async () => (await bench.client.run(driver, 'life', load)).rate,
      async () => (await bench.client.run(target, 'life', load)).rate,
    );
    yield {
      id: `life-${load.concurrency}-${peer.name}`,
      title: `lives a second, ${how}`,
      against: peer.name,
      unit: '1/s',
      bound,
      pairs,
    };
  }
}
