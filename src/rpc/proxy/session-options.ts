import type { Http2Session } from 'node:http2';

/** How much of one call may be on its way without having been read; it is also what a slow reader makes us hold. */
const STREAM_WINDOW_BYTES = 1024 ** 2;
/** The same for all calls of a connection together, so that a few large ones do not hold up the others. */
const SESSION_WINDOW_BYTES = 16 * 1024 ** 2;
/** Far above what any number of calls of this kind need; at the default of 10 MB, calls would be refused. */
const SESSION_MEMORY_MB = 1024;

/** What both sides of the proxy have in common. */
export const sessionOptions = {
  settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
  maxSessionMemory: SESSION_MEMORY_MB,
} as const;

/** Lets a connection carry more than the 64 KiB at a time that HTTP/2 begins with. */
export function widenWindow(session: Http2Session): void {
  session.setLocalWindowSize(SESSION_WINDOW_BYTES);
}
