import type {
  Server,
  ServerDuplexStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';

type Stream = ServerDuplexStream<unknown, unknown>;
type StreamHandler = (call: Stream) => void;

/**
 * Wraps a server to add a service whose streams clients may hold open indefinitely, such as Watch of the health
 * service. It tracks the open streams and can end them, so that the server can close without breaking a connection.
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
