import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  type Client,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
  status,
} from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { csiClients, reflectionClient } from '../../../src/rpc/proto.ts';
import { asUser } from '../../support/as-user.ts';
import { CsiClient } from '../../support/csi-client.ts';
import { type DriverProcess, runDriver, startDriverProcess } from '../../support/driver-process.ts';
import { eventually } from '../../support/eventually.ts';
import { gateAt } from '../../support/gate/gate.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { createRequest, mountCapability } from '../../support/requests.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { startedNode, type TestNode, testNode } from '../../support/test-node.ts';

/** Starts the driver's program as a proxy for one test, in an empty directory. */
async function startProxy(
  target: string,
  flags: string[] = [],
): Promise<DriverProcess & { directory: string }> {
  const directory = scratchDirectory();
  const proxy = await startDriverProcess([
    `--endpoint=unix://${join(directory, 's')}`,
    `--proxy-endpoint=${target}`,
    ...flags,
  ]);
  onTestFinished(async () => {
    proxy.kill('SIGKILL');
    await proxy.exit;
  });
  return { ...proxy, directory };
}

function clientOf({ endpoint }: { readonly endpoint: string }): CsiClient {
  const client = new CsiClient(endpoint);
  onTestFinished(() => client.close());
  return client;
}

/** A driver behind a proxy. */
async function proxiedNode(flags?: string[]) {
  const node = await startedNode();
  const proxy = await startProxy(node.socket, flags);
  return { node, proxy, client: clientOf(proxy) };
}

/** The lines of the log about calls. */
function callsIn(proxy: DriverProcess): Record<string, unknown>[] {
  return proxy
    .log()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => 'path' in line);
}

describe('through a proxy', () => {
  test('a volume has a full lifecycle', async () => {
    const { node, client } = await proxiedNode();
    const { volume } = await client.controller.CreateVolume(createRequest('life'));
    const volume_id = volume?.volume_id ?? '';
    const paths = { volume_id, staging_target_path: node.newStaging(), target_path: node.newPath() };
    const volume_capability = mountCapability();
    await client.node.NodeStageVolume({ ...paths, volume_capability });
    await client.node.NodePublishVolume({ ...paths, volume_capability });
    expect(existsSync(paths.target_path)).toBe(true);
    await client.node.NodeUnpublishVolume(paths);
    await client.node.NodeUnstageVolume(paths);
    await client.controller.DeleteVolume({ volume_id });
    expect((await node.controller.ListVolumes({})).entries).toEqual([]);
  });

  test('a refusal has the same message as without one', async () => {
    const { node, client } = await proxiedNode();
    const calls = [
      (of: CsiClient | TestNode) => of.controller.CreateVolume(createRequest('')),
      (of: CsiClient | TestNode) => of.controller.ControllerGetVolume({ volume_id: 'ein Übel: 100 %\n' }),
      (of: CsiClient | TestNode) => of.controller.ControllerPublishVolume({}),
    ];
    for (const call of calls) {
      const outcome = await outcomeOf(call(client));
      expect(outcome).not.toBe('OK');
      expect(outcome).toEqual(await outcomeOf(call(node)));
    }
  });

  test('fifty calls at once are each answered', async () => {
    const { node, client } = await proxiedNode();
    const names = Array.from({ length: 50 }, (_, index) => `volume-${index}`);
    await Promise.all(names.map((name) => client.controller.CreateVolume(createRequest(name))));
    const { entries = [] } = await node.controller.ListVolumes({});
    expect(entries).toHaveLength(50);
  });

  test('reflection, a bidirectional stream, works', async () => {
    const { proxy } = await proxiedNode();
    const client = new reflectionClient(proxy.endpoint, credentials.createInsecure());
    onTestFinished(() => client.close());
    const stream = client.ServerReflectionInfo();
    stream.write({ list_services: '' });
    const [{ list_services_response }] = await once(stream, 'data');
    const names = list_services_response.service.map(({ name }: { name: string }) => name);
    expect(names).toContain('csi.v1.Controller');
    stream.write({ file_containing_symbol: 'csi.v1.Controller' });
    const [{ file_descriptor_response }] = await once(stream, 'data');
    expect(file_descriptor_response.file_descriptor_proto.length).toBeGreaterThan(0);
    stream.end();
    await once(stream.resume(), 'end');
  });

  test('watching health reports when the driver stops', async () => {
    const { node, proxy } = await proxiedNode();
    const { Health } = loadPackageDefinition({ Health: healthService });
    const client = new (Health as ServiceClientConstructor)(
      proxy.endpoint,
      credentials.createInsecure(),
    ) as unknown as Client & { Watch(request: object): NodeJS.EventEmitter };
    onTestFinished(() => client.close());
    const watch = client.Watch({ service: '' });
    const statuses: unknown[] = [];
    watch.on('data', (reply: { status: string }) => statuses.push(reply.status));
    await once(watch, 'data');
    const ended = once(watch, 'end');
    await node.stop();
    await ended;
    expect(statuses).toEqual(['SERVING', 'NOT_SERVING']);
  });

  test('a cancellation or an expired deadline of the caller reaches the driver', async () => {
    const node = testNode();
    const gate = await gateAt('create: content made', join(node.directory, 'gate'));
    await node.start(gate.start);
    const proxy = await startProxy(node.socket);
    const client = new csiClients.Controller(proxy.endpoint, credentials.createInsecure());
    onTestFinished(() => client.close());
    const code = new Promise((resolve) => {
      const call = client.CreateVolume(createRequest('impatient'), (error) => resolve(error?.code));
      void gate.reached().then(() => call.cancel());
    });
    expect(await code).toBe(status.CANCELLED);
    const late = await outcomeOf(
      clientOf(proxy).controller.CreateVolume(createRequest('late'), { deadline: Date.now() - 1 }),
    );
    expect(late).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    gate.open();
    await eventually(() =>
      expect(callsIn(proxy)).toMatchObject([{ path: '/csi.v1.Controller/CreateVolume', code: 'CANCELLED' }]),
    );
  });
});

