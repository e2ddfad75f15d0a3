import { EventEmitter, once } from 'node:events';
import { type ClientReadableStream, type ServerWritableStream, status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { Holds } from '../../../src/model/state/holds.ts';
import { CallMonitor, type FinishedCall } from '../../../src/rpc/call-monitor.ts';
import { workWithoutResources } from '../../../src/rpc/call-work.ts';
import type { GetMetadataAllocatedResponse } from '../../../src/rpc/generated/csi/v1/GetMetadataAllocatedResponse.ts';
import { csiServices } from '../../../src/rpc/proto.ts';
import { implementService, type Methods } from '../../../src/rpc/service.ts';
import { streamHandler } from '../../../src/rpc/stream-handler.ts';
import { CsiClient } from '../../support/csi-client.ts';
import { deferred, settled } from '../model/fakes/gate.ts';
import { startLocalServer } from './local-server.ts';

type Stream = NonNullable<
  Methods<typeof csiServices.SnapshotMetadata, 'stream'>['GetMetadataAllocated']
>['stream'];

const path = '/csi.v1.SnapshotMetadata/GetMetadataAllocated';
const numbered = (count: number): GetMetadataAllocatedResponse => ({ volume_capacity_bytes: count });

/** A server with this method, which streams, and a client for it. */
async function serve(stream: Stream) {
  const finished: FinishedCall[] = [];
  const monitor = new CallMonitor((call) => finished.push(call));
  const { SnapshotMetadata } = csiServices;
  const methods = { GetMetadataAllocated: { stream } };
  const local = await startLocalServer((server) => {
    server.addService(
      SnapshotMetadata,
      implementService(SnapshotMetadata, methods, { holds: new Holds(), monitor }),
    );
  });
  const client = new CsiClient(local.target);
  onTestFinished(() => {
    client.close();
    local.stop();
  });
  const call = (options = {}, changes = {}) =>
    client.snapshotMetadata.GetMetadataAllocated({ snapshot_id: 's', ...changes }, options);
  return { call, monitor, finished };
}

/** Endless large messages, and their outcome. */
function endless() {
  let pulledCount = 0;
  const closed = deferred<unknown>();
  const block_metadata = Array.from({ length: 1000 }, () => ({ byte_offset: 2 ** 40, size_bytes: 2 ** 40 }));
  const stream: Stream = async function* (_, signal) {
    try {
      for (;;) {
        pulledCount++;
        yield { block_metadata };
      }
    } finally {
      closed.resolve(signal.reason);
    }
  };
  return { stream, pulledCount: () => pulledCount, closed: closed.promise };
}

/** Reads this many messages, and disconnects. */
async function readSome(stream: ClientReadableStream<unknown>, count: number): Promise<void> {
  // It reports its own end as an error, even after the iteration.
  stream.on('error', () => {});
  let readCount = 0;
  for await (const _ of stream) if (++readCount === count) break;
  stream.cancel();
}

test('all messages arrive in their order, and the call is logged once, when it has ended', async () => {
  let received: unknown;
  const { call, monitor, finished } = await serve(async function* (request) {
    received = request;
    for (const count of [1, 2, 3]) {
      expect(finished).toEqual([]);
      yield numbered(count);
    }
  });
  const messages = [];
  for await (const message of call()) messages.push(message.volume_capacity_bytes);
  expect(messages).toEqual(['1', '2', '3']);
  expect(received).toEqual({ snapshot_id: 's', starting_offset: '0', max_results: 0, secrets: {} });
  await monitor.idle();
  expect(finished).toMatchObject([
    { path, code: status.OK, request: { snapshot_id: 's' }, error: undefined },
  ]);
});

test('a stream without messages ends successfully', async () => {
  const { call, monitor, finished } = await serve(async function* () {});
  expect(await call().toArray()).toEqual([]);
  await monitor.idle();
  expect(finished).toMatchObject([{ code: status.OK }]);
});

describe('an error thrown by a method is answered as a status', () => {
  const error = new VolumeError('not-found', 'gone');

  test.each<[string, Stream, number]>([
    [
      'at once',
      () => {
        throw error;
      },
      0,
    ],
    [
      'between messages, of which those before arrive',
      async function* () {
        yield numbered(1);
        yield numbered(2);
        throw error;
      },
      2,
    ],
  ])('%s', async (_, stream, count) => {
    const { call, monitor, finished } = await serve(stream);
    const messages: unknown[] = [];
    const reading = async () => {
      for await (const message of call()) messages.push(message);
    };
    await expect(reading()).rejects.toMatchObject({ code: status.NOT_FOUND, details: 'gone' });
    expect(messages).toHaveLength(count);
    await monitor.idle();
    expect(finished).toMatchObject([{ code: status.NOT_FOUND, error }]);
  });

  test('an internal error has its text only in the log', async () => {
    const fault = new Error('secret');
    const { call, monitor, finished } = await serve(() => {
      throw fault;
    });
    await expect(call().toArray()).rejects.toMatchObject({
      code: status.INTERNAL,
      details: expect.not.stringContaining('secret'),
    });
    await monitor.idle();
    expect(finished).toMatchObject([{ code: status.INTERNAL, error: fault }]);
  });
});

describe('a caller that does not read', () => {
  test('pauses the method, and resumes it by reading', async () => {
    const [forSlow, forFast] = [endless(), endless()];
    const { call, monitor } = await serve((request, signal) =>
      (request.max_results === 1 ? forSlow : forFast).stream(request, signal),
    );
    const slow = call({}, { max_results: 1 });
    // Before it has begun to read, the client of grpc-js accepts everything.
    await once(slow, 'readable');
    // Without a pause of the method for the slow caller, the other would never get anything.
    await readSome(call(), 200);
    expect(forSlow.pulledCount()).toBeLessThan(100);
    await readSome(slow, 200);
    expect(forSlow.pulledCount()).toBeGreaterThanOrEqual(200);
    await monitor.idle();
  });

  test('gets one message from the method at a time', async () => {
    const asked: number[] = [];
    let leave = () => {};
    const call = Object.assign(new EventEmitter(), {
      request: {},
      // Like a stream with room for more.
      write(_: unknown, onLeft: () => void) {
        leave = onLeft;
        return true;
      },
      end: () => void setImmediate(() => call.emit('finish')),
    });
    const ended = deferred();
    const method = {
      async *stream() {
        for (let count = 1; count <= 7; count++) {
          asked.push(count);
          yield count;
        }
      },
    };
    const begin = () => workWithoutResources(method);
    const handler = streamHandler(begin, (_, run) => run().finally(ended.resolve));
    handler(call as unknown as ServerWritableStream<unknown, unknown>);
    await settled();
    for (let count = 1; count <= 7; count++) {
      expect(asked).toHaveLength(count);
      leave();
      await settled();
    }
    await ended.promise;
    expect(asked).toHaveLength(7);
    await settled();
    expect(call.eventNames()).toEqual([]);
  });
});

describe('a caller that disconnects ends the stream, and the log reports it', () => {
  const gone = { kind: 'cancelled' };

  test('while messages are produced', async () => {
    const messages = endless();
    const { call, monitor, finished } = await serve(messages.stream);
    await readSome(call(), 1);
    expect(await messages.closed).toMatchObject(gone);
    await monitor.idle();
    expect(finished).toMatchObject([{ path, code: status.CANCELLED, error: gone }]);
  });

  test('while it reads nothing', async () => {
    const messages = endless();
    const { call, monitor, finished } = await serve(messages.stream);
    const stream = call();
    stream.on('error', () => {});
    await once(stream, 'readable');
    stream.cancel();
    expect(await messages.closed).toMatchObject(gone);
    await monitor.idle();
    expect(finished).toMatchObject([{ code: status.CANCELLED }]);
  });

  test('while the next message takes its time', async () => {
    const reached = deferred();
    const { call, monitor, finished } = await serve(async function* (_, signal) {
      yield numbered(1);
      reached.resolve();
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    });
    const stream = call();
    stream.on('error', () => {}).resume();
    await reached.promise;
    stream.cancel();
    await monitor.idle();
    expect(finished).toMatchObject([{ code: status.CANCELLED, error: gone }]);
  });

  test('because its deadline expires', async () => {
    const { call, monitor, finished } = await serve(async function* (_, signal) {
      yield numbered(1);
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    });
    const reading = call({ deadline: Date.now() + 1000 }).toArray();
    await expect(reading).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
    await monitor.idle();
    expect(finished).toMatchObject([{ code: status.CANCELLED, error: gone }]);
  });
});
