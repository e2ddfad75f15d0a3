import { closeSync, writeSync } from 'node:fs';
import { callSync, libraryCall } from '../calls/libc.ts';

const pipe2Call = libraryCall('pipe2', ['void *', 'int']);

const O_CLOEXEC = 0o2000000;

/** What a pipe holds without a reader on every kernel, in bytes. */
const PIPE_BYTES = 4096;

/**
 * Runs `use` with the descriptors of pipes that each hold some bytes and then end. The bytes are only in memory that is never
 * swapped out, and gone with the descriptors.
 * @param contents of PIPE_BYTES at most each
 */
export async function withFilledPipes<T>(
  contents: readonly Buffer[],
  use: (fds: readonly number[]) => Promise<T>,
): Promise<T> {
  const fds: number[] = [];
  try {
    for (const content of contents) fds.push(filledPipe(content));
    return await use(fds);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

function filledPipe(content: Buffer): number {
  if (content.length > PIPE_BYTES) throw new RangeError(`${content.length} bytes do not fit into a pipe`);
  const pair = Buffer.alloc(8);
  callSync(pipe2Call, 'pipe', pair, O_CLOEXEC);
  const [readFd, writeFd] = [pair.readInt32LE(0), pair.readInt32LE(4)];
  try {
    writeSync(writeFd, content);
    return readFd;
  } catch (error) {
    closeSync(readFd);
    throw error;
  } finally {
    closeSync(writeFd);
  }
}
