import { close, constants } from 'node:fs';
import { promisify } from 'node:util';
import { isBlockReadOnly, setBlockReadOnly } from '../kernel/block-device.ts';
import { withDescriptor } from '../kernel/descriptor.ts';
import {
  attachLoop,
  detachLoop,
  findLoop,
  listLoops,
  openLoop,
  refreshLoopSize,
  setAutoclear,
} from '../kernel/loop.ts';
import type { AttachedFile, Device, Devices } from '../volume/ports.ts';

const closeAsync = promisify(close);

// A file that a symbolic link has been put in place of is not opened.
const OPEN_FILE = constants.O_RDWR | constants.O_NOFOLLOW;

/** The Devices port by the kernel's loop devices. */
export class LoopDevices implements Devices {
  find(file: string): Promise<Device | undefined> {
    return withDescriptor(file, OPEN_FILE, findLoop);
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
    return withDescriptor(file, OPEN_FILE, async (fileFd) => {
      const device = await findLoop(fileFd);
      return device === undefined || detachLoop(device, fileFd);
    });
  }

  async refreshSize(file: string): Promise<void> {
    const device = await this.find(file);
    if (device) await refreshLoopSize(device);
  }

  isReadOnly({ path }: Device): Promise<boolean> {
    return isBlockReadOnly(path);
  }

  setReadOnly({ path }: Device, readOnly: boolean): Promise<void> {
    return setBlockReadOnly(path, readOnly);
  }

  async list(): Promise<AttachedFile[]> {
    const loops = await listLoops();
    return loops.map(({ path, number, backingPath }) => ({ path, number, file: backingPath }));
  }
}

/** Opens the device of a file, which is attached when it has none. */
async function openAttached(fileFd: number, autoclear: boolean): Promise<{ device: Device; fd: number }> {
  const device = await findLoop(fileFd);
  // It may go between the look and the opening.
  const fd = device && (await openLoop(device, fileFd));
  if (!device || fd === undefined) return attachLoop(fileFd, { autoclear });
  await setAutoclear(fd, autoclear);
  return { device, fd };
}
