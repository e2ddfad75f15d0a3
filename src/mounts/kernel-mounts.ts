import { constants } from 'node:fs';
import { mkdir, opendir, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { makeNode } from '../kernel/attributes/special-file.ts';
import { syncFileSystem, withDescriptor } from '../kernel/calls/descriptor.ts';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { below, isMountPoint, withPath } from '../kernel/calls/path-handle.ts';
import { fileSystemOf } from '../kernel/calls/statfs.ts';
import { askStatus, type FileStatus, statusBelow } from '../kernel/calls/statx.ts';
import {
  growMounted,
  isSmallerThanDevice,
  type MountedFileSystem,
} from '../kernel/file-systems/grow-file-system.ts';
import { bindMount, unmount, unmountLazily } from '../kernel/mounts/bind-mount.ts';
import { mountFileSystem } from '../kernel/mounts/file-system-mount.ts';
import { readMountinfo } from '../kernel/mounts/mountinfo.ts';
import { eventually } from '../kernel/process/eventually.ts';
import { quote, VolumeError } from '../model/errors.ts';
import type { Device } from '../model/ports/devices-port.ts';
import type {
  FileIdentity,
  FileSystemMount,
  FileSystemUsage,
  HeldFileSystem,
  MountedPath,
  Mounts,
  PathState,
} from '../model/ports/mounts-port.ts';
import type { FileSystemType } from '../model/requests/file-system-type.ts';
import type { MountFlags } from '../model/requests/mount-flags.ts';
import { growthError } from './growth-error.ts';
import { mountError } from './mount-error.ts';
import { toMountAttributes } from './mount-flag-bits.ts';
import { deviceNumberOf, holdFileSystem } from './open-file-system.ts';
import { pathError } from './path-error.ts';
import { PathLooks } from './path-looks.ts';

// More mounts stacked on one path than any sequence of calls can leave; limits the loop that removes them.
const STACK_LIMIT = 64;
const TARGET_MODE = 0o700;
const TARGET_FILE_MODE = 0o600;

/** The Mounts port, by system calls: starts no process and follows no symbolic link. */
export class KernelMounts implements Mounts {
  private readonly looks = new PathLooks();

  inspect(path: string): Promise<PathState> {
    return this.looks.inspect(path);
  }

  hasEntries(path: string): Promise<boolean> {
    return this.looks.at(path, async (fd) => {
      const directory = await opendir(below(fd));
      try {
        return (await directory.read()) !== null;
      } finally {
        await directory.close();
      }
    });
  }

  bind(source: string, target: string, flags: MountFlags, expected: FileIdentity): Promise<number> {
    const { set, clear } = toMountAttributes(flags);
    return at(source, async (sourceFd) => {
      const { inode, device } = await askStatus(sourceFd);
      if (inode !== expected.inode || device !== expected.device) {
        throw new VolumeError(
          'precondition',
          `${quote(source)} has been replaced by something else meanwhile`,
        );
      }
      return at(target, (targetFd) => bindMount(sourceFd, targetFd, set, clear));
    });
  }

  async unmount(path: string): Promise<void> {
    await inParent(path, async (parentFd, name) => {
      for (let count = 0; await isMountPoint(parentFd, name); count++) {
        if (count === STACK_LIMIT) throw new Error(`more than ${STACK_LIMIT} mounts are stacked at ${path}`);
        await this.unmountTopmost(path, below(parentFd, name));
      }
    });
  }

  private async unmountTopmost(path: string, handle: string): Promise<void> {
    try {
      await unmount(handle);
    } catch (error) {
      if (!isErrno(error, errno.EBUSY)) throw error;
      // Perhaps only a look keeps it busy: calls that only read take no lock, and must not make an unmount fail.
      await this.looks.keepingAway(path, async () => {
        await eventually(async () => !this.looks.isLookedAt(path));
        // A look that hangs ends only with the file system.
        await (this.looks.isHung(path) ? unmountLazily(handle) : unmount(handle));
      });
    }
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

  bindDevice({ path, number }: Device, target: string): Promise<number> {
    return at(path, async (deviceFd) => {
      if ((await askStatus(deviceFd)).deviceNode !== number)
        throw new VolumeError('precondition', `${path} is not the node of the device ${number}`);
      return at(target, (targetFd) => bindMount(deviceFd, targetFd, 0, 0));
    });
  }

  async mountDevice(device: Device, target: string, how: FileSystemMount): Promise<number> {
    const { fsType, options, flags } = how;
    const spec = { device: device.path, fsType, options, attrSet: toMountAttributes(flags).set };
    const prepare = async (rootFd: number) => {
      if (!flags.readOnly) await fillDevice(rootFd, spec, target);
    };
    return at(target, async (fd) => {
      try {
        return await mountFileSystem(spec, fd, prepare);
      } catch (error) {
        throw mountError(error);
      }
    });
  }

  deviceAt(path: string): Promise<string | undefined> {
    return this.looks.at(path, deviceNumberOf);
  }

  growFileSystem(path: string, device: Device, fsType: FileSystemType): Promise<{ isGrown: boolean }> {
    return at(path, async (fd) => ({
      isGrown: await fillDevice(fd, { fsType, device: device.path }, path),
    }));
  }

  isSmallerThanDevice(path: string, device: Device, fsType: FileSystemType): Promise<boolean> {
    return this.looks.at(path, (fd) => isSmallerThanDevice({ fsType, device: device.path }, fd));
  }

  async remove(path: string): Promise<void> {
    await inParent(path, async (parentFd, name) => {
      const { type, sizeBytes } = await statusBelow(parentFd, name);
      if (type === 'directory') await rmdir(below(parentFd, name));
      else if (type === 'file' && sizeBytes === 0n) await unlink(below(parentFd, name));
      else throw new VolumeError('precondition', `${quote(path)} is not removed: it is ${describe(type)}`);
    });
  }

  sync(path: string): Promise<void> {
    return opened(path, syncFileSystem);
  }

  async hold(path: string, device: Device): Promise<HeldFileSystem | undefined> {
    try {
      return await this.looks.at(path, (fd) => holdFileSystem(fd, device));
    } catch (error) {
      const { ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG } = errno;
      // The path was removed together with the mount.
      if (error instanceof VolumeError && isErrno(error.cause, ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG))
        return undefined;
      throw error;
    }
  }

  usage(path: string): Promise<FileSystemUsage> {
    return this.looks.at(path, usageOf);
  }

  list(): Promise<MountedPath[]> {
    return readMountinfo();
  }
}

/**
 * Grows a file system to the size of its device.
 * @returns whether it fills the device now
 */
async function fillDevice(rootFd: number, mounted: MountedFileSystem, path: string): Promise<boolean> {
  try {
    await growMounted(mounted, rootFd);
    return true;
  } catch (error) {
    if (mounted.fsType === 'ext4' && isErrno(error, errno.EPERM)) return false;
    throw growthError(error, path);
  }
}

/** The space of an open file's file system. */
export async function usageOf(fd: number): Promise<FileSystemUsage> {
  const status = await fileSystemOf(fd);
  return {
    bytes: {
      total: status.totalBytes,
      used: status.totalBytes - status.freeBytes,
      available: status.availableBytes,
    },
    inodes: {
      total: status.totalInodes,
      used: status.totalInodes - status.freeInodes,
      available: status.freeInodes,
    },
  };
}

/** Works on an open path; an error on the way to it is the caller's mistake and is reported with the path. */
async function at<T>(path: string, use: (fd: number) => T | Promise<T>): Promise<T> {
  try {
    return await withPath(path, use);
  } catch (error) {
    throw pathError(error, path);
  }
}

/** Works on a directory or file open for reading, rather than on an O_PATH handle. */
function opened<T>(path: string, use: (fd: number) => Promise<T>): Promise<T> {
  return at(path, (fd) => withDescriptor(below(fd), 'r', use));
}

/** Works on the last component of a path in its open parent; does nothing if either is missing. */
async function inParent(path: string, use: (fd: number, name: string) => Promise<void>): Promise<void> {
  try {
    await withPath(dirname(path), (fd) => use(fd, basename(path)));
  } catch (error) {
    if (!isErrno(error, errno.ENOENT)) throw pathError(error, path);
  }
}

function describe(type: FileStatus['type']): string {
  switch (type) {
    case 'file':
      return 'a file that is not empty';
    case 'directory':
      return 'a directory';
    case 'symlink':
      return 'a symbolic link';
    case 'other':
      return 'neither a directory nor a file';
  }
}
