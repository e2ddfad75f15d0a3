import { isAbsolute } from 'node:path';

/** Where the server listens. */
export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

// sun_path holds 108 bytes including the terminating NUL. libuv silently truncates a longer path.
const SOCKET_PATH_LIMIT_BYTES = 107;

// Any client that can connect can do everything that the driver can, so remote access needs an explicit address.
const LOOPBACK = '127.0.0.1';

/**
 * Parses `unix:///path`, `unix://path`, `unix:path`, a plain path, `tcp://host:port` or, for loopback only,
 * `tcp://:port`. A relative path is resolved against the working directory.
 * @throws Error with a sentence that quotes the text
 */
export function parseEndpoint(text: string): Endpoint {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return unixEndpoint(text, text);
  if (scheme === 'unix') return unixEndpoint(text, text.slice('unix:'.length).replace(/^\/\//, ''));
  if (scheme === 'tcp') return tcpEndpoint(text);
  throw new Error(
    `${JSON.stringify(text)} has the unsupported scheme ${scheme}; expected unix://PATH, unix:PATH, a path or tcp://HOST:PORT`,
  );
}

/** Whether other machines may be able to connect. */
export function isRemote(endpoint: Endpoint): boolean {
  return endpoint.kind === 'tcp' && !/^(127\.[\d.]+|::1|localhost)$/i.test(endpoint.host);
}

/** Formats an endpoint as users write it. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return `unix://${endpoint.path}`;
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `tcp://${host}:${endpoint.port}`;
}

function unixEndpoint(text: string, path: string): Endpoint {
  if (path === '' || path.endsWith('/')) throw new Error(`${JSON.stringify(text)} does not name a socket`);
  const lengthBytes = Buffer.byteLength(path);
  if (lengthBytes > SOCKET_PATH_LIMIT_BYTES) {
    throw new Error(
      `${JSON.stringify(text)} has a socket path of ${lengthBytes} bytes; the kernel limit is ${SOCKET_PATH_LIMIT_BYTES}`,
    );
  }
  return { kind: 'unix', path: isAbsolute(path) ? path : `./${path}` };
}

function tcpEndpoint(text: string): Endpoint {
  const match = /^tcp:\/\/(?:\[([0-9a-f:.]+)\]|([^:/[\]]*)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535) throw new Error(`${JSON.stringify(text)} must have the form tcp://HOST:PORT`);
  return { kind: 'tcp', host: match[1] ?? (match[2] || LOOPBACK), port };
}
