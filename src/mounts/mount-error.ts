import { diskFaultOf, isShortage } from '../kernel/calls/disk-fault.ts';
import { MountRefused } from '../kernel/mounts/file-system-mount.ts';
import { VolumeError } from '../model/errors.ts';

const hints: Partial<Record<string, string>> = {
  damaged: 'its file system is damaged: check it while the volume is not staged',
  failing:
    "its file system is damaged, or the disk of its pool fails: see the kernel's log, and check the file system while the volume is not staged",
};

/**
 * Translates the kernel's refusal to mount an image's file system: the volume's own file system is at fault, not the
 * target path or the pool. Returns shortages of the node and other kinds of errors unchanged.
 */
export function mountError(error: unknown): unknown {
  if (!(error instanceof MountRefused) || isShortage(error)) return error;
  const kind = diskFaultOf(error)?.kind;
  const hint = kind === undefined ? undefined : hints[kind];
  const message = `the volume cannot be mounted: ${error.message}${hint === undefined ? '' : `; ${hint}`}`;
  return new VolumeError('precondition', message, { cause: error });
}
