import { errno, errnoName, errnoOf } from '../kernel/errno.ts';
import { quote, VolumeError } from '../volume/errors.ts';

/**
 * What an error of a call on a path means to the one who gave the path. An error that says nothing about the
 * path comes back as it is.
 */
export function pathError(error: unknown, path: string): unknown {
  if (error instanceof VolumeError) return error;
  const wrong = (why: string) => new VolumeError('invalid', `${quote(path)} ${why}`, { cause: error });
  const unready = (why: string) => new VolumeError('precondition', `${quote(path)} ${why}`, { cause: error });
  const number = errnoOf(error);
  const failing = (why: string) => new VolumeError('unavailable', `${quote(path)} ${why}`, { cause: error });
  switch (number) {
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
    case errno.ENOTEMPTY:
      return unready('is not empty and is left as it is');
    case errno.ETIMEDOUT:
      return failing('does not answer');
    case errno.EIO:
    case errno.ESTALE:
    case errno.ENOTCONN:
      return failing(`answers ${errnoName(number)}`);
    default:
      return error;
  }
}
