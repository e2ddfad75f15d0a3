import { join } from 'node:path';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import type { FileOperation } from '../kernel/files/file-operations.ts';
import { VolumeError } from '../model/errors.ts';
import type { RecordedObject } from '../model/objects/object-index.ts';
import type { RootOwnership } from '../model/objects/volume.ts';
import type { EmptyDirectory } from '../model/ports/ports.ts';
import type { FileChange } from './file-changes.ts';
import type { RecordKind } from './record-kinds.ts';

const OBJECT_DIRECTORY_MODE = 0o700;
const RECORD_MODE = 0o600;

/** The changes that make a new object's directory, except for its content. */
export interface NewObject {
  readonly beforeContent: FileChange;
  /** Makes everything durable but the content, which is already. */
  readonly afterContent: FileChange;
}

/** How a directory for a new object is made. */
export function newObject<Item extends RecordedObject>(
  kind: RecordKind<Item>,
  object: Item,
  directory: string,
): NewObject {
  const record = join(directory, kind.recordName);
  const inner = kind.directoriesIn(object).map((name) => join(directory, name));
  return {
    beforeContent: [
      makeDirectory(directory),
      `${kind.creation}: directory made`,
      // First, so that the removal of leftovers after a crash knows what they were.
      { kind: 'write-new-file', path: record, text: kind.encode(object), mode: RECORD_MODE },
      `${kind.creation}: record written`,
      ...inner.map(makeDirectory),
    ],
    afterContent: [
      `${kind.creation}: content made`,
      ...[record, directory, ...inner].map(sync),
      `${kind.creation}: built durably`,
    ],
  };
}

/** The change that makes an empty directory, with its owner and mode, durably. */
export function emptyDirectory(directory: string, { name, root }: EmptyDirectory): FileOperation[] {
  const path = join(directory, name);
  // The mode is not given to mkdir, where it is subject to the umask.
  return [makeDirectory(path), { kind: 'set-owner', path, owner: root }];
}

/** The error for an owner that cannot be set; any other error is returned unchanged. */
export function ownerError(error: unknown, { uid, gid }: RootOwnership): unknown {
  // A user namespace has only the users mapped into it.
  if (!isErrno(error, errno.EINVAL, errno.EPERM)) return error;
  const message = `the driver is not permitted to set the owner ${uid}:${gid}`;
  return new VolumeError('invalid', message, { cause: error, about: 'owner' });
}

export function sync(path: string): FileOperation {
  return { kind: 'sync', path };
}

/** Makes sure that syncs of a directory before it were true. */
export function checkWritable(path: string): FileOperation {
  return { kind: 'check-writable', path };
}

function makeDirectory(path: string): FileOperation {
  return { kind: 'make-directory', path, mode: OBJECT_DIRECTORY_MODE };
}
