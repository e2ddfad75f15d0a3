import { constants } from 'node:fs';
import { chmod, chown } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDescriptor, withDescriptor } from '../kernel/calls/descriptor.ts';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { withPath } from '../kernel/calls/path-handle.ts';
import { type FileStatus, statusOf } from '../kernel/calls/statx.ts';
import { VolumeError } from '../model/errors.ts';
import type { RootOwnership } from '../model/objects/volume.ts';
import type { ContentLoss } from '../model/ports/ports.ts';
import { ownerError } from '../records/new-object.ts';

/** The name of the directory that pods see, inside the volume's directory. */
export const DATA = 'data';

/** The path of the directory that pods see. */
export function dataOf(directory: string): string {
  return join(directory, DATA);
}

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Opens the directory that pods see, but nothing else in its place.
 * @throws a node:fs error for which `isDataMissing` holds
 */
export function withData<T>(directory: string, use: (fd: number) => T | Promise<T>): Promise<T> {
  return withDescriptor(dataOf(directory), OPEN_DIRECTORY, use);
}

/** Like `withData`, for calls that need the directory. @throws VolumeError damaged */
export async function withExistingData<T>(
  directory: string,
  use: (fd: number) => T | Promise<T>,
): Promise<T> {
  try {
    return await withData(directory, use);
  } catch (error) {
    if (!isDataMissing(error)) throw error;
    throw missingDataError(directory, error);
  }
}

/** The same with a handle (O_PATH), which on a local disk is opened without other threads. @throws VolumeError damaged */
export async function withDataHandle<T>(directory: string, use: (fd: number) => T | Promise<T>): Promise<T> {
  try {
    return await withPath(dataOf(directory), (fd) => {
      if (statusOf(fd).type !== 'directory') throw missingDataError(directory);
      return use(fd);
    });
  } catch (error) {
    if (!isDataMissing(error)) throw error;
    throw missingDataError(directory, error);
  }
}

function missingDataError(directory: string, cause?: unknown): VolumeError {
  return new VolumeError('damaged', `the data at ${dataOf(directory)} is missing`, { cause });
}

export function isDataMissing(error: unknown): boolean {
  return isErrno(error, errno.ENOENT, errno.ENOTDIR, errno.ELOOP);
}

/** Whether the directory that pods see is gone. */
export async function lossOfData(directory: string): Promise<ContentLoss | undefined> {
  const status = await statusUnlessMissing(dataOf(directory));
  return status?.type === 'directory' ? undefined : { kind: 'missing' };
}

/** The status of a file or directory, without following a symbolic link; undefined if it does not exist. */
export async function statusUnlessMissing(path: string): Promise<FileStatus | undefined> {
  try {
    return await withPath(path, statusOf);
  } catch (error) {
    if (isErrno(error, errno.ENOENT, errno.ENOTDIR)) return undefined;
    throw error;
  }
}

/**
 * Sets the owner and mode of a new root directory, durably.
 * @param fd the directory, opened before: the requested mode may allow only root to open it
 */
export async function prepareRoot(path: string, fd: number, root: RootOwnership): Promise<void> {
  // In this order, because changing the owner clears the set-id bits; and not by mkdir, whose mode is subject to the
  // umask.
  await setOwner(path, root);
  await chmod(path, root.mode);
  await syncDescriptor(fd);
}

async function setOwner(path: string, root: RootOwnership): Promise<void> {
  try {
    await chown(path, root.uid, root.gid);
  } catch (error) {
    throw ownerError(error, root);
  }
}
