import { chmod, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDescriptor, withDescriptor } from '../../kernel/descriptor.ts';
import { errno, isErrno } from '../../kernel/errno.ts';
import { removeTree } from '../../kernel/remove-tree.ts';
import { VolumeError } from '../../volume/errors.ts';
import type { Backend } from '../../volume/ports.ts';
import type { RootOwnership, Volume } from '../../volume/volume.ts';

/**
 * Volumes as plain directories of the pool's file system. Works everywhere, and holds no volume to its size; a
 * volume's context says so.
 */
export class PlainDirectory implements Backend {
  readonly enforcesCapacity = false;

  contentOf(directory: string): string {
    return join(directory, 'data');
  }

  async provision(directory: string, { root }: Volume): Promise<void> {
    const content = this.contentOf(directory);
    await mkdir(content, { mode: 0o700 });
    // Opened first: the mode asked for may let nobody but root open it.
    await withDescriptor(content, 'r', async (fd) => {
      // In this order, because a change of owner clears the set-id bits; and apart from mkdir, which is subject
      // to the umask.
      await giveTo(content, root);
      await chmod(content, root.mode);
      await syncDescriptor(fd);
    });
  }

  async destroy(directory: string): Promise<void> {
    await removeTree(directory);
  }
}

async function giveTo(content: string, { uid, gid }: RootOwnership): Promise<void> {
  try {
    await chown(content, uid, gid);
  } catch (error) {
    // In a user namespace only the users mapped into it exist.
    if (!isErrno(error, errno.EINVAL, errno.EPERM)) throw error;
    const message = `parameters.uid, parameters.gid: the driver may not give files to ${uid}:${gid} here`;
    throw new VolumeError('invalid', message, { cause: error });
  }
}
