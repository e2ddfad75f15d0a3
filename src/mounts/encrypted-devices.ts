import { blockDeviceBytes, setBlockReadOnly } from '../kernel/calls/block-device.ts';
import { withDescriptor } from '../kernel/calls/descriptor.ts';
import {
  ContainerError,
  changeLuksKey,
  checkLuksKey,
  closeLuks,
  resizeLuks,
  WrongKeyError,
} from '../kernel/devices/luks.ts';
import { loopUnder, type Mapping } from '../kernel/devices/mappings.ts';
import {
  containerOn,
  containerSettled,
  openContainer,
  withContainer,
} from '../kernel/devices/open-container.ts';
import { VolumeError } from '../model/errors.ts';
import { LUKS_HEADER_BYTES } from '../model/objects/encryption.ts';
import type { AttachedFile, Device, Devices, ImageKey, PlainDevices } from '../model/ports/devices-port.ts';

/**
 * The Devices port for files of which some are encrypted: the device of such a file is the one that decrypts it, on top of the
 * one that it is attached to.
 */
export class EncryptedDevices implements Devices {
  readonly sectorBytes: bigint;
  private readonly devices: PlainDevices;

  /** @param devices the devices that files are attached to */
  constructor(devices: PlainDevices) {
    this.devices = devices;
    this.sectorBytes = devices.sectorBytes;
  }

  async find(file: string, likely: readonly Device[] = []): Promise<Device | undefined> {
    const device = await this.devices.find(file, likely.map(attachedOf));
    return device && decryptedOf(device, file);
  }

  hold<T>(file: string, use: (device: Device) => Promise<T>, key?: ImageKey): Promise<T> {
    return this.devices.hold(file, (device) =>
      key
        ? withKeyErrors(withContainer(device.path, file, key, (mapping) => use(deviceOf(mapping))))
        : use(device),
    );
  }

  async attach(file: string, key?: ImageKey): Promise<Device> {
    const device = await this.devices.attach(file);
    if (!key) return device;
    try {
      return deviceOf(await withKeyErrors(openContainer(device.path, file, key)));
    } catch (error) {
      // If it was open before, it is in use, and stays.
      if (!containerOn(device.path, file)) await this.devices.detach(file);
      throw error;
    }
  }

  keepAttached(file: string): Promise<void> {
    return this.devices.keepAttached(file);
  }

  async detach(file: string): Promise<boolean> {
    const device = await this.devices.find(file);
    const mapping = device && containerOn(device.path, file);
    if (mapping && !(await tryClose(mapping))) return false;
    return this.devices.detach(file);
  }

  async settled(file: string): Promise<void> {
    const device = await this.devices.find(file);
    if (device) await containerSettled(device.path, file);
  }

  async refreshSize(file: string, key?: Buffer): Promise<void> {
    await this.devices.refreshSize(file);
    const device = await this.devices.find(file);
    const mapping = device && containerOn(device.path, file);
    if (!mapping) return;
    const grownBytes = (await blockDeviceBytes(device.path)) - LUKS_HEADER_BYTES;
    if ((await blockDeviceBytes(mapping.path)) >= grownBytes) return;
    if (!key) throw new VolumeError('invalid', 'needed to grow an encrypted volume', { about: 'passphrase' });
    await withKeyErrors(resizeLuks(mapping.name, key));
  }

  async changeKey(file: string, oldKey: Buffer, newKey: Buffer): Promise<void> {
    // Through the device, if there is one: its cache may have the header.
    const path = (await this.devices.find(file))?.path ?? file;
    try {
      await changeLuksKey(path, oldKey, newKey);
    } catch (error) {
      if (!(error instanceof WrongKeyError)) throw error;
      // An earlier call may have changed it.
      await withKeyErrors(checkLuksKey(path, newKey));
    }
  }

  sizeOf(device: Device): Promise<bigint | undefined> {
    return this.devices.sizeOf(device);
  }

  labelOf(file: string): Promise<string | undefined> {
    return this.devices.labelOf(file);
  }

  setLabel(file: string, label: string): Promise<void> {
    return this.devices.setLabel(file, label);
  }

  hasAutoclear(device: Device): Promise<boolean> {
    return this.devices.hasAutoclear(attachedOf(device));
  }

  isReadOnly(device: Device): Promise<boolean> {
    return this.devices.isReadOnly(device);
  }

  async setReadOnly(file: string, readOnly: boolean): Promise<void> {
    const device = await this.devices.find(file);
    const mapping = device && containerOn(device.path, file);
    if (!mapping) return this.devices.setReadOnly(file, readOnly);
    await withDescriptor(mapping.path, 'r', (fd) => setBlockReadOnly(fd, readOnly));
  }

  async list(): Promise<AttachedFile[]> {
    return (await this.devices.list()).map((attached) => ({
      ...attached,
      ...decryptedOf(attached, attached.file),
    }));
  }
}

function decryptedOf({ path, number }: Device, file: string): Device {
  const mapping = containerOn(path, file);
  return mapping ? deviceOf(mapping) : { path, number };
}

/** The device that a file is attached to, of the one that find returns. */
function attachedOf(device: Device): Device {
  return loopUnder(device.path) ?? device;
}

function deviceOf({ path, number }: Mapping): Device {
  return { path, number };
}

async function tryClose({ name }: Mapping): Promise<boolean> {
  try {
    await closeLuks(name);
    return true;
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    return false;
  }
}

async function withKeyErrors<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof WrongKeyError)
      throw new VolumeError('unauthenticated', error.message, { about: 'passphrase', cause: error });
    if (!(error instanceof ContainerError)) throw error;
    const message = `cannot open the encrypted volume: ${error.message}`;
    throw new VolumeError('precondition', message, { cause: error });
  }
}
