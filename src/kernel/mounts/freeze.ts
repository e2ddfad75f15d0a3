import { errno, isErrno } from '../calls/errno.ts';
import { type IoctlRequest, ioctl } from '../calls/ioctl.ts';

// The numbers declare an int argument, but the kernel reads none.
const FIFREEZE: IoctlRequest = { name: 'FIFREEZE', number: 0xc0045877 };
const FITHAW: IoctlRequest = { name: 'FITHAW', number: 0xc0045878, isUrgent: true };

/**
 * Freezes the file system of an open file or directory (not an O_PATH handle) once writes in progress have ended and all
 * data is on disk. Until it is thawed it can be read; writers, and processes that make, truncate, rename or remove files
 * or set attributes, hang in the kernel, where even SIGKILL waits. Directories can still be opened and listed: access
 * times that cannot be recorded are skipped. Neither the end of this process nor an unmount thaws it: it keeps its
 * device, and is still frozen when it is mounted again.
 * @returns false if another program has frozen it and will thaw it
 * @throws KernelError EOPNOTSUPP if the file system cannot be frozen
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
 * Thaws a file system, whichever process froze it, and lets hung writers continue. Any mount of the file system will do, including
 * one made for this purpose (`withSharedMount`). Runs on another thread, since ext4 writes its superblock and waits for
 * the disk. Urgent calls have threads of their own, so it does not queue behind calls that wait for the thaw.
 * @returns false if it was not frozen
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
