import { VolumeError } from '../../../../src/model/errors.ts';
import type { AttachedFile, Device, Devices, ImageKey } from '../../../../src/model/ports/devices-port.ts';
import type { FakeLoop } from './fake-loops.ts';
import type { FakeMounts } from './fake-mounts.ts';
import type { FakeImage } from './fake-tree.ts';
import { systemError } from './system-error.ts';

/** The Devices port in memory, on the files of fake mounts. */
export class FakeDevices implements Devices {
  /** Of the smallest size, so that tests can have images of a few bytes. */
  sectorBytes = 1n;
  private readonly mounts: FakeMounts;

  constructor(mounts: FakeMounts) {
    this.mounts = mounts;
  }

  async find(file: string): Promise<Device | undefined> {
    const loop = this.loopOf(file);
    return loop && deviceOf(loop);
  }

  async hold<T>(file: string, use: (device: Device) => Promise<T>, key?: ImageKey): Promise<T> {
    checkKey(this.imageAt(file), key?.key);
    const loop = this.attached(file);
    loop.isTemporary = true;
    loop.userCount++;
    try {
      return await use(deviceOf(loop));
    } finally {
      loop.userCount--;
      this.mounts.loops.releaseUnused();
    }
  }

  async attach(file: string, key?: ImageKey): Promise<Device> {
    checkKey(this.imageAt(file), key?.key);
    const loop = this.attached(file);
    loop.isTemporary = false;
    return deviceOf(loop);
  }

  async keepAttached(file: string): Promise<void> {
    const loop = this.loopOf(file);
    if (loop) loop.isTemporary = false;
  }

  async detach(file: string): Promise<boolean> {
    const { loops } = this.mounts;
    const loop = this.loopOf(file);
    if (!loop) return true;
    loop.isTemporary = true;
    loops.releaseUnused();
    return !loops.all.includes(loop);
  }

  async settled(): Promise<void> {}

  async refreshSize(file: string, key?: Buffer): Promise<void> {
    const loop = this.loopOf(file);
    if (!loop || loop.sizeBytes === loop.image.sizeBytes) return;
    if (loop.image.key && !key) throw new VolumeError('invalid', 'no key', { about: 'passphrase' });
    checkKey(loop.image, key);
    loop.sizeBytes = loop.image.sizeBytes;
  }

  async changeKey(file: string, oldKey: Buffer, newKey: Buffer): Promise<void> {
    const image = this.imageAt(file);
    if (image.key?.equals(oldKey)) image.key = newKey;
    else checkKey(image, newKey);
  }

  async sizeOf(device: Device): Promise<bigint> {
    return this.mounts.loops.existing(device).sizeBytes;
  }

  async labelOf(file: string): Promise<string | undefined> {
    return this.loopOf(file)?.label;
  }

  async setLabel(file: string, label: string): Promise<void> {
    const loop = this.loopOf(file);
    if (loop) loop.label = label;
  }

  async hasAutoclear(device: Device): Promise<boolean> {
    return this.mounts.loops.existing(device).isTemporary;
  }

  async isReadOnly({ number }: Device): Promise<boolean> {
    return this.mounts.loops.all.find((loop) => loop.number === number)?.isReadOnly ?? false;
  }

  async setReadOnly(file: string, readOnly: boolean): Promise<void> {
    const loop = this.loopOf(file);
    if (loop) loop.isReadOnly = readOnly;
  }

  async list(): Promise<AttachedFile[]> {
    return this.mounts.loops.all.map((loop) => ({
      ...deviceOf(loop),
      file: loop.file,
      isRemoved: this.mounts.entryAt(loop.file) !== loop.entry,
    }));
  }

  private attached(file: string): FakeLoop {
    const entry = this.mounts.entryAt(file);
    if (entry?.kind !== 'file') throw systemError('ENOENT');
    return this.loopOf(file) ?? this.mounts.loops.attach(file, entry);
  }

  private imageAt(file: string): FakeImage {
    const entry = this.mounts.entryAt(file);
    if (entry?.kind !== 'file' || !entry.image) throw systemError('ENOENT');
    return entry.image;
  }

  private loopOf(file: string): FakeLoop | undefined {
    const entry = this.mounts.entryAt(file);
    return entry?.kind === 'file' ? this.mounts.loops.find(entry) : undefined;
  }
}

function checkKey(image: FakeImage, key: Buffer | undefined): void {
  if (!image.key || (key && image.key.equals(key))) return;
  throw new VolumeError('unauthenticated', 'the key is wrong', { about: 'passphrase' });
}

export function deviceOf({ path, number }: FakeLoop): Device {
  return { path, number };
}
