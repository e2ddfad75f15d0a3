import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';

/** A real server on a socket of its own. */
export interface LocalServer {
  readonly server: Server;
  /** The address for a client. */
  readonly target: string;
  /** Aborts every call and removes the socket. */
  stop(): void;
}

/** Starts a grpc-js server on a unix socket in a temporary directory, after `addServices` has filled it. */
export async function startLocalServer(addServices: (server: Server) => void): Promise<LocalServer> {
  const directory = mkdtempSync(join(tmpdir(), 'rpc-'));
  const target = `unix:${join(directory, 'csi.sock')}`;
  const server = new Server();
  addServices(server);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  const stop = () => {
    server.forceShutdown();
    rmSync(directory, { recursive: true, force: true });
  };
  return { server, target, stop };
}