describe('a proxy', () => {
  test('makes only its socket, with the requested mode, and needs no node id', async () => {
    const { proxy } = await proxiedNode(['--socket-mode=0770']);
    expect(readdirSync(proxy.directory)).toEqual(['s']);
    expect(statSync(join(proxy.directory, 's')).mode & 0o777).toBe(0o770);
  });

  test('works before the driver starts and after it stops: calls are UNAVAILABLE until there is one', async () => {
    const node = testNode();
    const proxy = await startProxy(node.socket);
    const client = clientOf(proxy);
    const refused = { code: 'UNAVAILABLE', details: expect.stringContaining(`unix://${node.socket}`) };
    expect(await outcomeOf(client.node.NodeGetInfo({}))).toMatchObject(refused);
    await node.start({ ownProcess: true });
    expect(await client.node.NodeGetInfo({})).toMatchObject({ node_id: 'node-1' });
    await node.stop('SIGKILL');
    expect(await outcomeOf(client.node.NodeGetInfo({}))).toMatchObject(refused);
    await node.start();
    expect(await client.node.NodeGetInfo({})).toMatchObject({ node_id: 'node-1' });
  });

  test('logs each call in one line, without its content', async () => {
    const { node, proxy, client } = await proxiedNode(['-v=5']);
    const secrets = { password: 'correct-horse' };
    await client.identity.Probe({});
    await client.controller.CreateVolume(createRequest('logged', { secrets }));
    await outcomeOf(client.controller.ControllerGetVolume({ volume_id: 'absent-volume' }));
    await node.stop();
    await outcomeOf(client.controller.ListVolumes({}));
    const durationMs = expect.any(Number);
    expect(callsIn(proxy)).toMatchObject([
      { path: '/csi.v1.Identity/Probe', code: 'OK', durationMs, level: 10 },
      { path: '/csi.v1.Controller/CreateVolume', code: 'OK', durationMs, level: 30, msg: 'call' },
      { path: '/csi.v1.Controller/ControllerGetVolume', code: 'NOT_FOUND', level: 40, msg: 'call refused' },
      {
        path: '/csi.v1.Controller/ListVolumes',
        code: 'UNAVAILABLE',
        reason: expect.stringContaining(node.socket),
      },
    ]);
    for (const word of ['correct-horse', 'logged', 'absent-volume']) expect(proxy.log()).not.toContain(word);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'that is stopped by %s answers the call in flight, takes no new one, and ends',
    async (signal) => {
      const node = testNode();
      const gate = await gateAt('create: content made', join(node.directory, 'gate'));
      await node.start(gate.start);
      const proxy = await startProxy(node.socket);
      const client = clientOf(proxy);
      const outcome = outcomeOf(client.controller.CreateVolume(createRequest('in flight')));
      await gate.reached();
      proxy.kill(signal);
      await eventually(() => expect(readdirSync(proxy.directory)).toEqual([]));
      expect(await outcomeOf(client.controller.ListVolumes({}))).toMatchObject({ code: 'UNAVAILABLE' });
      gate.open();
      expect(await outcome).toBe('OK');
      expect(await proxy.exit).toEqual({ code: 0, signal: null });
    },
  );

  test('waits for a call in flight no longer than --drain-timeout, and reports that', async () => {
    const node = testNode();
    const gate = await gateAt('create: content made', join(node.directory, 'gate'));
    await node.start(gate.start);
    const proxy = await startProxy(node.socket, ['--drain-timeout=1ms']);
    const outcome = outcomeOf(clientOf(proxy).controller.CreateVolume(createRequest('in flight')));
    await gate.reached();
    proxy.kill('SIGTERM');
    expect(await proxy.exit).toEqual({ code: 0, signal: null });
    expect(await outcome).toEqual({ code: 'UNAVAILABLE', details: 'the proxy is stopping' });
    expect(proxy.log()).toContain('drain timed out');
    gate.open();
  });

  test('whose endpoint is in use is refused with one sentence', async () => {
    const node = await startedNode();
    const flags = [`--endpoint=unix://${node.socket}`, '--proxy-endpoint=/nowhere'];
    const run = await runDriver(flags);
    expect(run).toEqual({
      code: 1,
      signal: null,
      stdout: '',
      stderr: `another process listens on ${node.socket}\n`,
    });
  });

  test('of itself is a command line error', async () => {
    const run = await runDriver(['--endpoint=/tmp/s', '--proxy-endpoint=/tmp/s']);
    expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining('is the same as --endpoint') });
  });

  // The project may be in a directory that others cannot read.
  const canOthersRead = isHostRoot && asUser('test -r "$1"', resolve('dist/main.js')).status === 0;

  test.runIf(canOthersRead)('can be run by a user other than root', async () => {
    const directory = scratchDirectory();
    chownSync(directory, 1000, 1000);
    const args = ['dist/main.js', `--endpoint=${directory}/s`, `--proxy-endpoint=${directory}/t`];
    const child = spawn(process.execPath, args, {
      uid: 1000,
      gid: 1000,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const exit = once(child, 'close');
    const [message] = await once(child, 'message');
    expect(message).toEqual({ listening: `unix://${directory}/s` });
    expect(statSync(`${directory}/s`).uid).toBe(1000);
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
  });
});
