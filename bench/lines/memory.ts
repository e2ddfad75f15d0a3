import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { inProject } from '../../scripts/lib/project.mjs';
import { type Bench, measurePairs, targetOf } from '../bench.ts';
import type { Line, Measurement } from '../measurement.ts';
import type { Target } from '../processes/client.ts';
import type { Server } from '../processes/server.ts';

const IDLE_BOUND = { atMost: 1.5 };
const FEW_LIVES = 1000;
// Until a process that has just started has ended what it does at first.
const SETTLE_MS = 3000;

/** How much memory the driver takes, idle and after many lives. */
export const memoryLine: Line = {
  name: 'memory',
  isShort: false,
  async *measure(bench) {
    yield await idle(bench);
    yield* afterLives(bench);
  },
};

async function idle(bench: Bench): Promise<Measurement> {
  const pairs = await measurePairs(
    bench.rounds(6, 3),
    IDLE_BOUND,
    async () => {
      const driver = await bench.startDriver();
      return idleMib(bench, driver, driver.server);
    },
    async () => {
      const server = await bench.startEmptyServer();
      return idleMib(bench, targetOf(server), server);
    },
  );
  const against = 'an empty grpc-js server';
  return { id: 'memory-idle', title: 'resident, idle', against, unit: 'MiB', bound: IDLE_BOUND, pairs };
}

async function idleMib(bench: Bench, target: Target, server: Server): Promise<number> {
  await bench.client.run(target, 'probe', { calls: 10, warmUp: 0, concurrency: 1 });
  await setTimeout(SETTLE_MS);
  const mib = server.residentMib;
  await server.stop();
  return mib;
}

async function* afterLives(bench: Bench): AsyncGenerator<Measurement> {
  const many = bench.amount(100_000, 2000);
  const probe = pathToFileURL(inProject('bench', 'heap-probe.mjs')).href;
  const flags = ['--expose-gc', '--import', probe];
  // In two processes: writing what is on the heap takes memory, most of which stays resident.
  const [resident, heap] = await Promise.all([
    measureTwice(bench, many, [], async (server) => server.residentMib),
    measureTwice(bench, many, flags, (server) => server.heap()),
  ]);
  const title = `after ${many.toLocaleString('en')} lives`;
  const against = `after ${FEW_LIVES.toLocaleString('en')}`;
  yield {
    id: 'memory-heap',
    title: `objects on the heap, ${title}`,
    against,
    unit: 'MiB',
    bound: { atMost: 1.1 },
    pairs: [{ subject: heap.after.objectsMib, reference: heap.few.objectsMib }],
  };
  yield {
    id: 'memory-code',
    title: `code that V8 has compiled, ${title}`,
    against,
    unit: 'MiB',
    bound: undefined,
    pairs: [{ subject: heap.after.codeMib, reference: heap.few.codeMib }],
  };
  yield {
    id: 'memory-resident',
    title: `resident ${title}`,
    against,
    unit: 'MiB',
    bound: { atMost: 1.25 },
    pairs: [{ subject: resident.after, reference: resident.few }],
  };
}

/** Measures a driver after few lives and after many. */
async function measureTwice<Measured>(
  bench: Bench,
  many: number,
  nodeFlags: readonly string[],
  measure: (server: Server) => Promise<Measured>,
): Promise<{ few: Measured; after: Measured }> {
  const driver = await bench.startDriver(undefined, { nodeFlags });
  const live = (calls: number) => bench.client.run(driver, 'life', { calls, warmUp: 0, concurrency: 16 });
  await live(FEW_LIVES);
  const few = await measure(driver.server);
  await live(many - FEW_LIVES);
  const after = await measure(driver.server);
  await driver.server.stop();
  return { few, after };
}
