import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { CallMonitor } from '../../../src/rpc/call-monitor.ts';
import type { Endpoint } from '../../../src/rpc/endpoint.ts';
import { KeyLocks } from '../../../src/rpc/key-locks.ts';
import { csiServices } from '../../../src/rpc/proto.ts';
import { startProxyServer } from '../../../src/rpc/proxy/proxy-server.ts';
import { startServer } from '../../../src/rpc/server.ts';
import { implementService } from '../../../src/rpc/service.ts';
import { CsiClient } from '../../support/csi-client.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const keepAlive = { timeMs: 50, timeoutMs: 50 };
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
// SETTINGS of three bytes, where each setting has six.
const malformed = Buffer.from([0, 0, 3, 4, 0, 0, 0, 0, 0, 1, 2, 3]);

type Start = (endpoint: Endpoint) => Promise<{ drain(timeoutMs: number): Promise<boolean> }>;

const startDriverServer: Start = (endpoint) => {
  const monitor = new CallMonitor(() => {});
  const { Identity } = csiServices;
  const methods = { Probe: { handle: async () => ({ ready: { value: true } }) } };
  const implementation = implementService(Identity, methods, { locks: new KeyLocks(), monitor });
  const services = new Map([['csi.v1.Identity', { definition: Identity, implementation }]]);
  return startServer({
    endpoint,
    socketAccess: { mode: 0o600, groupId: undefined },
    services,
    monitor,
    keepAlive,
  });
};

const startProxy: Start = async (endpoint) => {
  const path = join(temporaryDirectory(), 'target');
  const target = { kind: 'unix', path } as const;
  const server = await startDriverServer(target);
  onTestFinished(async () => void (await server.drain(0)));
  return startProxyServer({
    endpoint,
    socketAccess: { mode: 0o600, groupId: undefined },
    target,
    onFinished: () => {},
    keepAlive,
  });
};

/** The sockets that this process has open. */
function openSockets(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith('socket:') ? [target] : [];
    } catch {
      return [];
    }
  });
}

async function connected(path: string): Promise<Socket> {
  const socket = connect(path);
  await once(socket, 'connect');
  return socket;
}

test.each([
  ['the server', startDriverServer],
  ['the proxy', startProxy],
])('a connection with a malformed frame does not stay open in %s', async (_, start) => {
  const path = join(temporaryDirectory(), 's');
  const server = await start({ kind: 'unix', path });
  onTestFinished(async () => void (await server.drain(0)));
  const before = openSockets().length;
  for (let count = 0; count < 5; count++) {
    const socket = await connected(path);
    socket.write(Buffer.concat([preface, malformed]));
    await once(socket, 'data');
    socket.destroy();
  }
  await vi.waitFor(() => expect(openSockets().length).toBeLessThanOrEqual(before), { timeout: 30_000 });
});

test.each([
  ['the server', startDriverServer],
  ['the proxy', startProxy],
])('a connection that answers stays open in %s', async (_, start) => {
  const path = join(temporaryDirectory(), 's');
  const server = await start({ kind: 'unix', path });
  const client = new CsiClient(`unix://${path}`);
  onTestFinished(async () => {
    client.close();
    await server.drain(0);
  });
  await client.identity.Probe({});
  const sockets = openSockets();
  // Pings come several times while these calls do.
  const until = performance.now() + 5 * (keepAlive.timeMs + keepAlive.timeoutMs);
  while (performance.now() < until) await client.identity.Probe({});
  expect(openSockets()).toEqual(sockets);
});
