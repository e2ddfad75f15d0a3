import { diskFaultOf, isShortage } from '../kernel/calls/disk-fault.ts';
import { DiskError, VolumeError } from '../model/errors.ts';

/**
 * What an error means that nothing has explained by then, since no pool and no path of a request is to blame: the node
 * has no memory or descriptors left, or a disk that is the node's own fails. Any other error comes back as it is.
 */
export function hostError(error: unknown): unknown {
  const fault = error instanceof VolumeError ? undefined : diskFaultOf(error);
  if (!fault) return error;
  const subject = isShortage(error) ? 'the driver' : 'a disk of this node';
  const message = `${subject} ${fault.sentence}; the driver's log says where`;
  return new DiskError('unavailable', message, { cause: error });
}
