import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerOptions,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type StatusObject,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { type Endpoint, formatEndpoint } from '../../../../src/rpc/server/endpoint.ts';

const asIs = (bytes: Buffer) => bytes;
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/proxy.test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});

/** A service unknown to the driver, with one method of each kind; its messages are plain bytes. */
const echoDefinition = {
  Unary: method('Unary', false, false),
  Collect: method('Collect', true, false),
  Repeat: method('Repeat', false, true),
  Chat: method('Chat', true, true),
} satisfies ServiceDefinition;

/** The handlers of a test's own server; other methods answer UNIMPLEMENTED. */
export interface EchoHandlers {
  Unary?(call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void;
  Collect?(call: ServerReadableStream<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void;
  Repeat?(call: ServerWritableStream<Buffer, Buffer>): void;
  Chat?(call: ServerDuplexStream<Buffer, Buffer>): void;
}

/** Serves the handlers at an endpoint, until the test ends at the latest. */
export async function serveEcho(
  endpoint: Endpoint,
  handlers: EchoHandlers,
  options: ServerOptions = {},
): Promise<Server> {
  const server = new Server(options);
  server.addService(echoDefinition, { ...handlers });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(addressOf(endpoint), ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  onTestFinished(() => server.forceShutdown());
  return server;
}

/** Everything that a caller sees of one call. */
export interface Exchange {
  readonly replies: readonly Buffer[];
  /** Undefined if the status came without headers before it. */
  readonly headers: Metadata | undefined;
  readonly status: StatusObject;
}

/** A client on a connection of its own. */
export class EchoClient {
  private readonly client: Client;

  constructor(endpoint: Endpoint) {
    this.client = new Client(addressOf(endpoint), credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      // The next call of a test is sent at once, whatever happened to the previous one.
      'grpc.initial_reconnect_backoff_ms': 1,
      'grpc.min_reconnect_backoff_ms': 1,
      'grpc.max_reconnect_backoff_ms': 1,
    });
    onTestFinished(() => this.close());
  }

  /** Begins a call. On the wire a call with one message looks the same as one that could have more. */
  open(name: string, metadata = new Metadata(), options = {}): ClientDuplexStream<Buffer, Buffer> {
    const path = name.startsWith('/') ? name : `/proxy.test.Echo/${name}`;
    const call = this.client.makeBidiStreamRequest(path, asIs, asIs, metadata, options);
    // The status has the same information.
    call.on('error', () => {});
    return call;
  }

  /** Makes a whole call. */
  exchange(name: string, requests: readonly Buffer[], metadata?: Metadata, options?: object) {
    const call = this.open(name, metadata, options);
    const exchange = exchangeOf(call);
    for (const request of requests) call.write(request);
    call.end();
    return exchange;
  }

  close(): void {
    this.client.close();
  }
}

/** The result of a running call. */
export function exchangeOf(call: ClientDuplexStream<Buffer, Buffer>): Promise<Exchange> {
  const replies: Buffer[] = [];
  let headers: Metadata | undefined;
  call.on('data', (reply: Buffer) => replies.push(reply));
  call.on('metadata', (received: Metadata) => {
    headers = received;
  });
  return new Promise((resolve) => {
    call.on('status', (status: StatusObject) => resolve({ replies, headers, status }));
  });
}

function addressOf(endpoint: Endpoint): string {
  return formatEndpoint(endpoint).replace('tcp://', '');
}
