import { join } from 'node:path';
import { inProject } from '../../scripts/lib/project.mjs';
import { type Bench, type DriverUnderTest, measurePairs, targetOf } from '../bench.ts';
import { fullPool } from '../full-pool.ts';
import type { Line, Measurement } from '../measurement.ts';
import type { Target } from '../processes/client.ts';
import { medianOf, type Report } from '../processes/report.ts';
import type { Server } from '../processes/server.ts';
import { median } from '../statistics.ts';

const PAGE_SIZE = 100;
const LATE_PAGE_BOUND = 1.2;

/** ListVolumes of many volumes. */
export const listLine: Line = {
  name: 'list',
  isShort: false,
  async *measure(bench) {
    const { home, volumes } = await fullPool(bench);
    const driver = await bench.startDriver(home);
    const memory = await startMemoryList(bench, driver);
    const count = volumes.toLocaleString('en');
    yield await compare(bench, driver, memory, {
      id: 'list-whole',
      title: `ListVolumes of ${count}, whole`,
      pageSize: 0,
    });
    yield await compare(bench, driver, memory, {
      id: 'list-pages',
      title: `ListVolumes of ${count}, in pages of ${PAGE_SIZE}`,
      pageSize: PAGE_SIZE,
    });
    yield await latePages(bench, driver);
    await memory.stop();
    await driver.server.stop();
  },
};

function startMemoryList(bench: Bench, { endpoint }: DriverUnderTest): Promise<Server> {
  const home = bench.newDirectory('memory-list');
  const program = ['--import', 'tsx', inProject('bench', 'memory-list.ts')];
  const args = [...program, join(home, 'socket'), endpoint];
  return bench.startServer({ args, logPath: join(home, 'log') });
}

async function compare(
  bench: Bench,
  driver: DriverUnderTest,
  memory: Server,
  { id, title, pageSize }: { id: string; title: string; pageSize: number },
): Promise<Measurement> {
  const pairs = await measurePairs(
    bench.amount(9, 3),
    async () => medianOf(await listAll(bench, driver, pageSize), 'list'),
    async () => medianOf(await listAll(bench, targetOf(memory), pageSize), 'list'),
  );
  return {
    id,
    title,
    against: 'encoding the same reply from memory',
    unit: 'µs',
    bound: { atMost: 3 },
    pairs,
  };
}

/** The pages of the last quarter against those of the first. */
async function latePages(bench: Bench, driver: DriverUnderTest): Promise<Measurement> {
  const pairs = [];
  for (let round = 0; round < bench.amount(9, 3); round++) {
    const { pages = [] } = await listAll(bench, driver, PAGE_SIZE);
    const quarter = Math.ceil(pages.length / 4);
    pairs.push({ subject: median(pages.slice(-quarter)), reference: median(pages.slice(0, quarter)) });
  }
  return {
    id: 'list-late',
    title: 'a late page of them',
    against: 'an early one',
    unit: 'µs',
    bound: { atMost: LATE_PAGE_BOUND },
    pairs,
  };
}

function listAll(bench: Bench, target: Target, pageSize: number): Promise<Report> {
  return bench.client.run(target, 'list', { calls: 15, warmUp: 5, concurrency: 1 }, [
    '-page-size',
    String(pageSize),
  ]);
}
