import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type Endpoint, formatEndpoint } from '../../../../src/rpc/server/endpoint.ts';
import {
  frameTypes,
  HEAD_BYTES,
  type Header,
  headersFrame,
  PREFACE,
  settingsFrame,
} from '../../../support/http2-frames.ts';

const END_STREAM = 1;

/** Sends one request with headers that Node's own client would not send. */
export function requestWithFrames(endpoint: Endpoint, headers: readonly Header[]): void {
  const socket = connect(pathOf(endpoint));
  endWithTest(socket);
  socket.write(Buffer.concat([PREFACE, settingsFrame(), headersFrame(headers, END_STREAM)]));
}

/** Answers the first request of each connection with headers that Node's own server would not send. */
export async function answerWithFrames(endpoint: Endpoint, headers: readonly Header[]): Promise<void> {
  const server = createServer((socket) => {
    endWithTest(socket);
    socket.write(settingsFrame());
    let received = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      const had = hasHeaders(received);
      received = Buffer.concat([received, bytes]);
      if (!had && hasHeaders(received)) socket.write(headersFrame(headers, 0));
    });
  });
  server.listen(pathOf(endpoint));
  await once(server, 'listening');
  onTestFinished(() => void server.close());
}

function endWithTest(socket: Socket): void {
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
}

function pathOf(endpoint: Endpoint): string {
  return formatEndpoint(endpoint).replace('unix://', '');
}

/** Whether a frame of headers begins in what a client has sent. */
function hasHeaders(received: Buffer): boolean {
  let at = PREFACE.length;
  while (at + HEAD_BYTES <= received.length) {
    if (received.readUInt8(at + 3) === frameTypes.headers) return true;
    at += HEAD_BYTES + received.readUIntBE(at, 3);
  }
  return false;
}
