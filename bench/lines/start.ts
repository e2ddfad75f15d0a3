import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inProject } from '../../scripts/lib/project.mjs';
import { type Bench, measurePairs } from '../bench.ts';
import { fullPool } from '../full-pool.ts';
import type { Line } from '../measurement.ts';

const execFileAsync = promisify(execFile);

const EMPTY_BOUND = { atMost: 2.5 };
const FULL_BOUND = { atMost: 2 };

/** How long a process takes until it serves. */
export const startLine: Line = {
  name: 'start',
  isShort: true,
  async *measure(bench) {
    const home = bench.newDirectory('driver');
    // The first makes the directories of the pool.
    await startedMs(bench, home);
    yield {
      id: 'start-empty',
      title: 'process start to serving',
      against: 'an empty grpc-js server',
      unit: 'ms',
      bound: EMPTY_BOUND,
      pairs: await measurePairs(
        bench.rounds(15, 5),
        EMPTY_BOUND,
        () => startedMs(bench, home),
        () => emptyMs(bench),
      ),
    };
    if (bench.isShort) return;
    const full = await fullPool(bench);
    await startedMs(bench, full.home);
    yield {
      id: 'start-full',
      title: `what ${full.volumes.toLocaleString('en')} volumes and their snapshots add to it`,
      against: 'reading the same records with plain Node',
      unit: 'ms',
      bound: FULL_BOUND,
      pairs: await measurePairs(
        bench.rounds(9, 3),
        FULL_BOUND,
        async () => (await startedMs(bench, full.home)) - (await startedMs(bench, home)),
        () => readingMs(join(full.home, 'pool')),
      ),
    };
  },
};

async function startedMs(bench: Bench, home: string): Promise<number> {
  const { server } = await bench.startDriver(home);
  await server.stop();
  return server.startMs;
}

async function emptyMs(bench: Bench): Promise<number> {
  const server = await bench.startEmptyServer();
  await server.stop();
  return server.startMs;
}

async function readingMs(pool: string): Promise<number> {
  const program = inProject('bench', 'read-records.mjs');
  const { stdout } = await execFileAsync(process.execPath, [program, pool]);
  return (JSON.parse(stdout) as { ms: number }).ms;
}
