import { constants, type OutgoingHttpHeaders } from 'node:http2';
import { status } from '@grpc/grpc-js';

/** How a call through the proxy ended. */
export interface Outcome {
  /** The code that the caller sees. */
  readonly code: status;
  /** The reason, if the proxy determined it; the upstream's message is only for the caller. */
  readonly reason?: string;
}

/** The outcome in the last headers of an answer (gRPC over HTTP2, Responses). */
export function outcomeIn(headers: OutgoingHttpHeaders): Outcome {
  const text = headers['grpc-status'];
  const code = typeof text === 'string' && /^\d{1,2}$/.test(text) ? Number(text) : status.UNKNOWN;
  return { code: code in status ? code : status.UNKNOWN };
}

/** The outcome that callers see when a stream is reset (gRPC over HTTP2, Errors). */
export function outcomeOfReset(resetCode: number, by: string): Outcome {
  return { code: codeOfReset(resetCode), reason: `${by} reset the stream with code ${resetCode}` };
}

function codeOfReset(resetCode: number): status {
  switch (resetCode) {
    case constants.NGHTTP2_CANCEL:
      return status.CANCELLED;
    case constants.NGHTTP2_REFUSED_STREAM:
      return status.UNAVAILABLE;
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return status.RESOURCE_EXHAUSTED;
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return status.PERMISSION_DENIED;
    default:
      return status.INTERNAL;
  }
}

/** The trailers of an answer from the proxy itself. */
export function trailersOf({ code, reason = '' }: Outcome): OutgoingHttpHeaders {
  return { 'grpc-status': `${code}`, 'grpc-message': encodeURI(reason) };
}

/** The same if no headers were sent before (gRPC over HTTP2, Trailers-Only). */
export function trailersOnly(outcome: Outcome): OutgoingHttpHeaders {
  return { ':status': 200, 'content-type': 'application/grpc', ...trailersOf(outcome) };
}
