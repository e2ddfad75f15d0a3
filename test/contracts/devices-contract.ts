import { beforeEach, describe, expect, test } from 'vitest';
import type { Device, Devices } from '../../src/model/ports/devices-port.ts';

/** An implementation of Devices, and hands to prepare what it meets. */
export interface DevicesSubject {
  readonly devices: Devices;
  /** A new blank image. @returns its path */
  makeImage(bytes: bigint): Promise<string>;
  growImage(path: string, bytes: bigint): Promise<void>;
  removeImage(path: string): Promise<void>;
  /** The size of a device, in bytes. */
  sizeOf(device: Device): Promise<bigint>;
  /** Attaches a file as a driver before this one did, which has ended. */
  attachBefore(file: string): Promise<Device>;
  /** Asks the kernel to detach a device, as whoever has its node may. */
  detachByOthers(device: Device): Promise<void>;
  /** Keeps a device open, as a pod would, until released. */
  open(device: Device): Promise<{ release(): Promise<void> }>;
}

const MIB = 1024n ** 2n;

/** What every implementation of the Devices port keeps. */
export function devicesContract(name: string, makeSubject: () => Promise<DevicesSubject>): void {
  describe(`${name} keeps the contract of Devices`, () => {
    let subject: DevicesSubject;
    let devices: Devices;
    let file: string;

    beforeEach(async () => {
      subject = await makeSubject();
      devices = subject.devices;
      file = await subject.makeImage(MIB);
    });

    const devicesOf = async (path: string) =>
      (await devices.list()).filter((attached) => attached.file === path);

    test('a file that is attached is found and listed, and no other is', async () => {
      const other = await subject.makeImage(MIB);
      expect(await devices.find(file)).toBeUndefined();
      const device = await devices.attach(file);
      expect(await devices.find(file)).toEqual(device);
      expect(await devicesOf(file)).toEqual([{ ...device, file, isRemoved: false }]);
      expect(await devices.find(other)).toBeUndefined();
      expect(await devicesOf(other)).toEqual([]);
    });

    test('a file that is removed while it is attached is listed as that, by the path it had', async () => {
      const device = await devices.attach(file);
      await subject.removeImage(file);
      expect(await devicesOf(file)).toEqual([{ ...device, file, isRemoved: true }]);
    });

    test('a file that does not exist is attached to nothing', async () => {
      const missing = `${file}.missing`;
      expect(await devices.find(missing)).toBeUndefined();
      expect(await devices.detach(missing)).toBe(true);
      await devices.refreshSize(missing);
      await expect(devices.attach(missing)).rejects.toThrow();
      await expect(devices.hold(missing, async () => {})).rejects.toThrow();
    });

    test('files have devices of their own', async () => {
      const other = await subject.makeImage(MIB);
      const [one, two] = [await devices.attach(file), await devices.attach(other)];
      expect(one.number).not.toBe(two.number);
      expect(one.path).not.toBe(two.path);
    });

    test('a file never has a second device, however it is attached', async () => {
      const device = await devices.attach(file);
      expect(await devices.attach(file)).toEqual(device);
      await devices.hold(file, async (held) => {
        expect(held).toEqual(device);
        expect(await devices.attach(file)).toEqual(device);
        await devices.hold(file, async (again) => expect(again).toEqual(device));
        expect(await devicesOf(file)).toHaveLength(1);
      });
    });

    test('a label stays with the device until it is detached', async () => {
      expect(await devices.labelOf(file)).toBeUndefined();
      await devices.setLabel(file, 'nowhere');
      await devices.attach(file);
      expect(await devices.labelOf(file)).toBe('');
      for (const label of ['x'.repeat(63), 'shorter']) {
        await devices.setLabel(file, label);
        expect(await devices.labelOf(file)).toBe(label);
      }
      await subject.growImage(file, 2n * MIB);
      await devices.refreshSize(file);
      await devices.attach(file);
      expect(await devices.labelOf(file)).toBe('shorter');
      await devices.detach(file);
      await devices.attach(file);
      expect(await devices.labelOf(file)).toBe('');
    });

    describe('hold', () => {
      test('has the file attached as long as it is used, hands on the result, and lets it go', async () => {
        const result = await devices.hold(file, async (device) => {
          expect(await devices.find(file)).toEqual(device);
          expect(await subject.sizeOf(device)).toBe(MIB);
          return 'done';
        });
        expect(result).toBe('done');
        expect(await devices.find(file)).toBeUndefined();
      });

      test('lets the file go when its use fails', async () => {
        const failure = new Error('no luck');
        await expect(devices.hold(file, () => Promise.reject(failure))).rejects.toBe(failure);
        expect(await devices.find(file)).toBeUndefined();
      });

      test('lets go what was attached before, too', async () => {
        await devices.attach(file);
        await devices.hold(file, async () => {});
        expect(await devices.find(file)).toBeUndefined();
      });

      test('leaves it while somebody else uses it', async () => {
        let user: { release(): Promise<void> } | undefined;
        await devices.hold(file, async (device) => {
          user = await subject.open(device);
        });
        expect(await devices.find(file)).toBeDefined();
        await user?.release();
        expect(await devices.find(file)).toBeUndefined();
      });
    });

    test('a device that others detach stays with its file, and tells of it until it is attached again', async () => {
      const device = await devices.attach(file);
      expect(await devices.goesWhenClosed(device)).toBe(false);
      await subject.detachByOthers(device);
      expect(await devices.find(file)).toEqual(device);
      expect(await devices.goesWhenClosed(device)).toBe(true);
      expect(await devices.attach(file)).toEqual(device);
      expect(await devices.goesWhenClosed(device)).toBe(false);
      expect(await devices.detach(file)).toBe(true);
      expect(await devices.find(file)).toBeUndefined();
    });

    test('a device that was attached before is kept like one that is attached now', async () => {
      await devices.keepAttached(file);
      expect(await devices.find(file)).toBeUndefined();
      const device = await subject.attachBefore(file);
      await devices.keepAttached(file);
      await subject.detachByOthers(device);
      expect(await devices.find(file)).toEqual(device);
      expect(await devices.detach(file)).toBe(true);
    });

    describe('detach', () => {
      test('lets a file go, and may be repeated', async () => {
        await devices.attach(file);
        expect(await devices.detach(file)).toBe(true);
        expect(await devices.find(file)).toBeUndefined();
        expect(await devices.detach(file)).toBe(true);
      });

      test('says so while somebody uses the device, which goes when that ends', async () => {
        const device = await devices.attach(file);
        const { release } = await subject.open(device);
        expect(await devices.detach(file)).toBe(false);
        expect(await devices.find(file)).toEqual(device);
        await release();
        expect(await devices.find(file)).toBeUndefined();
        expect(await devices.detach(file)).toBe(true);
      });
    });

    test('a device learns that its file has grown when it is told, and not before', async () => {
      const device = await devices.attach(file);
      await subject.growImage(file, 3n * MIB);
      expect(await subject.sizeOf(device)).toBe(MIB);
      expect(await devices.sizeOf(device)).toBe(MIB);
      await devices.refreshSize(file);
      expect(await subject.sizeOf(device)).toBe(3n * MIB);
      expect(await devices.sizeOf(device)).toBe(3n * MIB);
      await devices.detach(file);
      await devices.refreshSize(file);
    });

    test('a device takes writes until it is made read-only, and again when that is taken back', async () => {
      await devices.attach(file);
      expect(await devices.isReadOnly(file)).toBe(false);
      await devices.setReadOnly(file, true);
      expect(await devices.isReadOnly(file)).toBe(true);
      await devices.setReadOnly(file, false);
      expect(await devices.isReadOnly(file)).toBe(false);
    });

    test('a file attached anew takes writes, whatever its device was before', async () => {
      await devices.attach(file);
      await devices.setReadOnly(file, true);
      await devices.detach(file);
      await devices.attach(file);
      expect(await devices.isReadOnly(file)).toBe(false);
    });
  });
}
