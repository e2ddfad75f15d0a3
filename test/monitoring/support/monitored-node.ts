import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { TestDriver } from '../../support/driver-process.ts';
import { type Start, type TestNode, testNode } from '../../support/test-node.ts';
import { Alerts } from './alerts.ts';
import { startPrometheus, type Target } from './prometheus.ts';
import { hastenedRules } from './rules.ts';

/** A driver with a Prometheus that scrapes it, under one address also after a restart. */
export interface MonitoredNode {
  readonly node: TestNode;
  readonly alerts: Alerts;
  start(changes?: Start): Promise<TestDriver>;
  restart(changes?: Start): Promise<TestDriver>;
}

/** The labels of a driver, as the scrape configurations of the project set them. */
const ofDriver = { node: 'node-1', container: 'driver', pod: 'plugin-1', namespace: 'csi-hostpath' };

/** A node for one test, and a Prometheus; the driver is not started yet. */
export async function stoppedNode(
  { flags = [], ...how }: Start = {},
  otherTargets: readonly Target[] = [],
): Promise<MonitoredNode> {
  const node = testNode();
  const address = await freeAddress();
  const start = (changes: Start = {}) =>
    node.start({ ...how, ...changes, flags: [httpFlag(address), ...flags] });
  const restart = async (changes?: Start) => {
    await node.stop();
    return start(changes);
  };
  return { node, alerts: await alertsOf(address, otherTargets), start, restart };
}

/** A Prometheus for a driver that serves its metrics at an address. */
export async function alertsOf(address: string, otherTargets: readonly Target[] = []): Promise<Alerts> {
  const targets = [{ address, labels: ofDriver }, ...otherTargets];
  return new Alerts(await startPrometheus(targets, hastenedRules()));
}

/** The flag for a driver that serves its metrics at an address. */
export const httpFlag = (address: string): string => `--http-endpoint=${address}`;

/** The same with a running driver. */
export async function monitoredNode(
  start?: Start,
  otherTargets?: readonly Target[],
): Promise<MonitoredNode & { readonly driver: TestDriver }> {
  const monitored = await stoppedNode(start, otherTargets);
  return { ...monitored, driver: await monitored.start() };
}

/** An address that nothing listens on. */
export async function freeAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}
