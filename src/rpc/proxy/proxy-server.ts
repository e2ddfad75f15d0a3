import {
  createServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Server } from 'node:net';
import type { status } from '@grpc/grpc-js';
import { type Endpoint, formatEndpoint } from '../server/endpoint.ts';
import { closeIfUnresponsive, defaultKeepAlive, type KeepAlive } from '../server/keep-alive.ts';
import type { RunningServer } from '../server/server.ts';
import { clearStaleSocket, type SocketAccess, setSocketAccess } from '../server/unix-socket.ts';
import { settlesWithin } from '../settles-within.ts';
import { forwardCall } from './forward-call.ts';
import { sessionOptions, Upstream, widenWindow } from './upstream.ts';

/** The time limit for the last answers, which say that the proxy is stopping. */
const FINAL_REPLY_MS = 1000;

/** Where a proxy listens, and where it forwards calls. */
export interface ProxyParts {
  readonly endpoint: Endpoint;
  readonly socketAccess: SocketAccess;
  readonly target: Endpoint;
  readonly onFinished: (call: ForwardedCall) => void;
  readonly keepAlive?: KeepAlive;
}

/** One finished call, for the log. Its content is unknown. */
export interface ForwardedCall {
  /** Path of the method, for instance `/csi.v1.Node/NodeStageVolume`. */
  readonly path: string;
  readonly code: status;
  readonly durationMs: number;
  /** The reason, if the proxy or the caller ended the call and not the upstream. */
  readonly reason: string | undefined;
}

/**
 * Starts forwarding calls of any service. The upstream may be absent; until it is there, calls are answered
 * UNAVAILABLE.
 * @throws Error if the proxy cannot listen on the endpoint
 */
export async function startProxyServer({
  endpoint,
  socketAccess,
  target,
  onFinished,
  keepAlive = defaultKeepAlive,
}: ProxyParts): Promise<RunningServer> {
  const server = createServer(sessionOptions);
  const upstream = new Upstream(target);
  const sessions = trackSessions(server, keepAlive);
  server.on(
    'stream',
    (caller: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
      const startedAt = performance.now();
      const path = headers[':path'] ?? '';
      void forwardCall({ caller, headers, raw }, upstream).then(({ code, reason }) =>
        onFinished({ path, code, reason, durationMs: performance.now() - startedAt }),
      );
    },
  );
  const bound = await listen(server, endpoint, socketAccess);
  return {
    endpoint: bound,
    async drain(timeoutMs) {
      // Refuses new connections, stops new calls on open ones, and calls back when all calls are answered.
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      const isDrained = await settlesWithin(closed, timeoutMs);
      upstream.stop();
      // Interrupted calls receive an answer that says so, if their callers still read.
      await settlesWithin(closed, FINAL_REPLY_MS);
      for (const session of sessions) session.destroy();
      return isDrained;
    },
  };
}

/** The open connections of a server. */
function trackSessions(server: Server, keepAlive: KeepAlive): ReadonlySet<Http2Session> {
  const sessions = new Set<Http2Session>();
  server.on('session', (session: Http2Session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    widenWindow(session);
    closeIfUnresponsive(session, keepAlive);
  });
  return sessions;
}

async function listen(server: Server, endpoint: Endpoint, socketAccess: SocketAccess): Promise<Endpoint> {
  if (endpoint.kind === 'unix') await clearStaleSocket(endpoint.path);
  await new Promise<void>((resolve, reject) => {
    // The caller must handle later errors, such as a connection that could not be accepted.
    server.on('error', (error) =>
      reject(new Error(`cannot listen on ${formatEndpoint(endpoint)}: ${error.message}`, { cause: error })),
    );
    server.listen(endpoint, resolve);
  });
  if (endpoint.kind === 'tcp') return { ...endpoint, port: portOf(server) };
  try {
    await setSocketAccess(endpoint.path, socketAccess);
  } catch (error) {
    // A server that keeps listening would keep the process alive.
    server.close();
    throw error;
  }
  return endpoint;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
