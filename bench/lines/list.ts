import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { inProject } from '../../scripts/lib/project.mjs';
import { type Bench, type DriverUnderTest, measurePairs, measureRounds, targetOf } from '../bench.ts';
import { fullPool } from '../full-pool.ts';
import type { Line, Measurement } from '../measurement.ts';
import { medianOf, type Report } from '../processes/report.ts';
import type { Server } from '../processes/server.ts';
import { median } from '../statistics.ts';

const execFileAsync = promisify(execFile);

const PAGE_SIZE = 100;
const LIST_BOUND = { atMost: 3 };
const LATE_PAGE_BOUND = { atMost: 1.2 };

/** ListVolumes of many volumes. */
export const listLine: Line = {
  name: 'list',
  isShort: false,
  async *measure(bench) {
    const { home, volumes } = await fullPool(bench);
    const driver = await bench.startDriver(home);
    const empty = await bench.startEmptyServer();
    const title = `ListVolumes of ${volumes.toLocaleString('en')}`;
    yield {
      id: 'list-whole',
      title: `${title}, whole`,
      against: 'encoding the reply from memory + an empty call',
      unit: 'µs',
      bound: LIST_BOUND,
      pairs: await compare(bench, driver, empty, { pageSize: 0, pages: 1 }),
    };
    const pages = volumes / PAGE_SIZE;
    yield {
      id: 'list-pages',
      title: `${title}, in pages of ${PAGE_SIZE}`,
      against: `encoding the pages from memory + ${pages} empty calls`,
      unit: 'µs',
      bound: LIST_BOUND,
      pairs: await compare(bench, driver, empty, { pageSize: PAGE_SIZE, pages }),
    };
    yield await latePages(bench, driver);
    await empty.stop();
    await driver.server.stop();
  },
};

function compare(
  bench: Bench,
  driver: DriverUnderTest,
  empty: Server,
  { pageSize, pages }: { readonly pageSize: number; readonly pages: number },
) {
  const load = { calls: 500, warmUp: 100, concurrency: 1 };
  return measurePairs(
    bench.rounds(9, 3),
    LIST_BOUND,
    async () => medianOf(await listAll(bench, driver, pageSize), 'list'),
    async () => {
      const call = medianOf(await bench.client.run(targetOf(empty), 'probe', load), 'probe');
      return (await encodingUs(driver, pageSize)) + pages * call;
    },
  );
}

async function encodingUs({ endpoint }: DriverUnderTest, pageSize: number): Promise<number> {
  const program = ['--import', 'tsx', inProject('bench', 'encode-list.ts')];
  const { stdout } = await execFileAsync(process.execPath, [...program, endpoint, String(pageSize)]);
  return (JSON.parse(stdout) as { microseconds: number }).microseconds;
}

/** The pages of the last quarter against those of the first. */
async function latePages(bench: Bench, driver: DriverUnderTest): Promise<Measurement> {
  const pairs = await measureRounds(bench.rounds(9, 3), LATE_PAGE_BOUND, async () => {
    const { pages = [] } = await listAll(bench, driver, PAGE_SIZE);
    const quarter = Math.ceil(pages.length / 4);
    return { subject: median(pages.slice(-quarter)), reference: median(pages.slice(0, quarter)) };
  });
  return {
    id: 'list-late',
    title: 'a late page of them',
    against: 'an early one',
    unit: 'µs',
    bound: LATE_PAGE_BOUND,
    pairs,
  };
}

function listAll(bench: Bench, driver: DriverUnderTest, pageSize: number): Promise<Report> {
  const load = { calls: 15, warmUp: 5, concurrency: 1 };
  return bench.client.run(driver, 'list', load, ['-page-size', String(pageSize)]);
}
