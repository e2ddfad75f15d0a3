import { constants, ftruncate } from 'node:fs';
import { mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { syncDescriptor, withDescriptor, writeText } from '../kernel/calls/descriptor.ts';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { exchange } from '../kernel/files/exchange.ts';
import { allocate } from '../kernel/files/sparse-file.ts';
import { syncPath } from './durable-file.ts';
import { driverOnlyMode } from './pool-layout.ts';

const truncateAsync = promisify(ftruncate);

// On btrfs each spare can be written only once. Elsewhere one would do, since the replaced record becomes the next
// spare.
const SPARE_COUNT = 16;
// More than any volume record needs.
const SPARE_BYTES = 4096;
const SPARE_MODE = 0o600;

const WRITE_SPARE = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** No room after all, no exchange on this file system, or something else is at the path of the spare. */
const UNUSABLE = [
  errno.ENOSPC,
  errno.EDQUOT,
  errno.EINVAL,
  errno.ENOENT,
  errno.EISDIR,
  errno.ELOOP,
  errno.ENXIO,
  errno.EPERM,
];

/**
 * Preallocated files, each with an inode and space, so that a record can be replaced when the disk has neither left: a
 * spare is overwritten and exchanged with the record. Operations that must work on a full disk need this, such as
 * detaching a volume so that it can be deleted.
 */
export class RecordReserve {
  private readonly directory: string;
  private queue: Promise<unknown> = Promise.resolve();
  private isDepleted = false;

  /** @param directory holds the spares and nothing else */
  constructor(directory: string) {
    this.directory = directory;
  }

  /** Creates the missing spares while there is room. Lack of room is not an error. */
  fill(): Promise<void> {
    return this.runSerially(async () => {
      try {
        await this.makeSpares();
        this.isDepleted = false;
      } catch {
        this.isDepleted = true;
      }
    });
  }

  /** The same after a write that found room, if spares are known to be missing. */
  refill(): void {
    if (this.isDepleted) void this.fill();
  }

  /**
   * Replaces a file as `replaceFile` does, without needing space.
   * @returns false if no spare is left or none could be used
   */
  replaceFile(path: string, text: string): Promise<boolean> {
    return this.runSerially(async () => {
      if (Buffer.byteLength(text) > SPARE_BYTES) return false;
      for (const name of await this.spares()) {
        if (await this.replaceBy(join(this.directory, name), path, text)) return true;
      }
      return false;
    });
  }

  private async replaceBy(spare: string, path: string, text: string): Promise<boolean> {
    try {
      await withDescriptor(spare, WRITE_SPARE, async (fd) => {
        await writeText(fd, text);
        await truncateAsync(fd, Buffer.byteLength(text));
        await syncDescriptor(fd);
      });
      await exchange(spare, path);
    } catch (error) {
      if (!isErrno(error, ...UNUSABLE)) throw error;
      this.isDepleted = true;
      return false;
    }
    await Promise.all([syncPath(join(path, '..')), syncPath(this.directory)]);
    return true;
  }

  private async makeSpares(): Promise<void> {
    await mkdir(this.directory, { mode: driverOnlyMode }).catch((error: unknown) => {
      if (!isErrno(error, errno.EEXIST)) throw error;
    });
    const present = new Set(await this.spares());
    for (let number = 0; number < SPARE_COUNT; number++) {
      if (!present.has(String(number))) await makeSpare(join(this.directory, String(number)));
    }
  }

  /** The names of the spares; empty if the directory does not exist. */
  private async spares(): Promise<string[]> {
    return readdir(this.directory).catch((error: unknown) => {
      if (isErrno(error, errno.ENOENT)) return [];
      throw error;
    });
  }

  /** One at a time, so that no two calls use the same spare. */
  private runSerially<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work);
    this.queue = result.catch(() => {});
    return result;
  }
}

async function makeSpare(path: string): Promise<void> {
  try {
    await withDescriptor(path, 'wx', (fd) => allocateSpace(fd), SPARE_MODE);
  } catch (error) {
    await unlink(path).catch(() => {});
    throw error;
  }
}

async function allocateSpace(fd: number): Promise<void> {
  try {
    await allocate(fd, SPARE_BYTES);
  } catch (error) {
    if (!isErrno(error, errno.EOPNOTSUPP, errno.ENOSYS)) throw error;
    await writeText(fd, '\n'.repeat(SPARE_BYTES));
    await syncDescriptor(fd);
  }
}
