import { close } from 'node:fs';
import { promisify } from 'node:util';
import { syncFileSystem } from '../kernel/calls/descriptor.ts';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { withPath } from '../kernel/calls/path-handle.ts';
import { statusOfAsync } from '../kernel/calls/statx.ts';
import { trim } from '../kernel/file-systems/trim.ts';
import { openDetached } from '../kernel/mounts/bind-mount.ts';
import { freeze, thaw } from '../kernel/mounts/freeze.ts';
import { readMountinfo } from '../kernel/mounts/mountinfo.ts';
import type { Device } from '../model/ports/devices-port.ts';
import type { HeldFileSystem } from '../model/ports/file-systems-port.ts';

// The last close of a file system waits for writeback, so it is done on another thread.
const closeAsync = promisify(close);

/** A file system held by a descriptor that is open in a private mount. */
class OpenFileSystem implements HeldFileSystem {
  private readonly fd: number;
  private closed: Promise<void> | undefined;

  /** @param fd open for reading; closed by `release` */
  constructor(fd: number) {
    this.fd = fd;
  }

  async sync(): Promise<void> {
    await syncFileSystem(this.openFd());
  }

  async freeze(): Promise<boolean> {
    return freeze(this.openFd());
  }

  async thaw(): Promise<boolean> {
    return thaw(this.openFd());
  }

  async trim(): Promise<bigint | undefined> {
    try {
      return await trim(this.openFd());
    } catch (error) {
      if (isErrno(error, errno.EOPNOTSUPP)) return undefined;
      throw error;
    }
  }

  release(): Promise<void> {
    this.closed ??= closeAsync(this.fd);
    return this.closed;
  }

  // The number of a closed descriptor is soon reused for another file.
  private openFd(): number {
    if (this.closed !== undefined) throw new Error('the file system has been released');
    return this.fd;
  }
}

/**
 * Holds a device's file system through the mount that an open path lies in.
 * @returns undefined if that file system is not, or no longer, mounted there
 */
export async function holdFileSystem(fd: number, device: Device): Promise<HeldFileSystem | undefined> {
  // A path without its mount leads to the file system below; freezing that could stop the whole node.
  if ((await deviceNumberOf(fd)) !== device.number) return undefined;
  try {
    return new OpenFileSystem(await openDetached(fd));
  } catch (error) {
    // The mount was detached after it was opened.
    if (isErrno(error, errno.EINVAL)) return undefined;
    throw error;
  }
}

/** The device number of an open file's file system, `major:minor`; undefined if it has no device. */
export async function deviceNumberOf(fd: number): Promise<string | undefined> {
  const { device, mountId } = await statusOfAsync(fd);
  // Some file systems have their own device number; then the source of the mount is used.
  if (!device.startsWith('0:')) return device;
  const mount = readMountinfo().find((entry) => entry.mountId === mountId);
  return mount?.source.startsWith('/dev/')
    ? withPath(mount.source, async (deviceFd) => (await statusOfAsync(deviceFd)).deviceNode)
    : undefined;
}
