import { type ClientHttp2Session, connect as connectHttp2, type Http2Session } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import { type Endpoint, formatEndpoint } from '../server/endpoint.ts';

/** How long connecting may take; a Unix socket connects immediately or never. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * The server that receives the forwarded calls, and the single connection to it: opened when the first call needs it,
 * and reopened for a later call if it was lost or the server has announced that it accepts no more calls on it.
 */
export class Upstream {
  /** Its name in messages to callers. */
  readonly name: string;
  private readonly endpoint: Endpoint;
  private readonly dial: typeof connectTo;
  private readonly open = new Set<ClientHttp2Session>();
  private current: ClientHttp2Session | undefined;
  private opening: Promise<ClientHttp2Session> | undefined;
  private isStopped = false;

  /** @param dial starts to connect; a parameter for tests only */
  constructor(endpoint: Endpoint, dial = connectTo) {
    this.name = formatEndpoint(endpoint);
    this.endpoint = endpoint;
    this.dial = dial;
  }

  /**
   * Returns a connection that accepts calls.
   * @throws Error with a sentence that names the endpoint
   */
  async session(): Promise<ClientHttp2Session> {
    if (this.isStopped) throw new Error(this.lossReason());
    if (this.current && acceptsCalls(this.current)) return this.current;
    // Calls that arrive while it is being opened wait for the same connection.
    this.opening ??= this.connect().finally(() => {
      this.opening = undefined;
    });
    this.current = await this.opening;
    return this.current;
  }

  /** The reason given to calls interrupted by the end of a connection. */
  lossReason(): string {
    return this.isStopped ? 'the proxy is stopping' : `the connection to ${this.name} was lost`;
  }

  /** Interrupts every call in progress. */
  stop(): void {
    this.isStopped = true;
    for (const session of this.open) session.destroy();
  }

  private connect(): Promise<ClientHttp2Session> {
    const socket = this.dial(this.endpoint);
    // Each call carries its own authority; this one is only a placeholder.
    const session = connectHttp2('http://localhost', { ...sessionOptions, createConnection: () => socket });
    this.open.add(session);
    const timeout = setTimeout(() => {
      socket.destroy(new Error(`no connection after ${CONNECT_TIMEOUT_MS / 1000} s`));
    }, CONNECT_TIMEOUT_MS);
    return new Promise((resolve, reject) => {
      let cause = 'the connection was closed';
      session.once('connect', () => {
        clearTimeout(timeout);
        widenWindow(session);
        resolve(session);
      });
      // Stays for the whole life of the session: an unhandled error event would end the process.
      session.on('error', (error) => {
        cause = error.message;
      });
      session.once('close', () => {
        clearTimeout(timeout);
        this.open.delete(session);
        // If the session was already returned, this does nothing, and each of its calls detects the loss itself.
        reject(new Error(`cannot reach ${this.name}: ${cause}`));
      });
    });
  }
}

/** False once the server has sent GOAWAY, although calls in progress may continue. */
function acceptsCalls(session: ClientHttp2Session): boolean {
  return !session.closed && !session.destroyed;
}

function connectTo(endpoint: Endpoint): Socket {
  return endpoint.kind === 'unix'
    ? connectSocket({ path: endpoint.path })
    : connectSocket({ host: endpoint.host, port: endpoint.port });
}

/** How much unread data of one call may be in flight; also how much the proxy buffers for a slow reader. */
const STREAM_WINDOW_BYTES = 1024 ** 2;
/** The same for all calls of a connection together, so that a few large ones do not block the others. */
const SESSION_WINDOW_BYTES = 16 * 1024 ** 2;
/** Far more than any number of such calls needs; at the default of 10 MB, calls would be refused. */
const SESSION_MEMORY_MB = 1024;

/** The options common to both sides of the proxy. */
export const sessionOptions = {
  settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
  maxSessionMemory: SESSION_MEMORY_MB,
} as const;

/** Lets a connection carry more in flight than HTTP/2's initial 64 KiB. */
export function widenWindow(session: Http2Session): void {
  session.setLocalWindowSize(SESSION_WINDOW_BYTES);
}
