import { diskFaultOf, isShortage } from '../kernel/calls/disk-fault.ts';
import { DiskError, VolumeError } from '../model/errors.ts';

/**
 * Translates an error that no pool and no path of the request explains: the node is out of memory or descriptors, or one
 * of its own disks fails. Returns any other error unchanged.
 */
export function hostError(error: unknown): unknown {
  const fault = error instanceof VolumeError ? undefined : diskFaultOf(error);
  if (!fault) return error;
  const subject = isShortage(error) ? 'the driver' : 'a disk of this node';
  const message = `${subject} ${fault.sentence}; the driver's log says where`;
  return new DiskError('unavailable', message, { cause: error });
}
