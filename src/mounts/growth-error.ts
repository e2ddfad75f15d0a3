import { errno, isErrno } from '../kernel/errno.ts';
import { quote, VolumeError } from '../volume/errors.ts';

// Node has no name for it: a file system that has found itself damaged.
const EUCLEAN = 117;

const kinds = [
  { kind: 'exhausted', numbers: [errno.ENOSPC, errno.EDQUOT] },
  // Something else that changes its size, or a balance, is under way.
  { kind: 'aborted', numbers: [errno.EBUSY, errno.EAGAIN] },
  { kind: 'precondition', numbers: [errno.EROFS, errno.EIO, EUCLEAN] },
] as const;

/** What it means that a mounted file system does not grow. Any other error comes back as it is. */
export function growthError(error: unknown, path: string): unknown {
  const kind = kinds.find(({ numbers }) => isErrno(error, ...numbers))?.kind;
  if (!kind) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new VolumeError(kind, `the file system at ${quote(path)} does not grow: ${why}`, { cause: error });
}
