import { errno, errnoName, errnoOf } from '../../kernel/calls/errno.ts';
import { isPassing, isScarcity } from '../../kernel/calls/passing-error.ts';
import { quote } from '../../model/errors.ts';
import type { PoolPlace } from './pool-registry.ts';

/**
 * Why a pool cannot be opened, and what to do about it: a sentence for the operator.
 * @returns undefined if the error is not a disk error
 */
export function obstacleOf(error: unknown, { name, path }: PoolPlace): string | undefined {
  const number = errnoOf(error);
  if (number === undefined) return undefined;
  const cause = `${errnoName(number)}${error instanceof Error ? `: ${error.message}` : ''}`;
  return `pool ${quote(name)} at ${path} cannot be opened: ${reasonOf(error, number)} (${cause})`;
}

function reasonOf(error: unknown, number: number): string {
  switch (number) {
    case errno.ENOSPC:
    case errno.EDQUOT:
      return 'its disk has no space or no inodes left for what is missing in it; make room';
    case errno.EROFS:
      return 'its file system is read-only, and something is missing in it; mount it for writing';
    case errno.EUCLEAN:
    case errno.EBADMSG:
      return 'its file system is damaged; unmount and repair it';
    case errno.ENOTDIR:
    case errno.ELOOP:
      return 'it is not a directory';
    case errno.EACCES:
    case errno.EPERM:
      return 'the driver may not use it; check its owner, mode and security label';
    default:
      if (isScarcity(error)) return 'the driver is short of open files or memory; it tries again';
      if (isPassing(error)) return 'its disk does not answer; check the disk';
      return 'it cannot be read or made';
  }
}
