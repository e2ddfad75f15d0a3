import { constants } from 'node:fs';
import { readAt, withDescriptor } from '../calls/descriptor.ts';

// A FIFO must not block the driver.
const OPEN_KEY = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Reads the first bytes of a file: all of a key, or more than one may have.
 * @throws a node:fs error: ENOENT, EACCES, …
 */
export function readKey(path: string, maximumBytes: number): Promise<Buffer> {
  return withDescriptor(path, OPEN_KEY, (fd) => readAt(fd, 0, maximumBytes + 1));
}
