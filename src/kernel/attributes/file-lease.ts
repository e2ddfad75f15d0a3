import { constants } from 'node:os';
import { KernelError } from '../calls/errno.ts';
import { callNow, libraryCall } from '../calls/libc.ts';

const fcntl = libraryCall('fcntl', ['int', 'int', 'long']);

const F_GETFL = 3;
const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_WRLCK = 1;
const F_UNLCK = 2;

/**
 * Whether a file may be open anywhere else: in any process, in any mount namespace, as the file of a loop device, under
 * whatever name. The kernel grants a write lease only to the one who alone has the file open. It is given back at once, so
 * that others who open the file wait for microseconds. Handles (O_PATH) do not count, nor does whoever uses this very
 * descriptor or a copy of it.
 * @returns true also where the file system has no leases
 */
export function isOpenElsewhere(fd: number): boolean {
  try {
    // Whoever opens the file within these microseconds has this process signalled; SIGIO, the default, would end it.
    callNow(fcntl, `descriptor ${fd}`, fd, F_SETSIG, constants.signals.SIGURG);
    callNow(fcntl, `descriptor ${fd}`, fd, F_SETLEASE, F_WRLCK);
  } catch (error) {
    if (error instanceof KernelError) return true;
    throw error;
  }
  callNow(fcntl, `descriptor ${fd}`, fd, F_SETLEASE, F_UNLCK);
  return false;
}

/** How a file is open: O_RDONLY, O_WRONLY or O_RDWR. */
export function accessModeOf(fd: number): number {
  const ACCESS_MODES = 3;
  return callNow(fcntl, `descriptor ${fd}`, fd, F_GETFL, 0) & ACCESS_MODES;
}
