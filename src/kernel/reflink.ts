import { constants } from 'node:fs';
import { withDescriptor, writeText } from './descriptor.ts';
import { errno, isErrno } from './errno.ts';
import { type IoctlRequest, ioctl } from './ioctl.ts';

const FICLONE: IoctlRequest = { name: 'FICLONE', number: 0x40049409 };

// An unnamed file, so that nothing is left behind however the process ends.
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
const OWNER_ONLY = 0o600;

/**
 * Whether files in a directory can be cloned, sharing their blocks. It is tried, because a file system of a kind
 * that can may have been made without.
 */
export async function canReflink(directory: string): Promise<boolean> {
  const flags = O_TMPFILE | constants.O_RDWR;
  try {
    await withDescriptor(
      directory,
      flags,
      async (source) => {
        await writeText(source, 'content');
        await withDescriptor(directory, flags, (target) => ioctl(target, FICLONE, source), OWNER_ONLY);
      },
      OWNER_ONLY,
    );
    return true;
  } catch (error) {
    // EISDIR: an old way to say that there are no unnamed files.
    if (isErrno(error, errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.ENOSYS, errno.EISDIR))
      return false;
    throw error;
  }
}
