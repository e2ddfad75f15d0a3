import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Endpoint } from '../../../../src/rpc/server/endpoint.ts';

/** A closed stream as the caller sees it. */
export interface StreamEnd {
  readonly headers: IncomingHttpHeaders | undefined;
  /** The headers as received, alternating names and values. */
  readonly rawHeaders: readonly string[];
  readonly data: Buffer;
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly rawTrailers: readonly string[];
  readonly resetCode: number;
}

/** A client without gRPC. */
export function connectRaw(endpoint: Endpoint): ClientHttp2Session {
  const socket = endpoint.kind === 'unix' ? connect(endpoint.path) : connect(endpoint.port, endpoint.host);
  const session = connectHttp2('http://localhost', { createConnection: () => socket });
  session.on('error', () => {});
  onTestFinished(() => session.destroy());
  return session;
}

/** Begins a call; its request stays open. */
export function openRaw(session: ClientHttp2Session, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
  const stream = session.request(
    {
      ':method': 'POST',
      ':path': '/proxy.test.Echo/Raw',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    },
    { endStream: false },
  );
  stream.on('error', () => {});
  return stream;
}

/** Reads a stream to its end, whatever the outcome. */
export function endOf(stream: ClientHttp2Stream): Promise<StreamEnd> {
  const data: Buffer[] = [];
  let [headers, trailers]: (IncomingHttpHeaders | undefined)[] = [];
  let [rawHeaders, rawTrailers]: string[][] = [];
  stream.on('response', (received: IncomingHttpHeaders, _flags: number, raw: string[]) => {
    [headers, rawHeaders] = [received, raw];
  });
  stream.on('trailers', (received: IncomingHttpHeaders, _flags: number, raw: string[]) => {
    [trailers, rawTrailers] = [received, raw];
  });
  stream.on('data', (chunk: Buffer) => data.push(chunk));
  return new Promise((resolve) => {
    stream.on('close', () =>
      resolve({
        headers,
        rawHeaders: rawHeaders ?? [],
        data: Buffer.concat(data),
        trailers,
        rawTrailers: rawTrailers ?? [],
        resetCode: stream.rstCode ?? 0,
      }),
    );
  });
}

/** Answers each call at an endpoint as the test says. */
export async function serveRaw(
  endpoint: Endpoint,
  answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) => void,
): Promise<void> {
  const server = createServer();
  server.on(
    'stream',
    (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
      stream.on('error', () => {});
      answer(stream, headers, raw);
    },
  );
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(endpoint, resolve));
  onTestFinished(() => {
    server.close();
    for (const session of sessions) session.destroy();
  });
}
