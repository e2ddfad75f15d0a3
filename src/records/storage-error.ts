import { errno, errnoName, errnoOf } from '../kernel/errno.ts';
import { VolumeError } from '../volume/errors.ts';

/**
 * What an error of a pool's disk means to the caller. An error that is not the disk's comes back as it is.
 * @param pool how the pool is called in the message
 */
export function storageError(error: unknown, pool: string): unknown {
  const number = errnoOf(error);
  if (error instanceof VolumeError || number === undefined) return error;
  const told = (kind: 'exhausted' | 'unavailable', what: string) =>
    new VolumeError(kind, `pool ${pool} ${what} (${errnoName(number)})`, { cause: error });
  switch (number) {
    case errno.ENOSPC:
      return told('exhausted', 'has no space or no inodes left');
    case errno.EDQUOT:
      return told('exhausted', 'has reached its quota');
    case errno.EROFS:
      return told('unavailable', 'is read-only');
    case errno.EIO:
    case errno.ENODEV:
    case errno.ENXIO:
    case errno.ESTALE:
    case errno.ENOTCONN:
      return told('unavailable', 'does not answer: its disk reports an error');
    case errno.EMFILE:
    case errno.ENFILE:
      return told('unavailable', 'cannot be used now: too many files are open');
    default:
      return error;
  }
}
