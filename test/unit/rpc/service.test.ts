import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { exclusive, Holds, shared } from '../../../src/model/state/holds.ts';
import { CallMonitor, type FinishedCall } from '../../../src/rpc/call-monitor.ts';
import { workWithoutResources } from '../../../src/rpc/call-work.ts';
import { csiClients, csiServices } from '../../../src/rpc/proto.ts';
import { implementService, type Methods, type ServiceParts } from '../../../src/rpc/service.ts';
import { CsiClient } from '../../support/csi-client.ts';
import { deferred } from '../model/fakes/gate.ts';
import { startLocalServer } from './local-server.ts';

type NodeMethods = Methods<typeof csiServices.Node>;
type SnapshotMetadataClient = InstanceType<typeof csiClients.SnapshotMetadata>;

const request = { volume_id: 'v', staging_target_path: '/s' };

/** A server with these methods of the Node service and no others, and a client for it. */
async function serve(methods: NodeMethods, begin?: ServiceParts['begin']) {
  const finished: FinishedCall[] = [];
  const monitor = new CallMonitor((call) => finished.push(call));
  const holds = new Holds();
  const { Node, SnapshotMetadata } = csiServices;
  const local = await startLocalServer((server) => {
    server.addService(Node, implementService(Node, methods, { holds, monitor, begin }));
    server.addService(SnapshotMetadata, implementService(SnapshotMetadata, {}, { holds, monitor }));
  });
  const client = new CsiClient(local.target);
  onTestFinished(() => {
    client.close();
    local.stop();
  });
  return { node: client.node, target: local.target, monitor, finished };
}

test('a call gets its request with every field present, and its reply is sent', async () => {
  let received: unknown;
  const { node, finished } = await serve({
    NodeGetInfo: { handle: async () => ({ node_id: 'node-1' }) },
    NodeUnstageVolume: {
      async handle(message) {
        received = message;
        return {};
      },
    },
  });
  await node.NodeUnstageVolume({ volume_id: 'v' });
  expect(received).toEqual({ volume_id: 'v', staging_target_path: '' });
  expect(await node.NodeGetInfo({})).toMatchObject({ node_id: 'node-1' });
  expect(finished.map(({ path, code }) => [path, code])).toEqual([
    ['/csi.v1.Node/NodeUnstageVolume', status.OK],
    ['/csi.v1.Node/NodeGetInfo', status.OK],
  ]);
});

test.each([
  [new VolumeError('precondition', 'not now'), status.FAILED_PRECONDITION, 'not now'],
  [new Error('secret'), status.INTERNAL, "internal error; see the driver's log"],
])('an error thrown by a method is answered as a status: %s', async (error, code, details) => {
  const { node, finished } = await serve({ NodeUnstageVolume: { handle: () => Promise.reject(error) } });
  await expect(node.NodeUnstageVolume(request)).rejects.toMatchObject({ code, details });
  expect(finished).toMatchObject([{ code, error }]);
});

describe('an RPC that this driver does not implement is UNIMPLEMENTED', () => {
  test('answered once', async () => {
    const { node } = await serve({});
    await expect(node.NodeExpandVolume({})).rejects.toMatchObject({
      code: status.UNIMPLEMENTED,
      details: '/csi.v1.Node/NodeExpandVolume is not supported by this driver',
    });
  });

  test.each([
    ['GetMetadataAllocated', (client: SnapshotMetadataClient) => client.GetMetadataAllocated({})],
    ['GetMetadataDelta', (client: SnapshotMetadataClient) => client.GetMetadataDelta({})],
  ])('as a stream: %s', async (name, call) => {
    const { target } = await serve({});
    const client = new csiClients.SnapshotMetadata(target, credentials.createInsecure());
    onTestFinished(() => client.close());
    const answer = deferred<Error>();
    const stream = call(client);
    stream.on('data', () => {});
    stream.on('end', () => {});
    stream.on('error', answer.resolve);
    expect(await answer.promise).toMatchObject({
      code: status.UNIMPLEMENTED,
      details: `/csi.v1.SnapshotMetadata/${name} is not supported by this driver`,
    });
  });
});

