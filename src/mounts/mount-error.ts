import { diskFaultOf, isNodeShortage } from '../kernel/calls/disk-fault.ts';
import { errno, errnoOf } from '../kernel/calls/errno.ts';
import { MountRefusedError } from '../kernel/mounts/file-system-mount.ts';
import { DiskError, quote, VolumeError } from '../model/errors.ts';
import { faultKinds } from '../model/ports/error-context.ts';

const hints: Partial<Record<string, string>> = {
  damaged: 'its file system is damaged; check it while the volume is not staged',
  failing:
    'its file system is damaged, or the disk of its pool is failing; check the kernel log, and check the file system while the volume is not staged',
};

/**
 * Translates the kernel's refusal to mount an image's file system: the volume's own file system is at fault, not the
 * target path or the pool. Returns shortages of the node and other kinds of errors unchanged.
 */
export function mountError(error: unknown): unknown {
  if (!(error instanceof MountRefusedError) || isNodeShortage(error)) return error;
  const kind = diskFaultOf(error)?.kind;
  const hint = kind === undefined ? undefined : hints[kind];
  const message = `cannot mount the volume: ${error.message}${hint === undefined ? '' : `; ${hint}`}`;
  return new VolumeError('precondition', message, { cause: error });
}

/**
 * Translates a failure to grow a file system. Whatever the error number, the volume's own file system is at fault, not its
 * pool. Returns shortages of the node and other kinds of errors unchanged.
 */
export function growthError(error: unknown, path: string): unknown {
  const number = errnoOf(error);
  if (number === undefined || error instanceof VolumeError || isNodeShortage(error)) return error;
  const why = error instanceof Error ? error.message : String(error);
  const message = `cannot grow the file system at ${quote(path)}: ${why}`;
  switch (number) {
    case errno.ENOSPC:
    case errno.EDQUOT:
      return new VolumeError('exhausted', message, { cause: error });
    case errno.EBUSY:
    case errno.EAGAIN:
      // Another resize or a balance is in progress.
      return new VolumeError('aborted', `${message}; retry the call`, { cause: error });
    default:
      return new VolumeError(
        'precondition',
        `${message}; check the kernel log, and check the file system while the volume is not staged`,
        { cause: error },
      );
  }
}

/**
 * Translates an error that no pool and no path of the request explains: the node is out of memory or descriptors, or one
 * of its own disks fails. Returns any other error unchanged.
 */
export function hostError(error: unknown): unknown {
  const fault = error instanceof VolumeError ? undefined : diskFaultOf(error);
  if (!fault) return error;
  const subject = isNodeShortage(error) ? 'the driver' : 'a disk of this node';
  const message = `${subject} ${fault.sentence}; see the driver's log`;
  return new DiskError('unavailable', message, { cause: error });
}

/** Translates an error of a call on a path for the caller who gave the path. Returns other errors unchanged. */
export function pathError(error: unknown, path: string): unknown {
  if (error instanceof VolumeError) return error;
  const invalidError = (why: string) => new VolumeError('invalid', `${quote(path)} ${why}`, { cause: error });
  const preconditionError = (why: string) =>
    new VolumeError('precondition', `${quote(path)} ${why}`, { cause: error });
  switch (errnoOf(error)) {
    case errno.ELOOP:
      return invalidError('contains a symbolic link, which is not followed');
    case errno.ENOTDIR:
      return invalidError('has a parent that is not a directory');
    case errno.ENAMETOOLONG:
      return invalidError('has a component that is too long for the file system');
    case errno.ENOENT:
      return preconditionError('does not exist, or one of its parent directories does not');
    case errno.EBUSY:
      return preconditionError('is busy: a process uses it, or something is mounted below it');
    case errno.EPERM:
      return preconditionError(
        'cannot be mounted or changed like this; a user namespace locks some mount flags',
      );
    case errno.EACCES:
      return preconditionError(
        'is not accessible to the driver; check the owner and mode of its parent directories',
      );
    case errno.ENOTEMPTY:
      return preconditionError(
        'is not empty: it contains files that are not part of a mounted volume; move them away',
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
