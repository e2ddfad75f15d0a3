import { callSync, libraryCall } from '../calls/libc.ts';

const utimensat = libraryCall('utimensat', ['int', 'str', 'void *', 'int']);

const AT_EMPTY_PATH = 0x1000;

/**
 * Sets the times of an open file, which may be a handle, also of a symbolic link itself. Blocks its thread.
 * @param times when it was last read and last modified: two of struct timespec
 */
export function setTimes(fd: number, times: Buffer): void {
  callSync(utimensat, fd, fd, '', times, AT_EMPTY_PATH);
}
