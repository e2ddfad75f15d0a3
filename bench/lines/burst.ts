import type { Line } from '../measurement.ts';

/** How many times the memory of an idle driver a burst may take. */
const MEMORY_BOUND = 4;

/** Very many calls at once: of each kind in turn, one for each of as many volumes. */
export const burstLine: Line = {
  name: 'burst',
  isShort: false,
  async *measure(bench) {
    const driver = await bench.startDriver();
    const calls = bench.amount(2000, 500);
    const load = { calls, warmUp: 0, concurrency: calls };
    const idle = driver.server.residentMib;
    const report = await bench.client.run(driver, 'burst', load);
    const peak = driver.server.peakMib;
    await driver.server.stop();
    const failed = Object.values(report.errors).reduce((sum, count) => sum + count, 0);
    for (const [kind, message] of Object.entries(report.messages ?? {})) {
      console.log(`${report.errors[kind]} × ${kind}: ${message}`);
    }
    yield {
      id: 'burst-failed',
      title: `calls that fail of ${calls} at once, of 13 kinds`,
      against: 'none',
      unit: 'count',
      bound: { atMost: 0 },
      pairs: [{ subject: failed, reference: 1 }],
    };
    yield {
      id: 'burst-memory',
      title: 'most memory resident during it',
      against: 'the same driver, idle',
      unit: 'MiB',
      bound: { atMost: MEMORY_BOUND },
      pairs: [{ subject: peak, reference: idle }],
    };
  },
};
