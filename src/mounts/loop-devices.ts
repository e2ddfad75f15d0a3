import { close, constants } from 'node:fs';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { blockDeviceBytes, setBlockReadOnly } from '../kernel/calls/block-device.ts';
import { withDescriptor } from '../kernel/calls/descriptor.ts';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { findAmong, findLoop, openLoop, withLoop } from '../kernel/devices/find-loop.ts';
import {
  attachLoop,
  detachLoop,
  detachRemoved,
  loopLabel,
  loopsOfRemoved,
  refreshLoopSize,
  setAutoclear,
  setLoopLabel,
} from '../kernel/devices/loop.ts';
import { hasAutoclear, isLoopReadOnly, listLoops } from '../kernel/devices/loop-list.ts';
import type { AttachedFile, Device, PlainDevices } from '../model/ports/devices-port.ts';
import { SECTOR_BYTES } from '../model/requests/capacity.ts';

const closeAsync = promisify(close);

// Refuses a symbolic link in place of the file.
const OPEN_FILE = constants.O_RDWR | constants.O_NOFOLLOW;
// Read-only, so that a file on a disk that has become read-only can still be inspected and detached.
const OPEN_READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Files as the kernel's loop devices. */
export class LoopDevices implements PlainDevices {
  readonly sectorBytes = SECTOR_BYTES;
  /** Descriptors of attached devices, by device number; kept until the device is detached. */
  private readonly kept = new Map<string, number>();

  find(file: string, likely: readonly Device[] = []): Promise<Device | undefined> {
    const found = withDescriptor(
      file,
      OPEN_READ_ONLY,
      async (fileFd) => (await findAmong(fileFd, likely)) ?? findLoop(fileFd),
    );
    return ifMissing(found, () => loopsOfRemoved(file)[0]);
  }

  hold<T>(file: string, use: (device: Device) => Promise<T>): Promise<T> {
    return withDescriptor(file, OPEN_FILE, async (fileFd) => {
      const { device, fd } = await openAttached(fileFd, true);
      try {
        await this.release(device);
        return await use(device);
      } finally {
        await closeAsync(fd);
      }
    });
  }

  attach(file: string): Promise<Device> {
    return withDescriptor(file, OPEN_FILE, async (fileFd) => {
      const { device, fd } = await openAttached(fileFd, false);
      await this.keep(device, fd);
      return device;
    });
  }

  async keepAttached(file: string): Promise<void> {
    await withLoopOf(file, async (loop, fileFd) => {
      const fd = await openLoop(loop, fileFd);
      if (fd === undefined) return;
      await this.keep(loop, fd);
      await setAutoclear(loop, fd, false);
    });
  }

  /** Closes the descriptors of all attached devices, as the end of the process would; the devices stay attached. */
  async close(): Promise<void> {
    const descriptors = [...this.kept.values()];
    this.kept.clear();
    await Promise.all(descriptors.map((fd) => closeAsync(fd)));
  }

  /** Takes ownership of a device descriptor. */
  private async keep({ number }: Device, fd: number): Promise<void> {
    const before = this.kept.get(number);
    this.kept.set(number, fd);
    if (before !== undefined) await closeAsync(before);
  }

  private async release({ number }: Device): Promise<void> {
    const fd = this.kept.get(number);
    this.kept.delete(number);
    if (fd !== undefined) await closeAsync(fd);
  }

  detach(file: string): Promise<boolean> {
    const detached = withDescriptor(file, OPEN_READ_ONLY, async (fileFd) => {
      const device = await findLoop(fileFd);
      if (device === undefined) return true;
      await this.release(device);
      return detachLoop(device, fileFd);
    });
    return ifMissing(detached, async () => {
      for (const device of loopsOfRemoved(file)) await this.release(device);
      return detachRemoved(file);
    });
  }

  async refreshSize(file: string): Promise<void> {
    await withLoopOf(file, refreshLoopSize);
  }

  async sizeOf({ path }: Device): Promise<bigint | undefined> {
    try {
      return await blockDeviceBytes(path);
    } catch (error) {
      if (isErrno(error, errno.ENXIO, errno.ENODEV, errno.ENOENT)) return undefined;
      throw error;
    }
  }

  labelOf(file: string): Promise<string | undefined> {
    return withLoopOf(file, loopLabel);
  }

  async setLabel(file: string, label: string): Promise<void> {
    await withLoopOf(file, (loop, fileFd) => setLoopLabel(loop, fileFd, label));
  }

  async hasAutoclear({ path }: Device): Promise<boolean> {
    return hasAutoclear(basename(path));
  }

  async isReadOnly({ path }: Device): Promise<boolean> {
    return isLoopReadOnly(basename(path));
  }

  async setReadOnly(file: string, readOnly: boolean): Promise<void> {
    await withLoopOf(file, (loop, fileFd) => withLoop(loop, fileFd, (fd) => setBlockReadOnly(fd, readOnly)));
  }

  async list(): Promise<AttachedFile[]> {
    return listLoops().map(({ path, number, backingPath, isBackingRemoved }) => ({
      path,
      number,
      file: backingPath,
      isRemoved: isBackingRemoved,
    }));
  }
}

/** Works on the device of a file; does nothing if the file has no device. */
async function withLoopOf<T>(
  file: string,
  use: (loop: Device, fileFd: number) => Promise<T>,
): Promise<T | undefined> {
  const used = withDescriptor(file, OPEN_READ_ONLY, async (fileFd) => {
    const loop = await findLoop(fileFd);
    return loop && use(loop, fileFd);
  });
  return ifMissing(used, () => undefined);
}

/** Works on a file, or does something else if it does not exist: a removed file may still be attached. */
async function ifMissing<T>(work: Promise<T>, instead: () => T | Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isErrno(error, errno.ENOENT)) throw error;
    return instead();
  }
}

/** Opens the device of a file, attaching the file if it has no device. */
async function openAttached(fileFd: number, autoclear: boolean): Promise<{ device: Device; fd: number }> {
  const device = await findLoop(fileFd);
  // The device may be detached between the lookup and the opening.
  const fd = device && (await openLoop(device, fileFd));
  if (!device || fd === undefined) return attachLoop(fileFd, { autoclear });
  try {
    await setAutoclear(device, fd, autoclear);
    return { device, fd };
  } catch (error) {
    await closeAsync(fd);
    throw error;
  }
}
