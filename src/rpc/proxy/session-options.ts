import type { Http2Session } from 'node:http2';

/** How much unread data of one call may be in flight; also how much the proxy buffers for a slow reader. */
const STREAM_WINDOW_BYTES = 1024 ** 2;
/** The same for all calls of a connection together, so that a few large ones do not block the others. */
const SESSION_WINDOW_BYTES = 16 * 1024 ** 2;
/** Far more than any number of such calls needs; at the default of 10 MB, calls would be refused. */
const SESSION_MEMORY_MB = 1024;

/** The options common to both sides of the proxy. */
export const sessionOptions = {
  settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
  maxSessionMemory: SESSION_MEMORY_MB,
} as const;

/** Lets a connection carry more in flight than HTTP/2's initial 64 KiB. */
export function widenWindow(session: Http2Session): void {
  session.setLocalWindowSize(SESSION_WINDOW_BYTES);
}
