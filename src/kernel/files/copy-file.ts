import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import { errno, KernelError } from '../calls/errno.ts';
import { inodeStatus } from '../calls/inode-status.ts';
import { checkWriteback } from './check-writeback.ts';
import type { CopyControl } from './copy-control.ts';
import { copyData, setSize } from './copy-data.ts';
import { fromSource } from './copy-source.ts';
import { LeaseWaits } from './lease-waits.ts';
import { cloneFile } from './reflink.ts';

// O_NONBLOCK, because opening something other than a regular file may block.
const READ_SOURCE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const MAKE_TARGET = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const OWNER_ONLY = 0o600;

/** Whether a copy shares the blocks of its source. */
export type CopyOutcome = 'shared' | 'copied';

/**
 * Copies all content of an open file into an empty open file: shares the blocks if the file system can, else copies the
 * data and keeps the holes. Does not sync. Blocks its thread.
 * @throws KernelError ENOSPC, EDQUOT, EIO, …; StoppedError
 */
export function copyContent(sourceFd: number, targetFd: number, control: CopyControl): CopyOutcome {
  control.stop.throwIfStopped();
  if (cloneFile(sourceFd, targetFd)) return 'shared';
  copyData(sourceFd, targetFd, control);
  return 'copied';
}

/**
 * Copies a file to a new path, with access for its owner only, in the same way, and syncs the copy. A failed copy leaves its
 * target for the caller to remove.
 * @param minBytes a shorter copy is extended to this size by a hole
 * @throws KernelError or a node:fs error: EEXIST, EINVAL if the source is not a file, ELOOP for a symbolic link,
 *   ENOSPC, …; StoppedError
 */
export function copyFile(
  source: string,
  target: string,
  minBytes: bigint,
  control: CopyControl,
): CopyOutcome {
  control.stop.throwIfStopped();
  const sourceFd = new LeaseWaits(control).openWhenFree(
    () => fromSource(() => openSync(source, READ_SOURCE)),
    () => source,
  );
  try {
    if (!inodeStatus(sourceFd).isFile) throw new KernelError('copy', errno.EINVAL, source);
    const targetFd = openSync(target, MAKE_TARGET, OWNER_ONLY);
    try {
      const outcome = copyContent(sourceFd, targetFd, control);
      if (inodeStatus(targetFd).sizeBytes < minBytes) setSize(targetFd, minBytes, target);
      fsyncSync(targetFd);
      fromSource(() => checkWriteback(sourceFd));
      return outcome;
    } finally {
      closeSync(targetFd);
    }
  } finally {
    closeSync(sourceFd);
  }
}
