import { close, constants } from 'node:fs';
import { promisify } from 'node:util';
import { blockDeviceBytes, isBlockReadOnly, setBlockReadOnly } from '../kernel/block-device.ts';
import { withDescriptor } from '../kernel/descriptor.ts';
import { errno, isErrno } from '../kernel/errno.ts';
import { findLoop, openLoop } from '../kernel/find-loop.ts';
import {
  attachLoop,
  detachLoop,
  detachRemoved,
  loopLabel,
  loopsOfRemoved,
  refreshLoopSize,
  setAutoclear,
  setLoopLabel,
} from '../kernel/loop.ts';
import { listLoops } from '../kernel/loop-list.ts';
import { SECTOR_BYTES } from '../volume/capacity.ts';
import type { AttachedFile, Device, Devices } from '../volume/devices-port.ts';

const closeAsync = promisify(close);

// A file that a symbolic link has been put in place of is not opened.
const OPEN_FILE = constants.O_RDWR | constants.O_NOFOLLOW;
// A disk that takes no writes any more is looked at, and let go, all the same.
const LOOK_AT_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The Devices port by the kernel's loop devices. */
export class LoopDevices implements Devices {
  readonly sectorBytes = SECTOR_BYTES;

  find(file: string): Promise<Device | undefined> {
    return orRemoved(withDescriptor(file, LOOK_AT_FILE, findLoop), () => loopsOfRemoved(file)[0]);
  }

  hold<T>(file: string, use: (device: Device) => Promise<T>): Promise<T> {
    return withDescriptor(file, OPEN_FILE, async (fileFd) => {
      const { device, fd } = await openAttached(fileFd, true);
      try {
        return await use(device);
      } finally {
        await closeAsync(fd);
      }
    });
  }

  attach(file: string): Promise<Device> {
    return withDescriptor(file, OPEN_FILE, async (fileFd) => {
      const { device, fd } = await openAttached(fileFd, false);
      await closeAsync(fd);
      return device;
    });
  }

  detach(file: string): Promise<boolean> {
    const detached = withDescriptor(file, LOOK_AT_FILE, async (fileFd) => {
      const device = await findLoop(fileFd);
      return device === undefined || detachLoop(device, fileFd);
    });
    return orRemoved(detached, () => detachRemoved(file));
  }

  async refreshSize(file: string): Promise<void> {
    const device = await this.find(file);
    if (device) await refreshLoopSize(device);
  }

  sizeOf({ path }: Device): Promise<bigint> {
    return blockDeviceBytes(path);
  }

  labelOf(file: string): Promise<string | undefined> {
    return withLoopOf(file, loopLabel);
  }

  async setLabel(file: string, label: string): Promise<void> {
    await withLoopOf(file, (loop, fileFd) => setLoopLabel(loop, fileFd, label));
  }

  isReadOnly({ path }: Device): Promise<boolean> {
    return isBlockReadOnly(path);
  }

  setReadOnly({ path }: Device, readOnly: boolean): Promise<void> {
    return setBlockReadOnly(path, readOnly);
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

/** Does something with the device of a file; nothing where it has none. */
async function withLoopOf<T>(
  file: string,
  use: (loop: Device, fileFd: number) => Promise<T>,
): Promise<T | undefined> {
  const used = withDescriptor(file, LOOK_AT_FILE, async (fileFd) => {
    const loop = await findLoop(fileFd);
    return loop && use(loop, fileFd);
  });
  return orRemoved(used, () => undefined);
}

/** What is done with a file, or what is done instead when there is none: a removed file may be attached still. */
async function orRemoved<T>(work: Promise<T>, instead: () => T | Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isErrno(error, errno.ENOENT)) throw error;
    return instead();
  }
}

/** Opens the device of a file, which is attached when it has none. */
async function openAttached(fileFd: number, autoclear: boolean): Promise<{ device: Device; fd: number }> {
  const device = await findLoop(fileFd);
  // It may go between the look and the opening.
  const fd = device && (await openLoop(device, fileFd));
  if (!device || fd === undefined) return attachLoop(fileFd, { autoclear });
  try {
    await setAutoclear(fd, autoclear);
    return { device, fd };
  } catch (error) {
    await closeAsync(fd);
    throw error;
  }
}
