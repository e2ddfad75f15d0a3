import { errno, isErrno } from '../calls/errno.ts';
import { callSync, libraryCall } from '../calls/libc.ts';

const flockCall = libraryCall('flock', ['int', 'int']);

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes the exclusive lock of an open file for this process, without waiting. The kernel releases it when the file is
 * closed or the process ends for any reason.
 * @returns false if another process holds it
 */
export function tryLock(fd: number): boolean {
  try {
    callSync(flockCall, 'lock file', fd, LOCK_EX | LOCK_NB);
    return true;
  } catch (error) {
    if (isErrno(error, errno.EWOULDBLOCK)) return false;
    throw error;
  }
}
