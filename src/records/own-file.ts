import { constants, readFile } from 'node:fs';
import { promisify } from 'node:util';
import { withDescriptor } from '../kernel/calls/descriptor.ts';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { retried } from '../kernel/calls/passing-error.ts';
import { statusOf } from '../kernel/calls/statx.ts';

const readFileAsync = promisify(readFile);

// Opening a FIFO would wait for a writer, and a symbolic link leads to another file.
const READ_OWN = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

// Groups are the largest: about 1 KiB per snapshot.
const LIMIT_BYTES = 16n * 1024n ** 2n;

/** The path of one of the driver's files holds something that the driver did not write. The message says what it is. */
export class NotOwnFileError extends Error {
  override readonly name = 'NotOwnFileError';
}

/**
 * Reads a file that the driver wrote. Retries transient errors briefly.
 * @throws NotOwnFileError for anything but a regular file of at most 16 MiB
 * @throws a node:fs error: ENOENT, ENOTDIR, EIO, EMFILE, …
 */
export function readOwnFile(path: string): Promise<string> {
  return retried(() => withDescriptor(path, READ_OWN, readRegular).catch(refuseSpecial));
}

function readRegular(fd: number): Promise<string> {
  const { type, sizeBytes } = statusOf(fd);
  if (type === 'directory') throw new NotOwnFileError('it is a directory, not a file');
  if (type !== 'file') throw new NotOwnFileError('it is not a regular file');
  if (sizeBytes > LIMIT_BYTES) {
    throw new NotOwnFileError(`it has ${sizeBytes} bytes, more than the driver ever writes (${LIMIT_BYTES})`);
  }
  return readFileAsync(fd, 'utf8');
}

/** Converts the error for a path that cannot even be opened with these flags. */
function refuseSpecial(error: unknown): never {
  if (isErrno(error, errno.ELOOP)) {
    throw new NotOwnFileError('it is a symbolic link, not a file', { cause: error });
  }
  if (isErrno(error, errno.ENXIO)) throw new NotOwnFileError('it is not a regular file', { cause: error });
  throw error;
}
