import { onTestFinished, test } from 'vitest';
import type { DriverProcess } from '../../support/driver-process.ts';
import { hang } from '../../support/frozen-disk.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { nodeWithDisk } from '../support/faulty-node.ts';
import { monitoredNode, stoppedNode } from '../support/monitored-node.ts';

const ofDriver = { node: 'node-1' };
const ownProcess = { ownProcess: true } as const;

test('an alert fires until Prometheus finds a driver', async () => {
  const { alerts, start } = await stoppedNode();
  await alerts.expectFiring('DriverAbsent');
  await start();
  await alerts.expectNone('DriverAbsent');
});

test('an alert fires while a driver has died', async () => {
  const { node, alerts, start } = await monitoredNode(ownProcess);
  await alerts.expectAlert('DriverDown', ofDriver, {
    fault: () => node.stop('SIGKILL'),
    remedy: () => start(),
  });
});

test('the same alert fires while a driver hangs', async () => {
  const { alerts, start } = await stoppedNode(ownProcess);
  const driver = (await start()) as DriverProcess;
  await alerts.expectAlert('DriverDown', ofDriver, {
    fault: () => driver.kill('SIGSTOP'),
    remedy: () => driver.kill('SIGCONT'),
  });
});

test.skipIf(!isHostRoot)('an alert fires while a driver that is to stop waits for a call', async () => {
  const { node, disk, alerts, start } = await nodeWithDisk({ flags: ['--drain-timeout=1h'] });
  const volume_id = await node.create('data', { parameters: { pool: 'disk' } });
  let goOn = async () => {};
  let ended: Promise<unknown[]> = Promise.resolve([]);
  await alerts.expectAlert('DriverNotReady', ofDriver, {
    async fault() {
      goOn = await hang(disk.path);
      const deletion = outcomeOf(node.controller.DeleteVolume({ volume_id }));
      await alerts.expectValue('sum(csi_plugin_operations_in_flight)', 1);
      ended = Promise.all([deletion, node.stop()]);
    },
    async remedy() {
      await goOn();
      await ended;
      await start();
    },
  });
});

test('an alert fires when a driver restarts again and again, until it runs for a while', async () => {
  const { node, alerts, start } = await monitoredNode(ownProcess);
  await alerts.expectAlert('DriverRestarting', ofDriver, {
    async goingOn() {
      await node.stop('SIGKILL');
      await start();
    },
    remedy: () => {},
  });
});

test('an alert fires while a driver gets too little processor time', async () => {
  const { alerts, start } = await stoppedNode(ownProcess);
  const driver = (await start()) as DriverProcess;
  const limit = limitProcessor(driver);
  await alerts.expectFiring('EventLoopLag', ofDriver);
  limit.end();
  await alerts.expectNone('EventLoopLag');
});

/** Lets a driver run for a part of each second only, as a limit of the CPU does. */
function limitProcessor(driver: DriverProcess): { end(): void } {
  const PERIOD_MS = 1000;
  const STOPPED_MS = 700;
  let timer: NodeJS.Timeout | undefined;
  const period = setInterval(() => {
    driver.kill('SIGSTOP');
    timer = setTimeout(() => driver.kill('SIGCONT'), STOPPED_MS);
  }, PERIOD_MS);
  const end = () => {
    clearInterval(period);
    clearTimeout(timer);
    driver.kill('SIGCONT');
  };
  onTestFinished(end);
  return { end };
}
