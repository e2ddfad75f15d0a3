import { isShortage } from '../kernel/calls/disk-fault.ts';
import { errno, errnoOf } from '../kernel/calls/errno.ts';
import { quote, VolumeError } from '../model/errors.ts';

/**
 * What it means that the kernel does not grow a file system. Whatever it answers, the file system is to blame: the
 * volume's own, and not its pool's. A shortage of the node, or an error of another kind, comes back as it is.
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
      // Another change of its size, or a balance, is under way.
      return new VolumeError('aborted', `${message}; call again`, { cause: error });
    default:
      return new VolumeError(
        'precondition',
        `${message}; see the kernel's log, and check the file system while the volume is not staged`,
        { cause: error },
      );
  }
}
