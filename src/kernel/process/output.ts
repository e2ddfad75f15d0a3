import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { errno, isErrno } from '../calls/errno.ts';
import { callSync, libraryCall } from '../calls/libc.ts';

const send = libraryCall('send', ['int', 'void *', 'size_t', 'int']);
const poll = libraryCall('poll', ['void *', 'ulong', 'int']);

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const POLLOUT = 0x0004;
// A pipe that polls as ready accepts this much without blocking.
const PIPE_BUF = 4096;

/** Writes part of some bytes without ever waiting for a reader. @returns the number of bytes written, 0 if it would block */
export type NonBlockingWrite = (bytes: Buffer) => number;

/**
 * Writes to standard output or standard error, which may be an unread pipe, a stopped terminal or a file on a full disk.
 * The descriptor is shared with other processes, so O_NONBLOCK is not set on it.
 * @param fd 1 or 2
 * @throws KernelError or a node:fs error ENOSPC, EPIPE, EIO, … on each write
 */
export function outputOf(fd: number): NonBlockingWrite {
  const status = fstatSync(fd);
  if (status.isSocket()) return (bytes) => zeroIfBlocked(() => sendNonBlocking(fd, bytes));
  // Writing to a file succeeds or fails at once.
  if (status.isFile()) return (bytes) => writeSync(fd, bytes);
  const own = reopen(fd);
  if (own !== undefined) return (bytes) => zeroIfBlocked(() => writeSync(own, bytes));
  return (bytes) => (isReady(fd) ? zeroIfBlocked(() => writeSync(fd, bytes.subarray(0, PIPE_BUF))) : 0);
}

/** Reopens a descriptor's file, so that it is non-blocking for this process only. */
function reopen(fd: number): number | undefined {
  const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  try {
    return openSync(`/proc/self/fd/${fd}`, flags);
  } catch {
    // It belongs to another user, or is a pipe without a reader.
    return undefined;
  }
}

function sendNonBlocking(fd: number, bytes: Buffer): number {
  return callSync(send, `descriptor ${fd}`, fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

function isReady(fd: number): boolean {
  const pollFd = Buffer.alloc(8);
  pollFd.writeInt32LE(fd, 0);
  pollFd.writeInt16LE(POLLOUT, 4);
  // An error counts as ready, too; the write reports it.
  return callSync(poll, `descriptor ${fd}`, pollFd, 1, 0) > 0;
}

function zeroIfBlocked(write: () => number): number {
  try {
    return write();
  } catch (error) {
    if (isErrno(error, errno.EAGAIN)) return 0;
    throw error;
  }
}
