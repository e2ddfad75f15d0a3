import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Client,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
  status,
} from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Holds } from '../../../src/model/state/holds.ts';
import { CallMonitor } from '../../../src/rpc/call-monitor.ts';
import { csiServices } from '../../../src/rpc/proto.ts';
import { type Endpoint, formatEndpoint } from '../../../src/rpc/server/endpoint.ts';
import { startServer } from '../../../src/rpc/server/server.ts';
import { implementService, type Methods } from '../../../src/rpc/service.ts';
import { CsiClient } from '../../support/csi-client.ts';
import { deferred } from '../model/fakes/gate.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

type IdentityMethods = Methods<typeof csiServices.Identity>;

const hour = 3_600_000;
const unixEndpoint = (): Endpoint => ({ kind: 'unix', path: join(temporaryDirectory(), 's') });
const probe: IdentityMethods = { Probe: { handle: async () => ({ ready: { value: true } }) } };

async function serve(
  methods = probe,
  endpoint = unixEndpoint(),
  groupId?: number,
  streams: Methods<typeof csiServices.SnapshotMetadata, 'stream'> = {},
) {
  const monitor = new CallMonitor(() => {});
  const { Identity, SnapshotMetadata } = csiServices;
  const holds = new Holds();
  const server = await startServer({
    endpoint,
    socketAccess: { mode: 0o600, groupId },
    services: new Map([
      [
        'csi.v1.Identity',
        { definition: Identity, implementation: implementService(Identity, methods, { holds, monitor }) },
      ],
      [
        'csi.v1.SnapshotMetadata',
        {
          definition: SnapshotMetadata,
          implementation: implementService(SnapshotMetadata, streams, { holds, monitor }),
        },
      ],
    ]),
    monitor,
  });
  const client = new CsiClient(formatEndpoint(server.endpoint));
  onTestFinished(async () => {
    client.close();
    await server.drain(0);
  });
  return { server, client, endpoint };
}

test('serves on a socket, with the requested mode', async () => {
  const { client, endpoint } = await serve();
  expect(await client.identity.Probe({})).toEqual({ ready: { value: true } });
  expect(endpoint.kind === 'unix' && statSync(endpoint.path).mode & 0o777).toBe(0o600);
});

test('serves on a port, and reports the actual one if any was requested', async () => {
  const { server, client } = await serve(probe, { kind: 'tcp', host: '127.0.0.1', port: 0 });
  expect(server.endpoint).toEqual({ kind: 'tcp', host: '127.0.0.1', port: expect.any(Number) });
  expect(server.endpoint).not.toHaveProperty('port', 0);
  expect(await client.identity.Probe({})).toEqual({ ready: { value: true } });
});

test('an endpoint in use by another server is refused with a sentence that names it', async () => {
  const socket = await serve();
  await expect(serve(probe, socket.endpoint)).rejects.toThrow('another process listens on');
  const { server } = await serve(probe, { kind: 'tcp', host: '127.0.0.1', port: 0 });
  await expect(serve(probe, server.endpoint)).rejects.toThrow(
    `cannot listen on ${formatEndpoint(server.endpoint)}`,
  );
});

test('a socket that cannot be given to its group is closed', async () => {
  const endpoint = unixEndpoint();
  const noGroup = -7;
  await expect(serve(probe, endpoint, noGroup)).rejects.toThrow();
  const { client } = await serve(probe, endpoint);
  expect(await client.identity.Probe({})).toEqual({ ready: { value: true } });
});

test('a file in place of the socket is left unchanged', async () => {
  const path = join(temporaryDirectory(), 's');
  writeFileSync(path, 'precious');
  await expect(serve(probe, { kind: 'unix', path })).rejects.toThrow('is not a socket');
  expect(existsSync(path)).toBe(true);
});

test('draining lets a running call end, and accepts no more', async () => {
  const [begun, gate] = [deferred(), deferred()];
  const { server, client } = await serve({
    Probe: {
      async handle() {
        begun.resolve();
        await gate.promise;
        return {};
      },
    },
  });
  const call = client.identity.Probe({});
  await begun.promise;
  const drained = server.drain(hour);
  gate.resolve();
  expect(await drained).toBe(true);
  await call;
  await expect(client.identity.Probe({})).rejects.toMatchObject({ code: status.UNAVAILABLE });
});

describe('draining', () => {
  /** A server with a stream that has one message before the gate, and one after it. */
  async function serveStream() {
    const gate = deferred();
    const served = await serve(probe, unixEndpoint(), undefined, {
      GetMetadataAllocated: {
        async *stream(_, signal) {
          yield {};
          await Promise.race([gate.promise, once(signal, 'abort')]);
          signal.throwIfAborted();
          yield {};
        },
      },
    });
    const stream = served.client.snapshotMetadata.GetMetadataAllocated({});
    await once(stream, 'readable');
    return { ...served, stream, open: gate.resolve };
  }

  test('lets a running stream end', async () => {
    const { server, stream, open } = await serveStream();
    const drained = server.drain(hour);
    open();
    expect(await stream.toArray()).toHaveLength(2);
    expect(await drained).toBe(true);
  });

  test('aborts a stream that takes longer than the limit', async () => {
    const { server, stream } = await serveStream();
    const reading = expect(stream.toArray()).rejects.toMatchObject({ code: expect.any(Number) });
    expect(await server.drain(0)).toBe(false);
    await reading;
  });
});

test('draining ends the calls that watch health, and does not wait for them', async () => {
  const { server, endpoint } = await serve();
  const { Health } = loadPackageDefinition({ Health: healthService });
  const client = new (Health as ServiceClientConstructor)(
    formatEndpoint(endpoint),
    credentials.createInsecure(),
  ) as unknown as Client & { Watch(request: object): NodeJS.EventEmitter };
  onTestFinished(() => client.close());
  const watch = client.Watch({ service: '' });
  const statuses: unknown[] = [];
  const serving = new Promise((resolve) => {
    watch.on('data', (reply: { status: string }) => resolve(statuses.push(reply.status)));
  });
  const ended = once(watch, 'end');
  await serving;
  expect(await server.drain(hour)).toBe(true);
  await ended;
  expect(statuses).toEqual(['SERVING', 'NOT_SERVING']);
});

test('draining does not wait longer than its limit', async () => {
  const begun = deferred();
  const { server, client } = await serve({
    Probe: {
      handle() {
        begun.resolve();
        return new Promise(() => {});
      },
    },
  });
  const refused = expect(client.identity.Probe({})).rejects.toMatchObject({ code: expect.any(Number) });
  await begun.promise;
  expect(await server.drain(0)).toBe(false);
  await refused;
});
