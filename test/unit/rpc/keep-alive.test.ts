import { EventEmitter, once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import type { Http2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Holds } from '../../../src/model/state/holds.ts';
import { CallMonitor } from '../../../src/rpc/call-monitor.ts';
import { csiServices } from '../../../src/rpc/proto.ts';
import { startProxyServer } from '../../../src/rpc/proxy/proxy-server.ts';
import type { Endpoint } from '../../../src/rpc/server/endpoint.ts';
import { closeIfUnresponsive, type KeepAlive } from '../../../src/rpc/server/keep-alive.ts';
import { startServer } from '../../../src/rpc/server/server.ts';
import { implementService } from '../../../src/rpc/service.ts';
import { CsiClient } from '../../support/csi-client.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const impatient: KeepAlive = { timeMs: 50, timeoutMs: 50 };
// A busy machine may take many times as long to answer a ping as an idle one.
const patient: KeepAlive = { timeMs: 50, timeoutMs: 3000 };
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
// SETTINGS of three bytes, where each setting needs six.
const malformed = Buffer.from([0, 0, 3, 4, 0, 0, 0, 0, 0, 1, 2, 3]);

type Start = (
  endpoint: Endpoint,
  keepAlive: KeepAlive,
) => Promise<{ drain(timeoutMs: number): Promise<boolean> }>;

const startDriverServer: Start = (endpoint, keepAlive) => {
  const monitor = new CallMonitor(() => {});
  const { Identity } = csiServices;
  const methods = { Probe: { handle: async () => ({ ready: { value: true } }) } };
  const implementation = implementService(Identity, methods, { holds: new Holds(), monitor });
  const services = new Map([['csi.v1.Identity', { definition: Identity, implementation }]]);
  return startServer({
    endpoint,
    socketAccess: { mode: 0o600, groupId: undefined },
    services,
    monitor,
    keepAlive,
  });
};

const startProxy: Start = async (endpoint, keepAlive) => {
  const path = join(temporaryDirectory(), 'target');
  const target = { kind: 'unix', path } as const;
  const server = await startDriverServer(target, keepAlive);
  onTestFinished(async () => void (await server.drain(0)));
  return startProxyServer({
    endpoint,
    socketAccess: { mode: 0o600, groupId: undefined },
    target,
    onFinished: () => {},
    keepAlive,
  });
};

/** The open sockets of this process. */
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
  const server = await start({ kind: 'unix', path }, impatient);
  onTestFinished(async () => void (await server.drain(0)));
  const before = openSockets().length;
  for (let count = 0; count < 5; count++) {
    const socket = await connected(path);
    socket.write(Buffer.concat([preface, malformed]));
    await once(socket, 'data');
    socket.destroy();
  }
  await eventually(() => expect(openSockets().length).toBeLessThanOrEqual(before));
});

test('a connection that has been destroyed, but not closed yet, is not pinged', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const session = Object.assign(new EventEmitter(), {
    destroyed: false,
    ping: vi.fn(() => {
      // As a real session does.
      if (session.destroyed) throw new Error('The session has been destroyed');
      return true;
    }),
  });
  closeIfUnresponsive(session as unknown as Http2Session, impatient);
  session.destroyed = true;
  vi.advanceTimersByTime(impatient.timeMs);
  expect(session.ping).not.toHaveBeenCalled();
  session.emit('close');
  expect(vi.getTimerCount()).toBe(0);
});

test.each([
  ['the server', startDriverServer],
  ['the proxy', startProxy],
])('a connection that responds stays open in %s', async (_, start) => {
  const path = join(temporaryDirectory(), 's');
  const server = await start({ kind: 'unix', path }, patient);
  const client = new CsiClient(`unix://${path}`);
  onTestFinished(async () => {
    client.close();
    await server.drain(0);
  });
  const others = openSockets();
  await client.identity.Probe({});
  const connection = openSockets().filter((socket) => !others.includes(socket));
  expect(connection).not.toEqual([]);
  // Many pings are sent during these calls, and a missing answer to the first ones would close the connection.
  const until = performance.now() + 5 * patient.timeMs + patient.timeoutMs;
  while (performance.now() < until) await client.identity.Probe({});
  expect(openSockets()).toEqual(expect.arrayContaining(connection));
});
