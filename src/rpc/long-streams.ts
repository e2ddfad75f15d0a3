import type {
  Server,
  ServerDuplexStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';

type Stream = ServerDuplexStream<unknown, unknown>;
type StreamHandler = (call: Stream) => void;

/**
 * Stands in for a server when a service with streams that clients may hold open for ever is added, health's Watch
 * for one: it knows the open ones and can end them, so that a server can close without cutting anybody off.
 */
export class LongStreams implements Pick<Server, 'addService'> {
  private readonly server: Server;
  private readonly open = new Set<Stream>();

  constructor(server: Server) {
    this.server = server;
  }

  addService(service: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    const tracked = Object.entries(implementation).map(([name, handler]) => {
      const method = Object.values(service).find(
        (each) => name === each.originalName || each.path.endsWith(`/${name}`),
      );
      return [name, method?.responseStream ? this.track(handler as StreamHandler) : handler];
    });
    this.server.addService(service, Object.fromEntries(tracked));
  }

  endAll(): void {
    for (const stream of this.open) stream.end();
  }

  private track(handler: StreamHandler): StreamHandler {
    return (stream) => {
      this.open.add(stream);
      stream.once('cancelled', () => this.open.delete(stream));
      handler(stream);
    };
  }
}
