import { constants } from 'node:os';
import { KernelError } from '../calls/errno.ts';
import { callSync, libraryCall } from '../calls/libc.ts';

const fcntl = libraryCall('fcntl', ['int', 'int', 'long']);

const F_GETFL = 3;
const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_WRLCK = 1;
const F_UNLCK = 2;

/**
 * Whether a file may be open elsewhere: in any process or mount namespace, as the backing file of a loop device, under
 * any name. The kernel grants a write lease only if the file is open nowhere else. The lease is released at once, so
 * that other opens of the file wait only microseconds. Handles (O_PATH) do not count, nor do this descriptor and its
 * duplicates.
 * @returns true also if the file system has no leases
 */
export function isOpenElsewhere(fd: number): boolean {
  try {
    // An open by another process in these microseconds signals this one; the default signal, SIGIO, would end it.
    callSync(fcntl, `descriptor ${fd}`, fd, F_SETSIG, constants.signals.SIGURG);
    callSync(fcntl, `descriptor ${fd}`, fd, F_SETLEASE, F_WRLCK);
  } catch (error) {
    if (error instanceof KernelError) return true;
    throw error;
  }
  callSync(fcntl, `descriptor ${fd}`, fd, F_SETLEASE, F_UNLCK);
  return false;
}

/** A file's access mode: O_RDONLY, O_WRONLY or O_RDWR. */
export function accessModeOf(fd: number): number {
  const ACCESS_MODES = 3;
  return callSync(fcntl, `descriptor ${fd}`, fd, F_GETFL, 0) & ACCESS_MODES;
}
