import type { Http2Session } from 'node:http2';

/** When a connection counts as dead: nothing was heard for `timeMs`, and a ping got no answer within `timeoutMs`. */
export interface KeepAlive {
  readonly timeMs: number;
  readonly timeoutMs: number;
}

/**
 * Node 20 neither reads from nor closes a connection on which a malformed frame came, so its descriptor would stay for ever,
 * also when the peer has gone. A ping finds it, and TCP peers that have vanished as well.
 */
export const defaultKeepAlive: KeepAlive = { timeMs: 60_000, timeoutMs: 20_000 };

/** The same for a server of grpc-js. */
export function keepAliveOptions({ timeMs, timeoutMs }: KeepAlive) {
  return { 'grpc.keepalive_time_ms': timeMs, 'grpc.keepalive_timeout_ms': timeoutMs };
}

/** Pings the peer of a connection now and then, and ends the connection when it does not answer. */
export function endWhenDead(session: Http2Session, { timeMs, timeoutMs }: KeepAlive): void {
  let deadline: NodeJS.Timeout | undefined;
  const interval = setInterval(() => {
    if (deadline) return;
    deadline = setTimeout(() => session.destroy(), timeoutMs).unref();
    const isSent = session.ping(() => {
      clearTimeout(deadline);
      deadline = undefined;
    });
    // Too many are unanswered.
    if (!isSent) session.destroy();
  }, timeMs).unref();
  session.once('close', () => {
    clearInterval(interval);
    clearTimeout(deadline);
  });
}
