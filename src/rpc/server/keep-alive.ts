import type { Http2Session } from 'node:http2';

/** When a connection counts as dead: no data for `timeMs`, then no answer to a ping within `timeoutMs`. */
export interface KeepAlive {
  readonly timeMs: number;
  readonly timeoutMs: number;
}

/**
 * After a malformed frame, Node 20 neither reads from the connection nor closes it, so its descriptor would stay open
 * even after the peer is gone. A ping detects this, and TCP peers that have vanished.
 */
export const defaultKeepAlive: KeepAlive = { timeMs: 60_000, timeoutMs: 20_000 };

/** The same settings as options of a grpc-js server. */
export function keepAliveOptions({ timeMs, timeoutMs }: KeepAlive) {
  return { 'grpc.keepalive_time_ms': timeMs, 'grpc.keepalive_timeout_ms': timeoutMs };
}

/** Pings the peer of a connection periodically, and closes the connection if the peer does not answer. */
export function closeIfUnresponsive(session: Http2Session, { timeMs, timeoutMs }: KeepAlive): void {
  let deadline: NodeJS.Timeout | undefined;
  const interval = setInterval(() => {
    // Between its destruction and its end, a session throws.
    if (deadline || session.destroyed) return;
    deadline = setTimeout(() => session.destroy(), timeoutMs).unref();
    const isSent = session.ping(() => {
      clearTimeout(deadline);
      deadline = undefined;
    });
    // Too many pings are unanswered.
    if (!isSent) session.destroy();
  }, timeMs).unref();
  session.once('close', () => {
    clearInterval(interval);
    clearTimeout(deadline);
  });
}
