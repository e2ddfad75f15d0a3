import { errno, errnoName, errnoOf } from '../../kernel/calls/errno.ts';
import { isResourceShortage, isTransient } from '../../kernel/calls/transient-error.ts';
import { quote } from '../../model/errors.ts';
import type { PoolConfig } from './pool-registry.ts';

/**
 * Why a pool cannot be opened, and what to do about it: a sentence for the operator.
 * @returns undefined if the error is not a disk error
 */
export function openFailureMessage(error: unknown, { name, path }: PoolConfig): string | undefined {
  const number = errnoOf(error);
  if (number === undefined) return undefined;
  const cause = `${errnoName(number)}${error instanceof Error ? `: ${error.message}` : ''}`;
  return `pool ${quote(name)} at ${path} cannot be opened: ${reasonOf(error, number)} (${cause})`;
}

function reasonOf(error: unknown, number: number): string {
  switch (number) {
    case errno.ENOSPC:
    case errno.EDQUOT:
      return 'parts of it are missing, and its disk is out of space or inodes; free some space';
    case errno.EROFS:
      return 'parts of it are missing, and its file system is read-only; remount it read-write';
    case errno.EUCLEAN:
    case errno.EBADMSG:
      return 'its file system is damaged; unmount and repair it';
    case errno.ENOTDIR:
    case errno.ELOOP:
      return 'it is not a directory';
    case errno.EACCES:
    case errno.EPERM:
      return 'the driver has no access; check its owner, mode and security label';
    default:
      if (isResourceShortage(error)) return 'too many open files, or out of memory; the driver will retry';
      if (isTransient(error)) return 'its disk does not respond; check the disk';
      return 'it cannot be read or created';
  }
}
