import { closeSync, constants, fstatSync, open } from 'node:fs';
import { promisify } from 'node:util';
import { withDescriptor } from '../calls/descriptor.ts';
import { errno, KernelError } from '../calls/errno.ts';
import { type CopyControl, copyData } from './copy-data.ts';
import { fromSource } from './copy-source.ts';
import { LeaseWaits } from './lease-waits.ts';
import { cloneFile } from './reflink.ts';

const openAsync = promisify(open);

const OWNER_ONLY = 0o600;

/**
 * Copies all content of an open file into an empty open file: shares the blocks if the file system can, else copies the
 * data and keeps the holes. Does not sync.
 * @throws KernelError ENOSPC, EDQUOT, EIO, …; the signal's reason
 */
export async function copyContent(
  sourceFd: number,
  targetFd: number,
  control: CopyControl,
): Promise<'shared' | 'copied'> {
  control.signal.throwIfAborted();
  if (await cloneFile(sourceFd, targetFd)) return 'shared';
  await copyData(sourceFd, targetFd, control);
  return 'copied';
}

/**
 * Copies a file to a new path, with access for its owner only, in the same way. A failed copy leaves its target for the
 * caller to remove.
 * @throws KernelError or a node:fs error: EEXIST, EINVAL if the source is not a file, ELOOP for a symbolic link,
 *   ENOSPC, …; the signal's reason
 */
export async function copyFile(
  source: string,
  target: string,
  control: CopyControl,
): Promise<'shared' | 'copied'> {
  // O_NONBLOCK, because opening something other than a regular file may block.
  const reading = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const making = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const sourceFd = await new LeaseWaits(control.signal, control.onWait).openWhenFree(
    () => fromSource(() => openAsync(source, reading)),
    () => source,
    (wait) => wait(),
  );
  try {
    if (!fstatSync(sourceFd).isFile()) throw new KernelError('copy', errno.EINVAL, source);
    const fill = (targetFd: number) => copyContent(sourceFd, targetFd, control);
    return await withDescriptor(target, making, fill, OWNER_ONLY);
  } finally {
    closeSync(sourceFd);
  }
}
