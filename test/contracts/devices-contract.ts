import { beforeEach, describe, expect, test } from 'vitest';
import type { Device, Devices } from '../../src/model/ports/devices-port.ts';

/** An implementation of Devices, and helpers to prepare its surroundings. */
export interface DevicesSubject {
  readonly devices: Devices;
  /** A new blank image. @returns its path */
  makeImage(bytes: bigint): Promise<string>;
  growImage(path: string, bytes: bigint): Promise<void>;
  removeImage(path: string): Promise<void>;
  /** The size of a device, in bytes. */
  sizeOf(device: Device): Promise<bigint>;
  /** Attaches a file as an earlier driver process did that has ended. */
  attachBefore(file: string): Promise<Device>;
  /** Asks the kernel to detach a device, as any process with its node can. */
  detachExternally(device: Device): Promise<void>;
  /** Keeps a device open, as a pod would, until released. */
  open(device: Device): Promise<{ release(): Promise<void> }>;
}

const MIB = 1024n ** 2n;

/** What every implementation of the Devices port must do. */
export function devicesContract(name: string, makeSubject: () => Promise<DevicesSubject>): void {
  describe(`${name} fulfils the Devices contract`, () => {
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

    test('an attached file is found and listed, and no other file is', async () => {
      const other = await subject.makeImage(MIB);
      expect(await devices.find(file)).toBeUndefined();
      const device = await devices.attach(file);
      expect(await devices.find(file)).toEqual(device);
      expect(await devicesOf(file)).toEqual([{ ...device, file, isRemoved: false }]);
      expect(await devices.find(other)).toBeUndefined();
      expect(await devicesOf(other)).toEqual([]);
    });

    test('a file is found whatever device probably has it', async () => {
      const other = await devices.attach(await subject.makeImage(MIB));
      const device = await devices.attach(file);
      for (const likely of [[], [device], [other], [other, device]])
        expect(await devices.find(file, likely)).toEqual(device);
      expect(await devices.detach(file)).toBe(true);
      expect(await devices.find(file, [device, other])).toBeUndefined();
    });

    test('a file that is removed while attached is listed as removed, by its old path', async () => {
      const device = await devices.attach(file);
      await subject.removeImage(file);
      expect(await devicesOf(file)).toEqual([{ ...device, file, isRemoved: true }]);
    });

    test('a file that does not exist is not attached', async () => {
      const missing = `${file}.missing`;
      expect(await devices.find(missing)).toBeUndefined();
      expect(await devices.detach(missing)).toBe(true);
      await devices.refreshSize(missing);
      await expect(devices.attach(missing)).rejects.toThrow();
      await expect(devices.hold(missing, async () => {})).rejects.toThrow();
    });

    test('different files have different devices', async () => {
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

    test('a label stays on the device until it is detached', async () => {
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
      test('keeps the file attached during use, returns the result, and detaches it', async () => {
        const result = await devices.hold(file, async (device) => {
          expect(await devices.find(file)).toEqual(device);
          expect(await subject.sizeOf(device)).toBe(MIB);
          return 'done';
        });
        expect(result).toBe('done');
        expect(await devices.find(file)).toBeUndefined();
      });

      test('detaches the file when its use fails', async () => {
        const failure = new Error('no luck');
        await expect(devices.hold(file, () => Promise.reject(failure))).rejects.toBe(failure);
        expect(await devices.find(file)).toBeUndefined();
      });

      test('also detaches a file that was attached before', async () => {
        await devices.attach(file);
        await devices.hold(file, async () => {});
        expect(await devices.find(file)).toBeUndefined();
      });

      test('leaves it attached while another process uses it', async () => {
        let user: { release(): Promise<void> } | undefined;
        await devices.hold(file, async (device) => {
          user = await subject.open(device);
        });
        expect(await devices.find(file)).toBeDefined();
        await user?.release();
        expect(await devices.find(file)).toBeUndefined();
      });
    });

    test('a device that others detach stays with its file, and is reported until the file is attached again', async () => {
      const device = await devices.attach(file);
      expect(await devices.hasAutoclear(device)).toBe(false);
      await subject.detachExternally(device);
      expect(await devices.find(file)).toEqual(device);
      expect(await devices.hasAutoclear(device)).toBe(true);
      expect(await devices.attach(file)).toEqual(device);
      expect(await devices.hasAutoclear(device)).toBe(false);
      expect(await devices.detach(file)).toBe(true);
      expect(await devices.find(file)).toBeUndefined();
    });

    test('holding a device that was attached before works the same way', async () => {
      await devices.keepAttached(file);
      expect(await devices.find(file)).toBeUndefined();
      const device = await subject.attachBefore(file);
      await devices.keepAttached(file);
      await subject.detachExternally(device);
      expect(await devices.find(file)).toEqual(device);
      expect(await devices.detach(file)).toBe(true);
    });

    describe('detach', () => {
      test('detaches a file, and can be repeated', async () => {
        await devices.attach(file);
        expect(await devices.detach(file)).toBe(true);
        expect(await devices.find(file)).toBeUndefined();
        expect(await devices.detach(file)).toBe(true);
      });

      test('reports a device in use, which is detached when its use ends', async () => {
        const device = await devices.attach(file);
        const { release } = await subject.open(device);
        expect(await devices.detach(file)).toBe(false);
        expect(await devices.find(file)).toEqual(device);
        await release();
        expect(await devices.find(file)).toBeUndefined();
        expect(await devices.detach(file)).toBe(true);
      });
    });

    test('a device sees that its file has grown only after it is refreshed', async () => {
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

    test('a device accepts writes until it is made read-only, and again when it is made writable', async () => {
      const device = await devices.attach(file);
      expect(await devices.isReadOnly(device)).toBe(false);
      await devices.setReadOnly(file, true);
      expect(await devices.isReadOnly(device)).toBe(true);
      await devices.setReadOnly(file, false);
      expect(await devices.isReadOnly(device)).toBe(false);
    });

    test('a newly attached file is writable, whatever its device was before', async () => {
      await devices.attach(file);
      await devices.setReadOnly(file, true);
      await devices.detach(file);
      const device = await devices.attach(file);
      expect(await devices.isReadOnly(device)).toBe(false);
    });
  });
}
