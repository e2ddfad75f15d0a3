import { syncFileSystem, withDescriptor } from '../kernel/calls/descriptor.ts';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { below } from '../kernel/calls/path-handle.ts';
import { fileSystemOf, localFileSystemOf } from '../kernel/calls/statfs.ts';
import {
  growMounted,
  isSmallerThanDevice,
  type MountedFileSystem,
} from '../kernel/file-systems/grow-file-system.ts';
import { VolumeError } from '../model/errors.ts';
import type { Device } from '../model/ports/devices-port.ts';
import type { FileSystems, FileSystemUsage, HeldFileSystem } from '../model/ports/file-systems-port.ts';
import type { FileSystemType } from '../model/requests/file-system-options.ts';
import { at } from './kernel-paths.ts';
import { growthError } from './mount-error.ts';
import { holdFileSystem } from './open-file-system.ts';
import type { PathProbes } from './path-probes.ts';

/** The FileSystems port, by system calls. */
export class KernelFileSystems implements FileSystems {
  private readonly probes: PathProbes;

  constructor(probes: PathProbes) {
    this.probes = probes;
  }

  grow(path: string, device: Device, fsType: FileSystemType): Promise<{ isGrown: boolean }> {
    return at(path, async (fd) => ({
      isGrown: await growToDevice(fd, { fsType, device: device.path }, path),
    }));
  }

  isSmallerThanDevice(path: string, device: Device, fsType: FileSystemType): Promise<boolean> {
    return this.probes.run(path, (fd) => isSmallerThanDevice({ fsType, device: device.path }, fd));
  }

  sync(path: string): Promise<void> {
    return at(path, (fd) => withDescriptor(below(fd), 'r', syncFileSystem));
  }

  async hold(path: string, device: Device): Promise<HeldFileSystem | undefined> {
    try {
      return await this.probes.run(path, (fd) => holdFileSystem(fd, device));
    } catch (error) {
      const { ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG } = errno;
      // The path was removed together with the mount.
      if (error instanceof VolumeError && isErrno(error.cause, ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG))
        return undefined;
      throw error;
    }
  }

  usage(path: string): Promise<FileSystemUsage> {
    return this.probes.run(path, fileSystemUsage);
  }
}

/**
 * Grows a file system to the size of its device.
 * @returns whether it fills the device now
 */
export async function growToDevice(
  rootFd: number,
  mounted: MountedFileSystem,
  path: string,
): Promise<boolean> {
  try {
    await growMounted(mounted, rootFd);
    return true;
  } catch (error) {
    if (mounted.fsType === 'ext4' && isErrno(error, errno.EPERM)) return false;
    throw growthError(error, path);
  }
}

/** The space of an open file's file system. */
export async function fileSystemUsage(fd: number, isLocal = false): Promise<FileSystemUsage> {
  const status = isLocal ? localFileSystemOf(fd) : await fileSystemOf(fd);
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
