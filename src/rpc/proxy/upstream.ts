import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import { type Endpoint, formatEndpoint } from '../endpoint.ts';
import { sessionOptions, widenWindow } from './session-options.ts';

/** How long a connection may take to be there; on a Unix socket it is there at once or never. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * The server that calls are passed on to, and the one connection to it: opened when the first call needs it, and again
 * when a call needs it after it was lost or the server has said that it takes no more calls on it.
 */
export class Upstream {
  /** What it is called where callers are told of it. */
  readonly name: string;
  private readonly endpoint: Endpoint;
  private readonly dial: typeof connectTo;
  private readonly open = new Set<ClientHttp2Session>();
  private current: ClientHttp2Session | undefined;
  private opening: Promise<ClientHttp2Session> | undefined;
  private isStopped = false;

  /** @param dial begins to connect; other than for tests there is one way */
  constructor(endpoint: Endpoint, dial = connectTo) {
    this.name = formatEndpoint(endpoint);
    this.endpoint = endpoint;
    this.dial = dial;
  }

  /** A connection that takes calls. @throws Error with a sentence that names the endpoint */
  async session(): Promise<ClientHttp2Session> {
    if (this.isStopped) throw new Error(this.whyLost());
    if (this.current && takesCalls(this.current)) return this.current;
    // Calls that come while it is being opened wait for the same one.
    this.opening ??= this.connect().finally(() => {
      this.opening = undefined;
    });
    this.current = await this.opening;
    return this.current;
  }

  /** What calls that the end of a connection has cut off are told. */
  whyLost(): string {
    return this.isStopped ? 'the proxy is stopping' : `the connection to ${this.name} was lost`;
  }

  /** Breaks off every call that is still under way. */
  stop(): void {
    this.isStopped = true;
    for (const session of this.open) session.destroy();
  }

  private connect(): Promise<ClientHttp2Session> {
    const socket = this.dial(this.endpoint);
    // The authority is what a call names itself; this one is only a form.
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
      // Stays for the whole life of the session: an error that nobody listens to would end the process.
      session.on('error', (error) => {
        cause = error.message;
      });
      session.once('close', () => {
        clearTimeout(timeout);
        this.open.delete(session);
        // Where the session was given out already, this does nothing, and each of its calls finds out by itself.
        reject(new Error(`cannot reach ${this.name}: ${cause}`));
      });
    });
  }
}

/** Not the case once the server has said that it is going away, though the calls under way may go on. */
function takesCalls(session: ClientHttp2Session): boolean {
  return !session.closed && !session.destroyed;
}

function connectTo(endpoint: Endpoint): Socket {
  return endpoint.kind === 'unix'
    ? connectSocket({ path: endpoint.path })
    : connectSocket({ host: endpoint.host, port: endpoint.port });
}
