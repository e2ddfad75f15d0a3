import { constants, type OutgoingHttpHeaders } from 'node:http2';
import { status } from '@grpc/grpc-js';

/** How a call through the proxy ended. */
export interface Outcome {
  /** As the caller understands it. */
  readonly code: status;
  /** Why, where that is the proxy's own finding; what the upstream says is between it and the caller. */
  readonly reason?: string;
}

/** What the last headers of an answer say (gRPC over HTTP2, Responses). */
export function outcomeIn(headers: OutgoingHttpHeaders): Outcome {
  const text = headers['grpc-status'];
  const code = typeof text === 'string' && /^\d{1,2}$/.test(text) ? Number(text) : status.UNKNOWN;
  return { code: code in status ? code : status.UNKNOWN };
}

/** How callers understand a stream that is reset (gRPC over HTTP2, Errors). */
export function outcomeOfReset(resetCode: number, by: string): Outcome {
  return { code: codeOfReset(resetCode), reason: `${by} has reset the stream with code ${resetCode}` };
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

/** The trailers of an answer that the proxy gives itself. */
export function trailersOf({ code, reason = '' }: Outcome): OutgoingHttpHeaders {
  return { 'grpc-status': `${code}`, 'grpc-message': encodeURI(reason) };
}

/** The same where no headers were sent before them (gRPC over HTTP2, Trailers-Only). */
export function trailersOnly(outcome: Outcome): OutgoingHttpHeaders {
  return { ':status': 200, 'content-type': 'application/grpc', ...trailersOf(outcome) };
}
