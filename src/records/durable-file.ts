import { constants } from 'node:fs';
import { rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readText, syncDescriptor, withDescriptor, writeText } from '../kernel/calls/descriptor.ts';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { statusOf } from '../kernel/calls/statx.ts';
import { retry } from '../kernel/calls/transient-error.ts';
import { checkWritable } from '../kernel/files/check-writable.ts';

const RECORD_MODE = 0o600;

// Opening a FIFO would wait for a reader, and a symbolic link leads to another file.
const WRITE_NEW =
  constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** Writes a new file. It is durable once the file and its directory are synced. */
export async function writeNewFile(path: string, text: string): Promise<void> {
  await withDescriptor(path, 'wx', (fd) => writeText(fd, text), RECORD_MODE);
}

/**
 * Replaces a file in one durable step: a reader sees either the whole old text or the whole new text, even after a
 * crash.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  const writeAndSync = async (fd: number) => {
    await writeText(fd, text);
    await syncDescriptor(fd);
  };
  try {
    await withDescriptor(temporary, WRITE_NEW, writeAndSync, RECORD_MODE);
    await rename(temporary, path);
  } catch (error) {
    // It would take space on a disk that may have none.
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncPath(dirname(path));
}

/** Waits until the entries of a directory are on disk, and makes sure that the disk has not given up before. */
export async function syncPath(directory: string): Promise<void> {
  await withDescriptor(directory, 'r', syncDescriptor);
  await checkWritable(directory);
}

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
  return retry(() => withDescriptor(path, READ_OWN, readRegular).catch(refuseSpecial));
}

async function readRegular(fd: number): Promise<string> {
  const { type, sizeBytes } = statusOf(fd);
  if (type === 'directory') throw new NotOwnFileError('it is a directory, not a file');
  if (type !== 'file') throw new NotOwnFileError('it is not a regular file');
  if (sizeBytes > LIMIT_BYTES) {
    throw new NotOwnFileError(`it has ${sizeBytes} bytes; the driver writes at most ${LIMIT_BYTES}`);
  }
  return readText(fd, Number(sizeBytes));
}

/** Converts the error for a path that cannot even be opened with these flags. */
function refuseSpecial(error: unknown): never {
  if (isErrno(error, errno.ELOOP)) {
    throw new NotOwnFileError('it is a symbolic link, not a file', { cause: error });
  }
  if (isErrno(error, errno.ENXIO)) throw new NotOwnFileError('it is not a regular file', { cause: error });
  throw error;
}
