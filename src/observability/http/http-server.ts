import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A reply, as text. */
export interface HttpReply {
  readonly status: number;
  readonly body: string;
  /** By default plain text. */
  readonly contentType?: string;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Where to listen: at a TCP port, or on a Unix socket. */
export type HttpAddress =
  | {
      /** Undefined for all addresses of the machine. */
      readonly host: string | undefined;
      /** 0 for any free port. */
      readonly port: number;
    }
  | { readonly path: string };

/** Handles a request whose body or reply may be of any size. */
export type HttpExchange = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export interface HttpServerParts {
  readonly address: HttpAddress;
  /** What is served, by its exact path. */
  readonly routes: ReadonlyMap<string, () => HttpReply | Promise<HttpReply>>;
  /** What is served for POST, by the start of its path: it reads the request and writes the whole reply. */
  readonly exchanges?: ReadonlyMap<string, HttpExchange>;
  /** Called with the error of a route. */
  readonly onError: (error: unknown) => void;
}

export interface RunningHttpServer {
  /** With the actual address and port, or the path of the socket, as a URL. */
  readonly url: string;
  /** Stops listening and closes all connections. */
  close(): Promise<void>;
}

// A few monitoring systems and the kubelet are the only clients.
const MAX_CONNECTIONS = 64;
const MAX_HEADER_BYTES = 8 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 10_000;
// More than a scrape takes; for clients that do not read.
const IDLE_TIMEOUT_MS = 30_000;

/**
 * Serves a few fixed paths over HTTP, for GET and HEAD.
 * @throws Error if it cannot listen at the address
 */
export async function startHttpServer({
  address,
  routes,
  exchanges = new Map(),
  onError,
}: HttpServerParts): Promise<RunningHttpServer> {
  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: REQUEST_TIMEOUT_MS,
    // The body of an exchange may take any time.
    requestTimeout: exchanges.size > 0 ? 0 : REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  const server = createServer(limits, (request, response) => {
    const exchange = exchangeOf(request, exchanges);
    if (exchange) {
      request.socket.setTimeout(0);
      exchange(request, response).catch((error: unknown) => {
        onError(error);
        response.destroy();
      });
      return;
    }
    reply(request, routes)
      .catch((error: unknown) => {
        onError(error);
        return { status: 500, body: "internal error; see the driver's log\n" };
      })
      .then((answer) => send(response, answer))
      .catch(onError);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = IDLE_TIMEOUT_MS;
  await listen(server, address);
  return {
    url: 'path' in address ? `unix://${address.path}` : urlOf(server.address() as AddressInfo),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, address: HttpAddress): Promise<void> {
  const { host = undefined, ...where } = 'path' in address ? { path: address.path } : address;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...where, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function exchangeOf(
  { method, url = '' }: IncomingMessage,
  exchanges: NonNullable<HttpServerParts['exchanges']>,
): HttpExchange | undefined {
  if (method !== 'POST') return undefined;
  const path = pathOf(url) ?? '';
  return [...exchanges].find(([start]) => path.startsWith(start))?.[1];
}

async function reply(
  { method = '', url = '' }: IncomingMessage,
  routes: HttpServerParts['routes'],
): Promise<HttpReply> {
  const route = routes.get(pathOf(url) ?? '');
  if (!route) return { status: 404, body: `not found; available: ${[...routes.keys()].join(', ')}\n` };
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'only GET and HEAD are allowed\n' };
  return route();
}

/** The path in the target of a request; undefined if it is malformed. */
function pathOf(target: string): string | undefined {
  return URL.canParse(target, 'http://localhost') ? new URL(target, 'http://localhost').pathname : undefined;
}

function send(
  response: ServerResponse,
  { status, body, contentType = 'text/plain; charset=utf-8', headers = {} }: HttpReply,
): void {
  const allow = status === 405 ? { Allow: 'GET, HEAD' } : {};
  response.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
    ...allow,
  });
  response.end(body);
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
