import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type Endpoint, formatEndpoint } from '../../../../src/rpc/server/endpoint.ts';

type Header = readonly [name: string, value: string];

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const HEAD_BYTES = 9;
const HEADERS = 1;
const SETTINGS = 4;
const END_STREAM = 1;
const END_HEADERS = 4;

/** Sends one request with headers that Node's own client would not send. */
export function requestWithFrames(endpoint: Endpoint, headers: readonly Header[]): void {
  const socket = connect(pathOf(endpoint));
  endWithTest(socket);
  socket.write(Buffer.concat([Buffer.from(PREFACE), settingsFrame(), headersFrame(headers, END_STREAM)]));
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
    if (received.readUInt8(at + 3) === HEADERS) return true;
    at += HEAD_BYTES + received.readUIntBE(at, 3);
  }
  return false;
}

function settingsFrame(): Buffer {
  return frame(SETTINGS, 0, 0, Buffer.alloc(0));
}

function headersFrame(headers: readonly Header[], flags: number): Buffer {
  // Each as a literal that is not added to a table and not compressed (HPACK, Literal Header Field without Indexing).
  const literals = headers.map((header) =>
    Buffer.concat([Buffer.of(0), ...header.flatMap((text) => [Buffer.of(text.length), Buffer.from(text)])]),
  );
  return frame(HEADERS, END_HEADERS | flags, 1, Buffer.concat(literals));
}

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}
