import {
  type CallOptions,
  type Client,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  type ServiceError,
} from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { csiClients } from '../../src/rpc/proto.ts';

type ServiceClass = (typeof csiClients)[keyof typeof csiClients];

/** When a client gives up a call. */
export interface UnaryOptions {
  readonly deadline?: number;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
}

/** The RPCs of a service as functions that promise the reply. */
type Calls<Service extends ServiceClass> = {
  readonly [Name in keyof Service['service'] as string extends Name
    ? never
    : Name]: Service['service'][Name] extends MethodDefinition<
    infer Request,
    infer _Response,
    infer _RequestOutput,
    infer Reply
  >
    ? (request: Request, options?: UnaryOptions) => Promise<Reply>
    : never;
};

/** The streaming RPCs of a service, as functions that return the stream: `for await (const message of …)`. */
type Streams<Service extends ServiceClass> = {
  readonly [Name in keyof Calls<Service>]: Calls<Service>[Name] extends (
    request: infer Request,
  ) => Promise<infer Reply>
    ? (request: Request, options?: CallOptions) => ClientReadableStream<Reply>
    : never;
};

/** A client for the tests: `await client.node.NodeGetInfo({})`. Close it afterwards. */
export class CsiClient {
  readonly identity: Calls<typeof csiClients.Identity>;
  readonly controller: Calls<typeof csiClients.Controller>;
  readonly node: Calls<typeof csiClients.Node>;
  readonly groupController: Calls<typeof csiClients.GroupController>;
  readonly snapshotMetadata: Streams<typeof csiClients.SnapshotMetadata>;
  private readonly clients: Client[] = [];

  /** @param endpoint as the driver prints it, `unix:///path` or `tcp://host:port` */
  constructor(endpoint: string) {
    const address = endpoint.replace(/^tcp:\/\//, '');
    const connect = <Service extends ServiceClass>(service: Service): InstanceType<Service> => {
      // Each has its own connection, so that a driver is found again after it has died and restarted.
      const client = new service(address, credentials.createInsecure(), {
        'grpc.use_local_subchannel_pool': 1,
      });
      this.clients.push(client);
      return client as InstanceType<Service>;
    };
    this.identity = promising(connect(csiClients.Identity));
    this.controller = promising(connect(csiClients.Controller));
    this.node = promising(connect(csiClients.Node));
    this.groupController = promising(connect(csiClients.GroupController));
    this.snapshotMetadata = connect(csiClients.SnapshotMetadata);
  }

  close(): void {
    for (const client of this.clients) client.close();
  }
}

type UnaryCall = (
  request: unknown,
  options: object,
  callback: (error: ServiceError | null, reply: unknown) => void,
) => ClientUnaryCall;

function promising<Service extends ServiceClass>(client: Client): Calls<Service> {
  const methods = client as unknown as Record<string, UnaryCall>;
  return new Proxy({} as Calls<Service>, {
    get:
      (_, name: string) =>
      (request: unknown, { signal, ...options }: UnaryOptions = {}) =>
        new Promise((resolve, reject) => {
          const call = methods[name]?.call(client, request, options, (error, reply) =>
            error ? reject(error) : resolve(reply),
          );
          signal?.addEventListener('abort', () => call?.cancel());
        }),
  });
}
