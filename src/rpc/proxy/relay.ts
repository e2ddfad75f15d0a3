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
  /** Cancels the upstream's stream. Closing it would end the request first, as if it were whole. */
  readonly cancellation: AbortController;
  /** What the upstream is called where the caller is told of it. */
  readonly upstreamName: string;
  /** Why the upstream's connection is gone; undefined while it is there. */
  readonly lossReason: () => string | undefined;
}

/**
 * Joins the two streams of one call, so that each side finds what the other one does: headers, data at the pace of its
 * reader, the end of the request, trailers and resets. Nothing in the data is looked at.
 */
export class Relay {
  private readonly streams: RelayedStreams;
  /** Known when the answer is whole, or when it is sure that it never will be. */
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
        this.step(() => this.passHeaders(headers, flags, raw)),
      );
      upstream.on('trailers', (headers: IncomingHttpHeaders, _flags: number, raw: string[]) =>
        this.step(() => this.keepTrailers(headers, raw)),
      );
      upstream.on('end', () => this.step(() => this.endAnswer()));
      upstream.on('close', () => this.step(() => this.upstreamClosed()));
      // The code with which the stream is closed tells what has happened.
      upstream.on('error', () => {});
      // Node ends what can be read of a stream that is reset as well, and a request that was cut off is not whole.
      caller.on('aborted', () => caller.unpipe(upstream));
      caller.on('wantTrailers', () => this.step(() => this.sendTrailers()));
      caller.on('close', () => resolve(this.callerClosed()));
      caller.pipe(upstream);
    });
  }

  private passHeaders(headers: IncomingHttpHeaders, flags: number, raw: string[]): void {
    const { caller, upstream } = this.streams;
    const passed = forwardedHeaders(headers, raw);
    if ((flags & NGHTTP2_FLAG_END_STREAM) === 0) {
      caller.respond(passed, { waitForTrailers: true });
      // The answer ends only when its trailers are known.
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

  /** All data has been passed on. Where there were no trailers, the stream's closing tells whether it was all. */
  private endAnswer(): void {
    if (this.outcome) this.streams.caller.end();
  }

  private sendTrailers(): void {
    this.streams.caller.sendTrailers(this.trailers);
    this.answered();
  }

  private upstreamClosed(): void {
    const { caller, upstream, lossReason } = this.streams;
    // Nobody takes any more what the caller sends, and a stream with data that is not read never closes.
    caller.unpipe(upstream).resume();
    if (this.outcome && upstream.readableEnded) return;
    const reason = lossReason();
    if (reason !== undefined) this.fail(reason);
    else this.passReset(upstream.rstCode ?? NGHTTP2_NO_ERROR);
  }

  private passReset(code: number): void {
    const { caller, upstreamName } = this.streams;
    this.outcome = outcomeOfReset(code, upstreamName);
    // An answer that ends without trailers is none of gRPC; it is passed on all the same.
    if (code === NGHTTP2_NO_ERROR && caller.headersSent) caller.end();
    else caller.close(code);
  }

  /** What the caller has of the answer is not taken for a whole one, since it ends with a failure. */
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

  /** The answer is the end of a call: what the caller may still be sending is of no use to anybody. */
  private answered(): void {
    const { caller, upstream } = this.streams;
    caller.unpipe(upstream).resume();
  }

  private callerClosed(): Outcome {
    const { caller, upstream, cancellation } = this.streams;
    if (!upstream.closed) cancellation.abort();
    return this.outcome ?? outcomeOfReset(caller.rstCode || NGHTTP2_CANCEL, 'the caller');
  }

  /** Does what an event asks for, while there is a caller for whom to do it. */
  private step(act: () => void): void {
    const { caller, upstreamName } = this.streams;
    if (caller.closed) return;
    try {
      act();
    } catch (error) {
      // Node refuses some headers that it has received; others may be faults of ours.
      const reason = `what ${upstreamName} answers cannot be passed on: ${error instanceof Error ? error.message : error}`;
      this.outcome = { code: status.INTERNAL, reason };
      caller.close(NGHTTP2_INTERNAL_ERROR);
    }
  }
}
