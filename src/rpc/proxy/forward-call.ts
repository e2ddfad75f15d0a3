import {
  type ClientHttp2Session,
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { status } from '@grpc/grpc-js';
import { forwardedHeaders } from './headers.ts';
import { type Outcome, outcomeOfReset, trailersOnly } from './outcome.ts';
import { Relay } from './relay.ts';
import type { Upstream } from './upstream.ts';

/** A call from Node: its stream, and its headers in the two forms that `forwardedHeaders` needs. */
export interface IncomingCall {
  readonly caller: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly raw: readonly string[];
}

/**
 * Forwards one call of any service, and returns its answer to the caller. Resolves when the call has ended; never
 * rejects.
 */
export async function forwardCall(call: IncomingCall, upstream: Upstream): Promise<Outcome> {
  // The stream's close code says what happened.
  call.caller.on('error', () => {});
  let session: ClientHttp2Session;
  try {
    session = await upstream.session();
  } catch (error) {
    return refuse(call.caller, { code: status.UNAVAILABLE, reason: messageOf(error) });
  }
  // Nothing is awaited from here on, so the session is still usable.
  return relay(call, session, upstream);
}

function relay(
  { caller, headers, raw }: IncomingCall,
  session: ClientHttp2Session,
  upstream: Upstream,
): Outcome | Promise<Outcome> {
  if (caller.closed) return goneOutcome(caller);
  try {
    const cancellation = new AbortController();
    const stream = session.request(forwardedHeaders(headers, raw), {
      endStream: false,
      signal: cancellation.signal,
    });
    const lossReason = () => (session.destroyed ? upstream.lossReason() : undefined);
    const streams = { caller, upstream: stream, cancellation, upstreamName: upstream.name, lossReason };
    return new Relay(streams).run();
  } catch (error) {
    // Node refuses to send some headers that it has received.
    return refuse(caller, {
      code: status.INTERNAL,
      reason: `cannot forward the call: ${messageOf(error)}`,
    });
  }
}

/** Answers a call without the upstream. */
function refuse(caller: ServerHttp2Stream, outcome: Outcome): Outcome {
  if (caller.closed) return goneOutcome(caller);
  caller.respond(trailersOnly(outcome), { endStream: true });
  // Discard what the caller may still be sending.
  caller.resume();
  return outcome;
}

function goneOutcome(caller: ServerHttp2Stream): Outcome {
  return outcomeOfReset(caller.rstCode || constants.NGHTTP2_CANCEL, 'the caller');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
