/**
 * The kinds of errors, in the model's own terms. `rpc/status.ts` maps each kind to the code of the CSI specification;
 * no other file knows codes.
 */
export type VolumeErrorKind =
  /** A field of the request has a value that can never be right. */
  | 'invalid'
  /** The volume, or the object expected at a path, does not exist. */
  | 'not-found'
  /** It exists already, and is incompatible with the request. */
  | 'already-exists'
  /** The size is outside the possible range. */
  | 'out-of-range'
  /** No room, or not accessible from the requested topology. */
  | 'exhausted'
  /** The request is sound, but the state of the volume or of a path does not allow it now. */
  | 'precondition'
  /** Another operation on the same object is in progress; the same call may succeed later. */
  | 'aborted'
  /** The caller has disconnected, or its deadline is too short to wait for an answer. */
  | 'cancelled'
  /** The pool cannot be reached, or its disk answers with errors. */
  | 'unavailable'
  /** The key of an encrypted volume does not open it. */
  | 'unauthenticated'
  /** A record on disk cannot be understood; it is unknown whether the object exists. */
  | 'damaged'
  /** The operation is not part of this driver. */
  | 'unimplemented';

/**
 * The subject of an error, if it is part of a request. Each request has its own name for it: the size of a volume is
 * `capacity_range.required_bytes` in one, and `volume_context.size` in another (`services/field-names.ts`).
 */
export type Subject =
  | PathSubject
  | 'name'
  | 'volume'
  | 'snapshot'
  | 'group'
  | 'members'
  | 'node'
  | 'requiredBytes'
  | 'limitBytes'
  | 'capability'
  | 'accessMode'
  | 'fsType'
  | 'mountFlags'
  | 'pool'
  | 'backend'
  | 'enforceCapacity'
  | 'mkfsOptions'
  | 'fsckMode'
  | 'provisioning'
  | 'encryption'
  | 'compression'
  | 'nodatacow'
  | 'passphrase'
  | 'allowVolumeModeChange'
  | 'restore'
  | 'owner'
  | 'inodeLimit'
  | 'topology'
  | 'sourceVolumes'
  | 'targetSnapshot'
  | 'startingOffset';

/** A path where a volume is used. */
export type PathSubject = 'stagingPath' | 'targetPath' | 'volumePath';

/** More details of an error. */
export interface VolumeErrorOptions extends ErrorOptions {
  readonly about?: Subject | undefined;
}

/** An error whose message is meant for the caller: one sentence that names the object and the value. */
export class VolumeError extends Error {
  readonly kind: VolumeErrorKind;
  /** Undefined if the message is complete without it. */
  readonly about: Subject | undefined;

  constructor(kind: VolumeErrorKind, message: string, options: VolumeErrorOptions = {}) {
    super(message, options);
    this.name = 'VolumeError';
    this.kind = kind;
    this.about = options.about;
  }
}

/** The fault is in a disk or the node, not in the request. The cause is the failed system call. */
export class DiskError extends VolumeError {
  constructor(kind: VolumeErrorKind, message: string, options?: VolumeErrorOptions) {
    super(kind, message, options);
    this.name = 'DiskError';
  }
}

/** The same error with a prefix before its message: the field or object that it is about. */
export function prefixed(prefix: string, error: VolumeError): VolumeError {
  return withErrorChanges(error, { message: `${prefix}: ${error.message}` });
}

/** The same error with another kind, message or subject. */
export function withErrorChanges(
  error: VolumeError,
  { kind = error.kind, message = error.message, about = error.about }: Partial<VolumeError>,
): VolumeError {
  const ErrorClass = error instanceof DiskError ? DiskError : VolumeError;
  return new ErrorClass(kind, message, { cause: error, about });
}

/** Sets the subject of errors from `work` that have none. */
export async function about<T>(subject: Subject, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof VolumeError) || error.about !== undefined) throw error;
    throw withErrorChanges(error, { about: subject });
  }
}

/** A value in a request that can never be right: shows the value, says what is possible. */
export function invalidValue(subject: Subject, value: unknown, why: string): VolumeError {
  return new VolumeError('invalid', `${quote(value)} ${why}`, { about: subject });
}

/** A value of a request field that can never be right: names the field, shows the value, says what is possible. */
export function invalidField(field: string, value: unknown, why: string): VolumeError {
  return new VolumeError('invalid', `${field}: ${quote(value)} ${why}`);
}

/** A required field that is missing. */
export function missingField(field: string): VolumeError {
  return new VolumeError('invalid', `${field} is required`);
}

/** No volume with this id. */
export function unknownVolume(volumeId: string, options?: ErrorOptions): VolumeError {
  return new VolumeError('not-found', `volume ${quote(volumeId)} does not exist`, options);
}

const SHOWN_CHARACTERS = 200;

/** A value as shown in messages: quoted, control characters escaped, truncated if it is long. */
export function quote(value: unknown): string {
  if (typeof value === 'bigint' || typeof value === 'number') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  return JSON.stringify(shown);
}
