import { errno, isErrno } from '../calls/errno.ts';
import { type IoctlRequest, ioctl } from '../calls/ioctl.ts';

// The numbers say that an int is passed; the kernel reads none.
const FIFREEZE: IoctlRequest = { name: 'FIFREEZE', number: 0xc0045877 };
const FITHAW: IoctlRequest = { name: 'FITHAW', number: 0xc0045878, isUrgent: true };

/**
 * Stops all writing to the file system that an open file or directory lies on (not one opened with O_PATH), when the
 * writes under way have ended and all of it is on the disk. Until it is thawed it can be read; who writes to it,
 * makes, cuts, renames or removes something in it, or sets attributes, hangs in the kernel, where even SIGKILL waits.
 * Directories open and list as ever: an access time that cannot be noted is left out. The end of this process does not
 * thaw it, and no unmount: it keeps its device, and is still frozen when it is mounted again.
 * @returns false where somebody else has frozen it, who will thaw it
 * @throws KernelError EOPNOTSUPP where the file system cannot be frozen
 */
export async function freeze(fd: number): Promise<boolean> {
  try {
    await ioctl(fd, FIFREEZE, 0);
    return true;
  } catch (error) {
    if (isErrno(error, errno.EBUSY)) return false;
    throw error;
  }
}

/**
 * Ends a freeze, by whomever; those who hang go on. Any mount of the file system will do, one made for this, too
 * (`withSharedMount`). Runs on another thread, since ext4 writes its superblock and waits for the disk. There are threads
 * for urgent calls alone, so it does not wait for calls that wait for it.
 * @returns false where it was not frozen
 */
export async function thaw(fd: number): Promise<boolean> {
  try {
    await ioctl(fd, FITHAW, 0);
    return true;
  } catch (error) {
    if (isErrno(error, errno.EINVAL)) return false;
    throw error;
  }
}
