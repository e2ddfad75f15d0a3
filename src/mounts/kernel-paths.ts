import { constants } from 'node:fs';
import { mkdir, opendir, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { makeNode } from '../kernel/attributes/special-file.ts';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { below, withPath } from '../kernel/calls/path-handle.ts';
import { type FileStatus, statusBelow } from '../kernel/calls/statx.ts';
import { labelTree } from '../kernel/workers/tree-tasks.ts';
import { quote, VolumeError } from '../model/errors.ts';
import type { PathState, Paths } from '../model/ports/paths-port.ts';
import { pathError } from './mount-error.ts';
import type { PathProbes } from './path-probes.ts';

const TARGET_MODE = 0o700;
const TARGET_FILE_MODE = 0o600;

/** The Paths port, by system calls: follows no symbolic link. */
export class KernelPaths implements Paths {
  private readonly probes: PathProbes;

  constructor(probes: PathProbes) {
    this.probes = probes;
  }

  inspect(path: string): Promise<PathState> {
    return this.probes.inspect(path);
  }

  async label(path: string, seLinuxContext: string): Promise<void> {
    try {
      await labelTree(path, seLinuxContext);
    } catch (error) {
      if (!isErrno(error, errno.EOPNOTSUPP)) throw error;
      const message = `${quote(path)} cannot get an SELinux label: its file system has none, or was mounted with a context`;
      throw new VolumeError('precondition', message, { cause: error });
    }
  }

  hasEntries(path: string): Promise<boolean> {
    return this.probes.run(path, async (fd) => {
      const directory = await opendir(below(fd));
      try {
        return (await directory.read()) !== null;
      } finally {
        await directory.close();
      }
    });
  }

  async makeDirectory(path: string): Promise<boolean> {
    return at(dirname(path), async (parentFd) => {
      const name = basename(path);
      try {
        await mkdir(below(parentFd, name), { mode: TARGET_MODE });
        return true;
      } catch (error) {
        if (!isErrno(error, errno.EEXIST)) throw pathError(error, path);
      }
      if ((await statusBelow(parentFd, name)).type === 'directory') return false;
      throw new VolumeError('precondition', `${quote(path)} exists and is not a directory`);
    });
  }

  async makeFile(path: string): Promise<boolean> {
    return at(dirname(path), async (parentFd) => {
      const name = basename(path);
      try {
        await makeNode(parentFd, Buffer.from(name), constants.S_IFREG | TARGET_FILE_MODE, 0n);
        return true;
      } catch (error) {
        if (!isErrno(error, errno.EEXIST)) throw pathError(error, path);
      }
      const { type, sizeBytes } = await statusBelow(parentFd, name);
      if (type === 'file' && sizeBytes === 0n) return false;
      throw new VolumeError('precondition', `${quote(path)} exists and is not an empty file`);
    });
  }

  async remove(path: string): Promise<void> {
    await inParent(path, async (parentFd, name) => {
      try {
        await rmdir(below(parentFd, name));
        return;
      } catch (error) {
        if (!isErrno(error, errno.ENOTDIR)) throw error;
      }
      const { type, sizeBytes } = await statusBelow(parentFd, name);
      if (type === 'file' && sizeBytes === 0n) await unlink(below(parentFd, name));
      else throw new VolumeError('precondition', `cannot remove ${quote(path)}: it is ${describe(type)}`);
    });
  }
}

function describe(type: FileStatus['type']): string {
  switch (type) {
    case 'file':
      return 'a non-empty file';
    case 'directory':
      return 'a directory';
    case 'symlink':
      return 'a symbolic link';
    case 'other':
      return 'neither a directory nor a file';
  }
}

/** Works on an open path; an error on the way to it is the caller's mistake and is reported with the path. */
export async function at<T>(path: string, use: (fd: number, isLocal: boolean) => T | Promise<T>): Promise<T> {
  try {
    return await withPath(path, use);
  } catch (error) {
    throw pathError(error, path);
  }
}

/** Works on the last component of a path in its open parent; does nothing if either is missing. */
export async function inParent(
  path: string,
  use: (fd: number, name: string) => Promise<void>,
): Promise<void> {
  try {
    await withPath(dirname(path), (fd) => use(fd, basename(path)));
  } catch (error) {
    if (!isErrno(error, errno.ENOENT)) throw pathError(error, path);
  }
}
