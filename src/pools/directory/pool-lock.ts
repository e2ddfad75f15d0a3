import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { tryLock } from '../../kernel/attributes/flock.ts';
import { errno, isErrno } from '../../kernel/calls/errno.ts';
import { statusOf } from '../../kernel/calls/statx.ts';
import type { PoolLayout } from '../../records/pool-layout.ts';
import { PoolHeldError } from './pool-errors.ts';
import { DamagedFileError } from './pool-marker.ts';

const RETRY_INTERVAL_MS = 100;
const LOCK_MODE = 0o600;

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
// Opening a FIFO would wait for another process.
const OPEN_FILE = constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** A lock that is held until it is released or the process ends. */
export interface PoolLock {
  /** May be called repeatedly. */
  release(): Promise<void>;
}

/**
 * Locks a pool for this process alone. In a rolling update the previous driver may still be draining, so this waits for
 * a held lock. It locks both the root directory and the lock file: a file can be removed or replaced, but older
 * versions of the driver lock only the file. The file is created if missing and never replaced.
 * @throws DamagedFileError if the path of the lock file is not a regular file
 * @throws PoolHeldError if another process still holds the pool after `timeoutMs`
 */
export async function lockPool(
  { root, lock }: Pick<PoolLayout, 'root' | 'lock'>,
  timeoutMs: number,
): Promise<PoolLock> {
  const held: FileHandle[] = [];
  // Closing a file that is already closed does nothing.
  const release = async () => {
    for (const file of held) await file.close();
  };
  try {
    const wait = { timeoutMs, waitedMs: 0 };
    const file = await openLockFile(lock);
    if (file) {
      held.push(file);
      await waitForLock(file, lock, wait);
    }
    const directory = await open(root, OPEN_DIRECTORY);
    held.push(directory);
    await waitForLock(directory, root, wait, isLockUnsupported);
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

/** @returns undefined if there is no lock file and none can be created; the lock on the directory remains */
async function openLockFile(path: string): Promise<FileHandle | undefined> {
  const file = await openOrMake(path);
  try {
    if (file && statusOf(file.fd).type !== 'file') throw notALockFileError(path);
    return file;
  } catch (error) {
    await file?.close();
    throw error;
  }
}

async function openOrMake(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDWR | OPEN_FILE);
  } catch (error) {
    if (isErrno(error, errno.EROFS)) return open(path, constants.O_RDONLY | OPEN_FILE);
    if (isErrno(error, errno.EISDIR, errno.ELOOP, errno.ENXIO)) throw notALockFileError(path, error);
    if (!isErrno(error, errno.ENOENT)) throw error;
  }
  try {
    return await open(path, constants.O_RDWR | constants.O_CREAT | OPEN_FILE, LOCK_MODE);
  } catch (error) {
    if (isErrno(error, errno.ENOSPC, errno.EDQUOT, errno.EROFS)) return undefined;
    throw error;
  }
}

function notALockFileError(path: string, cause?: unknown): DamagedFileError {
  return new DamagedFileError(`${path} is not a regular file; remove it, and the driver creates it again`, {
    cause,
  });
}

interface LockWait {
  readonly timeoutMs: number;
  waitedMs: number;
}

async function waitForLock(
  file: FileHandle,
  path: string,
  wait: LockWait,
  isIgnored: (error: unknown) => boolean = () => false,
): Promise<void> {
  for (;;) {
    try {
      if (tryLock(file.fd)) return;
    } catch (error) {
      if (isIgnored(error)) return;
      throw error;
    }
    if (wait.waitedMs >= wait.timeoutMs) {
      throw new PoolHeldError(
        `another driver has locked ${path}; waited ${wait.timeoutMs} ms for it to stop`,
      );
    }
    await delay(RETRY_INTERVAL_MS);
    wait.waitedMs += RETRY_INTERVAL_MS;
  }
}

/** NFS needs a file open for writing to lock it, and a directory never is; there, only the lock file is locked. */
function isLockUnsupported(error: unknown): boolean {
  return isErrno(error, errno.EBADF, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS);
}
