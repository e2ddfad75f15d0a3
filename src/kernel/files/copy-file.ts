import { closeSync, constants, fstatSync, open } from 'node:fs';
import { promisify } from 'node:util';
import { withDescriptor } from '../calls/descriptor.ts';
import { errno, KernelError } from '../calls/errno.ts';
import type { CopyControl } from './copy-control.ts';
import { copyData } from './copy-data.ts';
import { fromSource } from './copy-source.ts';
import { LeaseWaits } from './lease-waits.ts';
import { cloneFile } from './reflink.ts';

const openAsync = promisify(open);

const OWNER_ONLY = 0o600;

/**
 * Copies the whole content of an open file into an empty open one: shares the blocks where the file system can, else
 * copies the data and leaves holes where there are holes. Syncs nothing.
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
 * Copies a file to a path where nothing is yet, for its owner alone, the same way. What a copy that fails has made
 * stays, for the caller to remove.
 * @throws KernelError or a node:fs error: EEXIST, EINVAL for what is not a file, ELOOP for a symbolic link, ENOSPC, …;
 *   the signal's reason
 */
export async function copyFile(
  source: string,
  target: string,
  control: CopyControl,
): Promise<'shared' | 'copied'> {
  // What is not a file may make opening wait, were it not for O_NONBLOCK.
  const reading = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const making = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const sourceFd = await new LeaseWaits(control.signal, control.onWait).untilFree(
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
