import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import type { Rpc } from './rpcs.ts';

/** How a call ended: `OK`, or the code and details of its status. */
export interface Ending {
  readonly code: keyof typeof status;
  readonly details: string;
  /** All trailing metadata. */
  readonly trailers: string;
}

/** A client that sends any bytes as a request, and reads any reply. */
export class RawClient {
  private readonly client: Client;

  constructor(endpoint: string) {
    this.client = new Client(endpoint, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  }

  close(): void {
    this.client.close();
  }

  call({ path, isStream }: Pick<Rpc, 'path' | 'isStream'>, body: Uint8Array): Promise<Ending> {
    const bytes = (value: Uint8Array) => Buffer.from(value);
    const deserialize = (value: Buffer) => value;
    return new Promise((resolve) => {
      const end = (error: ServiceError | null) => resolve(endingOf(error));
      if (!isStream) {
        this.client.makeUnaryRequest(path, bytes, deserialize, body, end);
        return;
      }
      const stream = this.client.makeServerStreamRequest(path, bytes, deserialize, body);
      stream.on('data', () => {});
      stream.on('error', (error: ServiceError) => end(error));
      stream.on('end', () => end(null));
    });
  }
}

function endingOf(error: ServiceError | null): Ending {
  if (!error) return { code: 'OK', details: '', trailers: '' };
  const { code, details, metadata } = error;
  return {
    code: status[code] as keyof typeof status,
    details,
    trailers: JSON.stringify(metadata.getMap()),
  };
}
