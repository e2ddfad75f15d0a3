import { diskFaultOf } from '../kernel/calls/disk-fault.ts';
import { errno, errnoOf } from '../kernel/calls/errno.ts';
import { DiskError, quote, VolumeError } from '../model/errors.ts';
import { faultKinds } from '../model/ports/disk-fault-kinds.ts';

/** Translates an error of a call on a path for the caller who gave the path. Returns other errors unchanged. */
export function pathError(error: unknown, path: string): unknown {
  if (error instanceof VolumeError) return error;
  const wrong = (why: string) => new VolumeError('invalid', `${quote(path)} ${why}`, { cause: error });
  const unready = (why: string) => new VolumeError('precondition', `${quote(path)} ${why}`, { cause: error });
  switch (errnoOf(error)) {
    case errno.ELOOP:
      return wrong('has a symbolic link on the way, and none is followed');
    case errno.ENOTDIR:
      return wrong('has something on the way that is not a directory');
    case errno.ENAMETOOLONG:
      return wrong('has a component that is too long for the file system');
    case errno.ENOENT:
      return unready('does not exist, or a directory on the way to it does not');
    case errno.EBUSY:
      return unready('is busy: a process works in it, or something is mounted below it');
    case errno.EPERM:
      return unready(
        'may not be mounted or changed like this; a user namespace keeps some mount flags locked',
      );
    case errno.EACCES:
      return unready(
        'may not be accessed by the driver; check the owner and mode of the directories above it',
      );
    case errno.ENOTEMPTY:
      return unready(
        'is not empty: the files in it are not part of a mounted volume, and are left there; move them away',
      );
    default:
      return faultAt(error, path);
  }
}

function faultAt(error: unknown, path: string): unknown {
  const fault = diskFaultOf(error);
  if (!fault) return error;
  const message = `the file system at ${quote(path)} ${fault.sentence}`;
  return new DiskError(faultKinds[fault.kind], message, { cause: error });
}
