import { errno, isErrno } from '../kernel/calls/errno.ts';
import { withPath } from '../kernel/calls/path-handle.ts';
import { statusOf } from '../kernel/calls/statx.ts';
import { quote, VolumeError } from '../model/errors.ts';
import { storageError } from './storage-error.ts';

/**
 * The directory that holds all objects of one kind. When it is moved away, none of them is found, and none of them is
 * gone.
 */
export class HomeDirectory {
  private readonly path: string;
  private readonly poolName: string;
  private known: string | undefined;

  constructor(path: string, poolName: string) {
    this.path = path;
    this.poolName = poolName;
  }

  /** Remembers which directory it is. */
  async remember(): Promise<void> {
    this.known = await this.identify();
  }

  /** @throws VolumeError unavailable: another directory than was remembered is there, or none */
  async check(): Promise<void> {
    const now = await this.identify().catch((error: unknown) => {
      if (!isErrno(error, errno.ENOENT, errno.ENOTDIR, errno.ELOOP)) throw storageError(error, this.poolName);
    });
    if (now !== undefined && (this.known === undefined || now === this.known)) return;
    const message = `pool ${quote(this.poolName)} has another directory than before at ${this.path}, or none; put it back`;
    throw new VolumeError('unavailable', message);
  }

  private identify(): Promise<string> {
    return withPath(this.path, (fd) => {
      const { device, inode } = statusOf(fd);
      return `${device} ${inode}`;
    });
  }
}
