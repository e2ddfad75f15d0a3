import { status } from '@grpc/grpc-js';
import { VolumeError, type VolumeErrorKind } from '../model/errors.ts';
import { shortened } from '../text/shortened.ts';

/** What a failed call answers. */
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
  damaged: status.INTERNAL,
  unimplemented: status.UNIMPLEMENTED,
};

/**
 * The one place where errors become codes of the CSI specification (Error Scheme). An error that is not the
 * model's own is a fault of the driver: its text stays in the log.
 */
export function statusOf(error: unknown): CallStatus {
  if (error instanceof VolumeError)
    return { code: codeOfKind[error.kind], details: shortened(error.message, DETAILS_LIMIT_BYTES) };
  return { code: status.INTERNAL, details: "the driver failed; the cause is in the driver's log" };
}

// The text travels in a trailer, and clients refuse trailers above a few thousand bytes with no word of the error.
const DETAILS_LIMIT_BYTES = 1000;

/** The name of a code, for instance `NOT_FOUND`. */
export function codeName(code: status): string {
  return status[code];
}
