import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { CallMonitor } from '../call-monitor.ts';
import { LongStreams } from '../long-streams.ts';
import { addReflectionService } from '../reflection/reflection.ts';
import { settlesWithin } from '../settles-within.ts';
import { type Endpoint, formatEndpoint } from './endpoint.ts';
import { addHealthService } from './health.ts';
import { defaultKeepAlive, type KeepAlive, keepAliveOptions } from './keep-alive.ts';
import { clearStaleSocket, type SocketAccess, setSocketAccess } from './unix-socket.ts';

/** What a server serves, and where. */
export interface ServerParts {
  readonly endpoint: Endpoint;
  readonly socketAccess: SocketAccess;
  /** By full name, for instance `csi.v1.Identity`. */
  readonly services: ReadonlyMap<
    string,
    { definition: ServiceDefinition; implementation: UntypedServiceImplementation }
  >;
  readonly monitor: CallMonitor;
  readonly keepAlive?: KeepAlive;
}

export interface RunningServer {
  /** The endpoint that it listens on; with the actual port if 0 was requested. */
  readonly endpoint: Endpoint;
  /**
   * Accepts no more calls, lets those in progress finish, and closes.
   * @returns false if some had not finished after `timeoutMs`
   */
  drain(timeoutMs: number): Promise<boolean>;
}

/**
 * Starts serving the services, with reflection and health.
 * @throws Error if the server cannot listen on the endpoint
 */
export async function startServer({
  endpoint,
  socketAccess,
  services,
  monitor,
  keepAlive = defaultKeepAlive,
}: ServerParts): Promise<RunningServer> {
  const server = new Server(keepAliveOptions(keepAlive));
  for (const { definition, implementation } of services.values())
    server.addService(definition, implementation);
  const longStreams = new LongStreams(server);
  const health = addHealthService(longStreams, [...services.keys()]);
  addReflectionService(longStreams, [...services.keys(), 'grpc.health.v1.Health']);
  const bound = await bind(server, endpoint);
  try {
    if (bound.kind === 'unix') await setSocketAccess(bound.path, socketAccess);
  } catch (error) {
    // A server that keeps listening would keep the process alive.
    server.forceShutdown();
    throw error;
  }
  health.setServing(true);
  return {
    endpoint: bound,
    async drain(timeoutMs) {
      health.setServing(false);
      // Refuses new connections, stops new calls on open ones, and calls back when all calls are answered.
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      longStreams.endAll();
      // A call whose caller has disconnected holds no connection open, but its work must still finish.
      const isDrained = await settlesWithin(Promise.all([closed, monitor.idle()]), timeoutMs);
      server.forceShutdown();
      return isDrained;
    },
  };
}

async function bind(server: Server, endpoint: Endpoint): Promise<Endpoint> {
  if (endpoint.kind === 'unix') await clearStaleSocket(endpoint.path);
  const address =
    endpoint.kind === 'unix' ? `unix:${endpoint.path}` : formatEndpoint(endpoint).slice('tcp://'.length);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, boundPort) => {
      if (error)
        reject(new Error(`cannot listen on ${formatEndpoint(endpoint)}: ${error.message}`, { cause: error }));
      else resolve(boundPort);
    });
  });
  return endpoint.kind === 'unix' ? endpoint : { ...endpoint, port };
}
