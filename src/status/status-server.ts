import { type HttpExchange, startHttpServer } from '../observability/http/http-server.ts';
import type { Logger } from '../observability/logger.ts';
import { clearStaleSocket, setSocketAccess } from '../rpc/server/unix-socket.ts';
import type { Reporter } from './reporter.ts';

export interface StatusServer {
  close(): Promise<void>;
}

export interface StatusServerParts {
  readonly reporter: Reporter;
  /** Actions of the driver, by the start of their paths. */
  readonly exchanges: ReadonlyMap<string, HttpExchange>;
  readonly logger: Logger;
}

const socketMode = 0o600;

/**
 * Serves the status of the driver, and its actions, over HTTP on a Unix socket that only the driver's user may enter. A driver works without, so
 * that a failure is logged and nothing more.
 * @returns undefined if it cannot listen
 */
export async function startStatusServer(
  path: string,
  { reporter, exchanges, logger }: StatusServerParts,
): Promise<StatusServer | undefined> {
  const onError = (err: unknown) => logger.error({ err }, 'status failed');
  try {
    await clearStaleSocket(path);
    const routes = new Map([['/status', () => reporter.reply()]]);
    const server = await startHttpServer({ address: { path }, routes, exchanges, onError });
    await setSocketAccess(path, { mode: socketMode, groupId: undefined });
    return server;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    logger.warn({ path, reason }, 'no status: cannot listen at --status-socket');
    return undefined;
  }
}
