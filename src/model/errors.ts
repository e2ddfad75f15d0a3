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

/**
 * What an error is about, where that is something a request says. Each request has names of its own for it: the size of a
 * volume is `capacity_range.required_bytes` in one, and `volume_context.size` in another (`services/field-names.ts`).
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
  | 'allowVolumeModeChange'
  | 'owner'
  | 'inodeLimit'
  | 'topology'
  | 'sourceVolumes'
  | 'targetSnapshot'
  | 'startingOffset';

/** A path where a volume is used. */
export type PathSubject = 'stagingPath' | 'targetPath' | 'volumePath';

/** What more there is to say of an error. */
export interface VolumeErrorOptions extends ErrorOptions {
  readonly about?: Subject | undefined;
}

/** An error whose message is meant for the caller: one sentence that names the object and the value. */
export class VolumeError extends Error {
  readonly kind: VolumeErrorKind;
  /** Undefined where the message says it all. */
  readonly about: Subject | undefined;

  constructor(kind: VolumeErrorKind, message: string, options: VolumeErrorOptions = {}) {
    super(message, options);
    this.name = 'VolumeError';
    this.kind = kind;
    this.about = options.about;
  }
}

/** A disk, or the node, is to blame and not the request. The cause is the failed system call. */
export class DiskError extends VolumeError {
  constructor(kind: VolumeErrorKind, message: string, options?: VolumeErrorOptions) {
    super(kind, message, options);
    this.name = 'DiskError';
  }
}

/** The same error with more words before its message: the field, or the object, that it is about. */
export function prefixed(prefix: string, error: VolumeError): VolumeError {
  return revised(error, { message: `${prefix}: ${error.message}` });
}

/** The same error of another kind, with another message, or about something else. */
export function revised(
  error: VolumeError,
  { kind = error.kind, message = error.message, about = error.about }: Partial<VolumeError>,
): VolumeError {
  const Kind = error instanceof DiskError ? DiskError : VolumeError;
  return new Kind(kind, message, { cause: error, about });
}

/** Says what an error of this work is about, where it does not say so itself. */
export async function about<T>(subject: Subject, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof VolumeError) || error.about !== undefined) throw error;
    throw revised(error, { about: subject });
  }
}

/** A value that can never be right, of something that a request says: shows the value, says what is possible. */
export function invalidValue(subject: Subject, value: unknown, why: string): VolumeError {
  return new VolumeError('invalid', `${quote(value)} ${why}`, { about: subject });
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
