import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { status } from '@grpc/grpc-js';
import { forwardedHeaders } from './headers.ts';
import { type Outcome, outcomeIn, outcomeOfReset, trailersOf, trailersOnly } from './outcome.ts';

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants;

/** The two streams of one call. */
export interface RelayedStreams {
  readonly caller: ServerHttp2Stream;
  readonly upstream: ClientHttp2Stream;
  /** Cancels the upstream's stream. Closing it would first end the request as if it were complete. */
  readonly cancellation: AbortController;
  /** The upstream's name in messages to the caller. */
  readonly upstreamName: string;
  /** Why the upstream's connection is lost; undefined while it is open. */
  readonly lossReason: () => string | undefined;
}

/**
 * Joins the two streams of one call, so that each side sees what the other one does: headers, data at the pace of its
 * reader, the end of the request, trailers and resets. The data is not inspected.
 */
export class Relay {
  private readonly streams: RelayedStreams;
  /** Set once the answer is complete, or can no longer be completed. */
  private outcome: Outcome | undefined;
  private trailers: OutgoingHttpHeaders = {};

  constructor(streams: RelayedStreams) {
    this.streams = streams;
  }

  /** Resolves when the caller's stream is closed. Never rejects. */
  run(): Promise<Outcome> {
    const { caller, upstream } = this.streams;
    return new Promise((resolve) => {
      upstream.on('response', (headers: IncomingHttpHeaders, flags: number, raw: string[]) =>
        this.handleEvent(() => this.passHeaders(headers, flags, raw)),
      );
      upstream.on('trailers', (headers: IncomingHttpHeaders, _flags: number, raw: string[]) =>
        this.handleEvent(() => this.keepTrailers(headers, raw)),
      );
      upstream.on('end', () => this.handleEvent(() => this.endAnswer()));
      upstream.on('close', () => this.handleEvent(() => this.upstreamClosed()));
      // The stream's close code says what happened.
      upstream.on('error', () => {});
      // Node also emits `end` for a stream that was reset, and an interrupted request is not complete.
      caller.on('aborted', () => caller.unpipe(upstream));
      caller.on('wantTrailers', () => this.handleEvent(() => this.sendTrailers()));
      caller.on('close', () => resolve(this.callerClosed()));
      caller.pipe(upstream);
    });
  }

  private passHeaders(headers: IncomingHttpHeaders, flags: number, raw: string[]): void {
    const { caller, upstream } = this.streams;
    const passed = forwardedHeaders(headers, raw);
    if ((flags & NGHTTP2_FLAG_END_STREAM) === 0) {
      caller.respond(passed, { waitForTrailers: true });
      // The answer must not end before its trailers are known.
      upstream.pipe(caller, { end: false });
      return;
    }
    this.outcome = outcomeIn(passed);
    caller.respond(passed, { endStream: true });
    upstream.resume();
    this.answered();
  }

  private keepTrailers(headers: IncomingHttpHeaders, raw: string[]): void {
    this.trailers = forwardedHeaders(headers, raw);
    this.outcome = outcomeIn(this.trailers);
  }

  /** All data has been forwarded. Without trailers, only the close of the stream shows whether it was complete. */
  private endAnswer(): void {
    if (this.outcome) this.streams.caller.end();
  }

  private sendTrailers(): void {
    this.streams.caller.sendTrailers(this.trailers);
    this.answered();
  }

  private upstreamClosed(): void {
    const { caller, upstream, lossReason } = this.streams;
    // The caller's data has no receiver any more, and a stream with unread data never closes.
    caller.unpipe(upstream).resume();
    if (this.outcome && upstream.readableEnded) return;
    const reason = lossReason();
    if (reason !== undefined) this.fail(reason);
    else this.passReset(upstream.rstCode ?? NGHTTP2_NO_ERROR);
  }

  private passReset(code: number): void {
    const { caller, upstreamName } = this.streams;
    this.outcome = outcomeOfReset(code, upstreamName);
    // An answer that ends without trailers is not valid gRPC; it is forwarded anyway.
    if (code === NGHTTP2_NO_ERROR && caller.headersSent) caller.end();
    else caller.close(code);
  }

  /** Ends the answer with an error, so that the caller does not mistake a partial answer for a complete one. */
  private fail(reason: string): void {
    const { caller } = this.streams;
    const outcome = { code: status.UNAVAILABLE, reason };
    this.outcome = outcome;
    if (caller.headersSent) {
      this.trailers = trailersOf(outcome);
      caller.end();
    } else {
      caller.respond(trailersOnly(outcome), { endStream: true });
      this.answered();
    }
  }

  /** The answer ends a call: discard what the caller may still be sending. */
  private answered(): void {
    const { caller, upstream } = this.streams;
    caller.unpipe(upstream).resume();
  }

  private callerClosed(): Outcome {
    const { caller, upstream, cancellation } = this.streams;
    if (!upstream.closed) cancellation.abort();
    return this.outcome ?? outcomeOfReset(caller.rstCode || NGHTTP2_CANCEL, 'the caller');
  }

  /** Handles an event, unless the caller's stream is closed. */
  private handleEvent(handler: () => void): void {
    const { caller, upstreamName } = this.streams;
    if (caller.closed) return;
    try {
      handler();
    } catch (error) {
      // Node refuses to send some headers that it has received; other errors may be bugs of the proxy.
      const reason = `cannot forward the answer of ${upstreamName}: ${error instanceof Error ? error.message : error}`;
      this.outcome = { code: status.INTERNAL, reason };
      caller.close(NGHTTP2_INTERNAL_ERROR);
    }
  }
}
