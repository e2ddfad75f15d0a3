import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startDriver } from '../../../src/driver.ts';
import { type OnStep, passStep } from '../../../src/model/steps.ts';
import { LineOutput } from '../../../src/observability/line-output.ts';
import { createLogger } from '../../../src/observability/logger.ts';
import { parseCommandLine } from '../../../src/options.ts';
import { CsiClient } from '../../support/csi-client.ts';
import { runDriver } from '../../support/driver-process.ts';
import { eventually } from '../../support/eventually.ts';
import { get, scrape, withMetrics } from '../../support/metrics/scrape.ts';
import { createRequest } from '../../support/requests.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { testNode } from '../../support/test-node.ts';
import { gateAt } from '../../unit/model/fakes/gate.ts';

/** A driver that may not have started yet: its log is there from the beginning. */
function starting(directory: string, flags: string[], onStep: OnStep = passStep) {
  const own = ['--nodeid=n', `--statedir=${join(directory, 'pool')}`, `--endpoint=${join(directory, 's')}`];
  const commandLine = parseCommandLine([...own, ...flags], '1');
  if (commandLine.kind !== 'run') throw new Error(JSON.stringify(commandLine));
  let log = '';
  const output = new LineOutput((bytes) => {
    log += bytes.toString();
    return bytes.length;
  });
  const { options } = commandLine;
  const started = createLogger({ verbosity: 2, format: 'json' }, output).then((logger) =>
    startDriver(options, { version: '1', logger, onStep }),
  );
  const monitoringUrl = () =>
    eventually(() => {
      const url = /"url":"(http:[^"]+)"/.exec(log)?.[1];
      if (url === undefined) throw new Error('nothing is served yet');
      return url;
    });
  return { started, monitoringUrl };
}

async function check(monitoringUrl: string, path: string): Promise<[number, string]> {
  const response = await get({ monitoringUrl }, path);
  return [response.status, (await response.text()).trim()];
}

test('a driver that serves calls is alive and ready', async () => {
  const node = testNode();
  const { monitoringUrl = '' } = await node.start({ flags: [withMetrics] });
  expect(monitoringUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(await check(monitoringUrl, '/healthz')).toEqual([200, 'ok']);
  expect(await check(monitoringUrl, '/readyz')).toEqual([200, 'ok']);
  const [status, text] = await check(monitoringUrl, '/');
  expect([status, text]).toEqual([404, 'not found; available: /metrics, /healthz, /readyz']);
});

test('a driver that waits for its pools is alive, not ready, and has metrics', async () => {
  const directory = scratchDirectory();
  const first = await starting(directory, []).started;
  const second = starting(directory, [withMetrics, '--lock-timeout=10m']);
  const url = await second.monitoringUrl();
  expect(await check(url, '/healthz')).toEqual([200, 'ok']);
  expect(await check(url, '/readyz')).toEqual([503, 'starting: the pools are being opened']);
  const metrics = await scrape({ monitoringUrl: url });
  expect(metrics.value('csi_hostpath_ready')).toBe(0);
  expect(metrics.value('csi_hostpath_pool_reachable', { pool: 'default' })).toBeUndefined();
  await first.stop();
  const driver = await second.started;
  expect(await check(url, '/readyz')).toEqual([200, 'ok']);
  await driver.stop();
});

test('a driver that stops is not ready until its calls have ended, and then no longer listens', async () => {
  const gate = gateAt('create: directory made');
  const directory = scratchDirectory();
  const driver = await starting(directory, [withMetrics], gate.onStep).started;
  const url = driver.monitoringUrl ?? '';
  const client = new CsiClient(driver.endpoint);
  onTestFinished(() => client.close());
  const creating = client.controller.CreateVolume(createRequest('a'));
  await gate.reached;
  const stopping = driver.stop();
  expect(await check(url, '/readyz')).toEqual([503, 'stopping: waiting for calls in progress']);
  expect(await check(url, '/healthz')).toEqual([200, 'ok']);
  expect((await scrape({ monitoringUrl: url })).value('csi_hostpath_ready')).toBe(0);
  gate.open();
  await Promise.all([creating, stopping]);
  await expect(get({ monitoringUrl: url }, '/healthz')).rejects.toThrow();
});

test('without the flag, nothing is served over HTTP', async () => {
  const node = testNode();
  expect((await node.start()).monitoringUrl).toBeUndefined();
});

test('the path of the metrics can be another one', async () => {
  const node = testNode();
  const driver = await node.start({ flags: [withMetrics, '--metrics-path=/custom'] });
  expect((await scrape(driver, '/custom')).value('csi_hostpath_ready')).toBe(1);
  expect((await get(driver, '/metrics')).status).toBe(404);
});

test('the program reports the address to its parent, and in its log', async () => {
  const node = testNode();
  const driver = await node.start({ ownProcess: true, flags: [withMetrics] });
  expect(driver.log()).toContain(`"url":"${driver.monitoringUrl}"`);
  expect((await scrape(driver)).value('csi_hostpath_ready')).toBe(1);
});

test('an address that is in use is an error that names the flag, and leaves nothing behind', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void other.close());
  await once(other, 'listening');
  const address = `127.0.0.1:${(other.address() as { port: number }).port}`;
  const node = testNode();
  await expect(node.start({ flags: [`--http-endpoint=${address}`] })).rejects.toThrow(
    `--http-endpoint: cannot listen on "${address}": listen EADDRINUSE`,
  );
  await node.start();
});

test('an address that is invalid is an error that names the flag', async () => {
  const { code, stderr } = await runDriver(['--nodeid=n', '--http-endpoint=9808']);
  expect(code).toBe(2);
  expect(stderr).toContain('--http-endpoint: "9808" must have the form HOST:PORT or :PORT, such as :9808');
});

test('two drivers in one process have metrics of their own', async () => {
  const start = { flags: [withMetrics] };
  const nodes = [testNode(), testNode()];
  const [one, other] = [await nodes[0]?.start(start), await nodes[1]?.start(start)];
  await nodes[0]?.create('a');
  const volumes = async (driver: typeof one) =>
    driver && (await scrape(driver)).value('csi_hostpath_pool_volumes', { pool: 'default' });
  expect([await volumes(one), await volumes(other)]).toEqual([1, 0]);
});

test('a client that keeps its connection open does not delay the stop', async () => {
  const node = testNode();
  const driver = await node.start({ flags: [withMetrics] });
  // fetch keeps it for its next request.
  await get(driver, '/healthz');
  await node.stop();
});
