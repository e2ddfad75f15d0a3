import { status } from '@grpc/grpc-js';
import { VolumeError, type VolumeErrorKind } from '../model/errors.ts';
import { truncateText } from '../text/truncate-text.ts';

/** The status of a failed call. */
export interface CallStatus {
  readonly code: status;
  readonly details: string;
}

const codeOfKind: Readonly<Record<VolumeErrorKind, status>> = {
  invalid: status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  'already-exists': status.ALREADY_EXISTS,
  'out-of-range': status.OUT_OF_RANGE,
  exhausted: status.RESOURCE_EXHAUSTED,
  precondition: status.FAILED_PRECONDITION,
  aborted: status.ABORTED,
  cancelled: status.CANCELLED,
  unavailable: status.UNAVAILABLE,
  unauthenticated: status.UNAUTHENTICATED,
  damaged: status.INTERNAL,
  unimplemented: status.UNIMPLEMENTED,
};

/**
 * The only place where errors become codes of the CSI specification (Error Scheme). An error that is not the model's
 * own is a bug in the driver: its text is only logged.
 */
export function statusOf(error: unknown): CallStatus {
  if (error instanceof VolumeError)
    return { code: codeOfKind[error.kind], details: truncateText(error.message, DETAILS_LIMIT_BYTES) };
  return { code: status.INTERNAL, details: "internal error; see the driver's log" };
}

// The text is sent in a trailer, and clients reject trailers above a few thousand bytes without showing the error.
const DETAILS_LIMIT_BYTES = 1000;

/** The name of a code, for instance `NOT_FOUND`. */
export function codeName(code: status): string {
  return status[code];
}