describe('holds', () => {
  /** A method that holds a volume and a path until the gate opens. */
  function waitingMethod(hold = exclusive) {
    const [begun, gate] = [deferred(), deferred()];
    let runCount = 0;
    const methods: NodeMethods = {
      NodeUnstageVolume: {
        holds: ({ volume_id, staging_target_path }) => [
          hold('volume', volume_id),
          exclusive('path', staging_target_path),
        ],
        async handle() {
          runCount++;
          begun.resolve();
          await gate.promise;
          return {};
        },
      },
    };
    return { methods, begun: begun.promise, open: gate.resolve, runCount: () => runCount };
  }

  test('a second call on the same object is ABORTED while the first runs, and names it', async () => {
    const method = waitingMethod();
    const { node } = await serve(method.methods);
    const first = node.NodeUnstageVolume(request);
    await method.begun;
    await expect(node.NodeUnstageVolume(request)).rejects.toMatchObject({
      code: status.ABORTED,
      details: 'another call is in progress for volume "v"; retry later',
    });
    expect(method.runCount()).toBe(1);
    method.open();
    await first;
    await node.NodeUnstageVolume(request);
    expect(method.runCount()).toBe(2);
  });

  test('calls that share an object and work on different paths run side by side', async () => {
    const method = waitingMethod(shared);
    const { node } = await serve(method.methods);
    const first = node.NodeUnstageVolume(request);
    await method.begun;
    const second = node.NodeUnstageVolume({ ...request, staging_target_path: '/other' });
    method.open();
    await Promise.all([first, second]);
    expect(method.runCount()).toBe(2);
  });

  test('a failing call releases its holds', async () => {
    const handle = () => Promise.reject(new VolumeError('not-found', 'gone'));
    const { node } = await serve({ NodeUnstageVolume: { holds: () => [exclusive('volume', 'v')], handle } });
    for (const _ of ['once', 'twice']) {
      await expect(node.NodeUnstageVolume(request)).rejects.toMatchObject({ code: status.NOT_FOUND });
    }
  });

  test('a cancelled call runs to its end, and keeps its holds until then', async () => {
    const method = waitingMethod();
    const { node, target, monitor, finished } = await serve(method.methods);
    const caller = new csiClients.Node(target, credentials.createInsecure());
    onTestFinished(() => caller.close());
    const answer = deferred<ServiceError | null>();
    const call = caller.NodeUnstageVolume(request, answer.resolve);
    await method.begun;
    call.cancel();
    expect(await answer.promise).toMatchObject({ code: status.CANCELLED });
    await expect(node.NodeUnstageVolume(request)).rejects.toMatchObject({ code: status.ABORTED });
    method.open();
    await monitor.idle();
    expect(finished.map(({ code }) => code)).toEqual([status.ABORTED, status.OK]);
    await node.NodeUnstageVolume(request);
  });
});

describe('a task that calls can join', () => {
  /** A server with one such method, callers that can cancel, and what the task is told. */
  async function serveJoinable() {
    const [begun, gate, abandoned] = [deferred(), deferred(), deferred()];
    let abandonedCount = 0;
    const method = {
      canJoin: () => true,
      async handle() {
        begun.resolve();
        await gate.promise;
        return {};
      },
    };
    const begin = () => ({
      ...workWithoutResources(method),
      abandon() {
        abandonedCount++;
        abandoned.resolve();
      },
    });
    const { target, node } = await serve({ NodeUnstageVolume: method }, begin);
    const callers = new csiClients.Node(target, credentials.createInsecure());
    onTestFinished(() => callers.close());
    const call = (deadline = Number.POSITIVE_INFINITY) => {
      const answer = deferred<status | undefined>();
      const made = callers.NodeUnstageVolume(request, { deadline }, (error) => answer.resolve(error?.code));
      return { cancel: () => made.cancel(), code: answer.promise };
    };
    const arrived = () => node.NodeGetInfo({}).catch(() => {});
    return { begun, gate, abandoned, call, arrived, abandonedCount: () => abandonedCount };
  }

  test('is abandoned when the last caller has gone, and not before', async () => {
    const { begun, gate, abandoned, call, arrived, abandonedCount } = await serveJoinable();
    const [first, second] = [call(), call()];
    await begun.promise;
    first.cancel();
    expect(await first.code).toBe(status.CANCELLED);
    await arrived();
    expect(abandonedCount()).toBe(0);
    second.cancel();
    await abandoned.promise;
    gate.resolve();
  });

  test('is abandoned at the deadline of its caller', async () => {
    const { gate, abandoned, call } = await serveJoinable();
    const { code } = call(Date.now() + 500);
    await abandoned.promise;
    expect(await code).toBe(status.DEADLINE_EXCEEDED);
    gate.resolve();
  });
});
