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
  const driver = await bench.startDriver(undefined, { nodeFlags: ['--expose-gc', '--import', probe] });
  const live = async (calls: number) => {
    await bench.client.run(driver, 'life', { calls, warmUp: 0, concurrency: 16 });
    return { resident: driver.server.residentMib, heap: await driver.server.heap() };
  };
  const few = await live(FEW_LIVES);
  const after = await live(many - FEW_LIVES);
  await driver.server.stop();
  const title = `after ${many.toLocaleString('en')} lives`;
  const against = `after ${FEW_LIVES.toLocaleString('en')}`;
  yield {
    id: 'memory-heap',
    title: `objects on the heap, ${title}`,
    against,
    unit: 'MiB',
    bound: { atMost: 1.1 },
    pairs: [{ subject: after.heap.objectsMib, reference: few.heap.objectsMib }],
  };
  yield {
    id: 'memory-code',
    title: `code that V8 has compiled, ${title}`,
    against,
    unit: 'MiB',
    bound: undefined,
    pairs: [{ subject: after.heap.codeMib, reference: few.heap.codeMib }],
  };
  yield {
    id: 'memory-resident',
    title: `resident ${title}`,
    against,
    unit: 'MiB',
    bound: { atMost: 1.25 },
    pairs: [{ subject: after.resident, reference: few.resident }],
  };
}
