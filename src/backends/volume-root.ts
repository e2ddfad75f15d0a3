import { chmod, chown } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDescriptor } from '../kernel/descriptor.ts';
import { errno, isErrno } from '../kernel/errno.ts';
import { VolumeError } from '../volume/errors.ts';
import type { RootOwnership } from '../volume/volume.ts';

/** The directory that pods see, in the directory of its volume. */
export function dataOf(directory: string): string {
  return join(directory, 'data');
}

/**
 * Gives a new root directory its owner and mode, durably.
 * @param fd the directory, opened before: the mode asked for may let nobody but root open it
 */
export async function prepareRoot(path: string, fd: number, root: RootOwnership): Promise<void> {
  // In this order, because a change of owner clears the set-id bits; and apart from mkdir, which is subject to the
  // umask.
  await giveTo(path, root);
  await chmod(path, root.mode);
  await syncDescriptor(fd);
}

async function giveTo(path: string, { uid, gid }: RootOwnership): Promise<void> {
  try {
    await chown(path, uid, gid);
  } catch (error) {
    // In a user namespace only the users mapped into it exist.
    if (!isErrno(error, errno.EINVAL, errno.EPERM)) throw error;
    const message = `parameters.uid, parameters.gid: the driver may not give files to ${uid}:${gid} here`;
    throw new VolumeError('invalid', message, { cause: error });
  }
}
