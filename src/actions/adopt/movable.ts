import { constants } from 'node:fs';
import { dirname } from 'node:path';
import { withDescriptor } from '../../kernel/calls/descriptor.ts';
import { below, withPath } from '../../kernel/calls/path-handle.ts';
import { withDirectoryThrough } from '../../kernel/calls/through-mount.ts';

const READ_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;

/**
 * Passes `use` the directory that holds some data, as the mount of a pool shows it: from there it can be renamed into the pool.
 * Symbolic links are not followed.
 * @param use gets undefined if the data must be copied instead: it is on another file system, or this process may not
 */
export function withMovable<T>(
  path: string,
  poolPath: string,
  use: (fd: number | undefined) => Promise<T>,
): Promise<T> {
  return withPath(dirname(path), (fd) =>
    withPath(poolPath, (pool) =>
      withDescriptor(below(pool), READ_DIRECTORY, (poolFd) => withDirectoryThrough(fd, poolFd, use)),
    ),
  );
}

/** Whether data can be renamed into a pool. */
export function canMove(path: string, poolPath: string): Promise<boolean> {
  return withMovable(path, poolPath, async (fd) => fd !== undefined);
}
