import { errno, isErrno } from '../kernel/calls/errno.ts';
import { withPath } from '../kernel/calls/path-handle.ts';
import { statusOf } from '../kernel/calls/statx.ts';
import { quote, VolumeError } from '../model/errors.ts';
import { storageError } from './storage-error.ts';

/** The directory that holds all objects of one kind. If it is moved away, no object is found, but none is deleted. */
export class KindDirectory {
  readonly path: string;
  private readonly poolName: string;
  private known: string | undefined;

  constructor(path: string, poolName: string) {
    this.path = path;
    this.poolName = poolName;
  }

  /** Remembers the identity of the directory. */
  async remember(): Promise<void> {
    this.known = await this.identify();
  }

  /** @throws VolumeError unavailable: the directory is missing, or another one is in its place */
  async check(): Promise<void> {
    const now = await this.identify().catch((error: unknown) => {
      if (!isErrno(error, errno.ENOENT, errno.ENOTDIR, errno.ELOOP)) throw storageError(error, this.poolName);
    });
    if (now !== undefined && (this.known === undefined || now === this.known)) return;
    const message = `pool ${quote(this.poolName)} is not reachable: ${this.path} is missing or was replaced; restore it`;
    throw new VolumeError('unavailable', message);
  }

  private identify(): Promise<string> {
    return withPath(this.path, (fd) => {
      const { device, inode } = statusOf(fd);
      return `${device} ${inode}`;
    });
  }
}
