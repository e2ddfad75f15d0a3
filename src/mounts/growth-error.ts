import { isShortage } from '../kernel/calls/disk-fault.ts';
import { errno, errnoOf } from '../kernel/calls/errno.ts';
import { quote, VolumeError } from '../model/errors.ts';

/**
 * Translates a failure to grow a file system. Whatever the error number, the volume's own file system is at fault, not its
 * pool. Returns shortages of the node and other kinds of errors unchanged.
 */
export function growthError(error: unknown, path: string): unknown {
  const number = errnoOf(error);
  if (number === undefined || error instanceof VolumeError || isShortage(error)) return error;
  const why = error instanceof Error ? error.message : String(error);
  const message = `the file system at ${quote(path)} cannot be grown: ${why}`;
  switch (number) {
    case errno.ENOSPC:
    case errno.EDQUOT:
      return new VolumeError('exhausted', message, { cause: error });
    case errno.EBUSY:
    case errno.EAGAIN:
      // Another resize or a balance is in progress.
      return new VolumeError('aborted', `${message}; call again`, { cause: error });
    default:
      return new VolumeError(
        'precondition',
        `${message}; see the kernel's log, and check the file system while the volume is not staged`,
        { cause: error },
      );
  }
}
