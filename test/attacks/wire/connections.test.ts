import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'vitest';
import { isHostRoot } from '../../support/host-root.ts';
import { frame, frameTypes, headersFrame, PREFACE, settingsFrame } from '../../support/http2-frames.ts';
import { blockDevice, image, imageFile } from '../../support/image-node.ts';
import { AttackedDriver } from '../support/attacked-driver.ts';
import { Random, rounds } from '../support/random.ts';

const CONNECTIONS = 1_000;
const WATCHES = 200;
// More than Node allows at once.
const RESETS = 2_000;
const END_STREAM = 1;
const CANCEL = 8;
/** A message without content, as gRPC frames it. */
const EMPTY_MESSAGE = Buffer.alloc(5);

const random = new Random('connections');

async function connectedTo({ node }: AttackedDriver): Promise<Socket> {
  const socket = connect(node.socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** A connection of a client that takes no data of a stream. */
function sessionTo({ node }: AttackedDriver, initialWindowSize: number): ClientHttp2Session {
  const settings = { initialWindowSize };
  const session = connectHttp2('http://localhost', {
    settings,
    createConnection: () => connect(node.socket),
  });
  session.on('error', () => {});
  return session;
}

function headersOf(path: string): Record<string, string> {
  return { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
}

function open(session: ClientHttp2Session, path: string, message: Buffer): ClientHttp2Stream {
  const stream = session.request(headersOf(path));
  stream.on('error', () => {});
  stream.end(message);
  return stream;
}

function openingOf(path: string, streamId: number): Buffer {
  const names = Object.entries({ ':scheme': 'http', ':authority': 'localhost', ...headersOf(path) });
  return headersFrame(names.sort(), 0, streamId);
}

/** A call that its caller resets at once. */
function openedAndReset(streamId: number): Buffer {
  return Buffer.concat([
    openingOf('/csi.v1.Controller/ListVolumes', streamId),
    frame(frameTypes.data, END_STREAM, streamId, EMPTY_MESSAGE),
    frame(frameTypes.rstStream, 0, streamId, Buffer.of(0, 0, 0, CANCEL)),
  ]);
}

function randomFrame(): Buffer {
  const streamId = random.pick([0, 1, 2, 3, 5, 2 ** 31 - 1]);
  switch (random.below(4)) {
    case 0:
      return openingOf('/csi.v1.Controller/CreateVolume', streamId);
    case 1:
      return frame(
        frameTypes.data,
        random.below(2),
        streamId,
        Buffer.concat([Buffer.of(0, 255, 255, 255, 255)]),
      );
    case 2:
      return random.bytes(random.below(64));
    default:
      return frame(random.below(12), random.below(256), streamId, random.bytes(random.below(64)));
  }
}

/** Writes a page in each part of a file. */
function writeEach(path: string, bytes: number, partBytes: number): void {
  const fd = openSync(path, 'r+');
  const page = Buffer.alloc(4096, 'x');
  for (let offset = 0; offset < bytes; offset += partBytes) writeSync(fd, page, 0, page.length, offset);
  closeSync(fd);
}

describe('a driver stays small, and answers others, while callers', () => {
  test('send fuzzed frames', async () => {
    const attacked = await AttackedDriver.start();
    await attacked.withstands(
      async () => {
        for (let round = 0; round < rounds(20); round++) {
          const socket = await connectedTo(attacked);
          if (random.below(8) > 0) socket.write(Buffer.concat([PREFACE, settingsFrame()]));
          for (let count = random.below(20); count > 0; count--) socket.write(randomFrame());
          await new Promise<void>((resolve) => socket.end(resolve));
          socket.destroy();
        }
        // Node 20 closes them after a ping that is not answered: after more than a minute (rpc/server/keep-alive.ts).
      },
      { waitsForDescriptors: rounds(1) > 1 },
    );
  });

  test('hold 1,000 connections', async () => {
    const attacked = await AttackedDriver.start();
    await attacked.withstands(async () => {
      const sockets: Socket[] = [];
      for (let count = 0; count < CONNECTIONS; count++) {
        const socket = await connectedTo(attacked);
        socket.write(Buffer.concat([PREFACE, settingsFrame()]));
        // The kernel refuses connections while 512 wait to be accepted.
        await once(socket, 'data');
        sockets.push(socket);
      }
      for (const socket of sockets) socket.destroy();
    });
  });

  test('reset calls as fast as they can', async () => {
    const attacked = await AttackedDriver.start();
    await attacked.withstands(
      async () => {
        for (let connection = 0; connection < rounds(2); connection++) {
          const socket = await connectedTo(attacked);
          socket.write(Buffer.concat([PREFACE, settingsFrame()]));
          for (let call = 0; call < RESETS; call++) socket.write(openedAndReset(2 * call + 1));
          await attacked.useWell();
          socket.destroy();
        }
      },
      // Nor does Node 20 read from a connection with too many of them.
      { waitsForDescriptors: rounds(1) > 1 },
    );
  });

  test('watch its health, and drop the watches', async () => {
    const attacked = await AttackedDriver.start();
    await attacked.withstands(async () => {
      for (let round = 0; round < rounds(2); round++) {
        const session = sessionTo(attacked, 65_535);
        const watch = () => open(session, '/grpc.health.v1.Health/Watch', EMPTY_MESSAGE);
        const watches = Array.from({ length: WATCHES }, watch);
        await Promise.all(watches.map((stream) => once(stream, 'response')));
        for (const stream of watches.slice(WATCHES / 2)) stream.close(CANCEL);
        session.destroy();
      }
    });
  });

  test.skipIf(!isHostRoot)('never read the blocks of snapshots that they ask for', async () => {
    const flags = ['--enable-snapshot-metadata', '--snapshot-metadata-block-type=FIXED_LENGTH'];
    flags.push('--max-volume-size=1Gi');
    const attacked = await AttackedDriver.start(flags);
    const { node } = attacked;
    const capability = blockDevice();
    // 16,384 blocks in each reply: kept in memory for every stream, they would take far more than the driver may.
    const bytes = 1024 ** 3;
    const source_volume_id = await node.create('full', {
      ...image(bytes),
      volume_capabilities: [capability],
    });
    writeEach(imageFile(node, source_volume_id), bytes, 64 * 1024);
    const { snapshot } = await node.controller.CreateSnapshot({ name: 'full', source_volume_id });
    const { snapshot_id = '' } = snapshot ?? {};
    const id = Buffer.from(snapshot_id);
    const request = Buffer.concat([Buffer.of(10, id.length), id]);
    const message = Buffer.concat([Buffer.of(0, 0, 0, 0, request.length), request]);
    const leaveUnread = async () => {
      const session = sessionTo(attacked, 0);
      const streams = Array.from({ length: WATCHES }, () =>
        open(session, '/csi.v1.SnapshotMetadata/GetMetadataAllocated', message),
      );
      await Promise.race(streams.map((stream) => once(stream, 'response')));
      for (let use = 0; use < 5; use++) await attacked.useWell();
      session.destroy();
    };
    await attacked.withstands(leaveUnread);
  });
});
