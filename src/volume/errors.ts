/**
 * What went wrong, in the model's own words. `rpc/status.ts` turns each kind into the code that the CSI
 * specification gives it; nothing else knows codes.
 */
export type VolumeErrorKind =
  /** A field of the request has a value that can never be right. */
  | 'invalid'
  /** The volume, or what was looked for at a path, does not exist. */
  | 'not-found'
  /** It exists already, and is not what is asked for now. */
  | 'already-exists'
  /** The size is outside what can be made. */
  | 'out-of-range'
  /** No room, or nothing accessible from where it is wanted. */
  | 'exhausted'
  /** The request is sound, but the state of the volume or of a path does not allow it now. */
  | 'precondition'
  /** Another operation on the same object is under way; the same call may succeed later. */
  | 'aborted'
  /** Whoever asked has gone away, or has no time left to wait for an answer. */
  | 'cancelled'
  /** The pool cannot be reached, or its disk answers with errors. */
  | 'unavailable'
  /** A record on disk cannot be understood; the object is neither there nor gone. */
  | 'damaged'
  /** The operation is not part of this driver. */
  | 'unimplemented';

/** An error whose message is meant for the caller: one sentence that names the field or object and the value. */
export class VolumeError extends Error {
  readonly kind: VolumeErrorKind;

  constructor(kind: VolumeErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'VolumeError';
    this.kind = kind;
  }
}

/** A disk, or the node, is to blame and not the request. The cause is the failed system call. */
export class DiskError extends VolumeError {
  constructor(kind: VolumeErrorKind, message: string, options?: ErrorOptions) {
    super(kind, message, options);
    this.name = 'DiskError';
  }
}

/** The same error with more words before its message: the field, or the object, that it is about. */
export function prefixed(prefix: string, error: VolumeError): VolumeError {
  const Kind = error instanceof DiskError ? DiskError : VolumeError;
  return new Kind(error.kind, `${prefix}: ${error.message}`, { cause: error });
}

/** A value of a request field that can never be right: names the field, shows the value, says what is possible. */
export function invalidField(field: string, value: unknown, why: string): VolumeError {
  return new VolumeError('invalid', `${field}: ${quote(value)} ${why}`);
}

/** A required field that was left out. */
export function missingField(field: string): VolumeError {
  return new VolumeError('invalid', `${field} is required`);
}

/** No volume with this id. */
export function unknownVolume(volumeId: string, options?: ErrorOptions): VolumeError {
  return new VolumeError('not-found', `volume ${quote(volumeId)} does not exist`, options);
}

const SHOWN_CHARACTERS = 200;

/** A value as it is shown in messages: quoted, control characters escaped, cut where it is long. */
export function quote(value: unknown): string {
  if (typeof value === 'bigint' || typeof value === 'number') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  return JSON.stringify(shown);
}
