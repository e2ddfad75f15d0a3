import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Device } from '../../src/model/ports/devices-port.ts';
import type { FileSystems, HeldFileSystem } from '../../src/model/ports/file-systems-port.ts';
import type { Mounts } from '../../src/model/ports/mounts-port.ts';
import type { FileIdentity, PathState, Paths } from '../../src/model/ports/paths-port.ts';
import type { FileSystemType } from '../../src/model/requests/file-system-options.ts';
import { type MountFlags, noMountFlags } from '../../src/model/requests/mount-flags.ts';

/** An implementation of Paths, Mounts and FileSystems, and helpers to prepare its surroundings. */
export interface MountsSubject {
  readonly paths: Paths;
  readonly mounts: Mounts;
  readonly fileSystems: FileSystems;
  /** An existing empty directory to work in, without symbolic links in its path. */
  readonly directory: string;
  makeDirectory(path: string): Promise<void>;
  makeFile(path: string, content: string): Promise<void>;
  makeSymlink(path: string, to: string): Promise<void>;
  /** The permission bits of a path. */
  modeOf(path: string): Promise<number>;
  /** Uses the mount at a path, for instance by holding a file open, until released. */
  occupy(path: string): Promise<{ release(): Promise<void> }>;
  /** Makes the file system mounted at a path, which is on a device, refuse writes, as after an error. */
  failFileSystem(path: string): Promise<void>;
  /** Mounts a file system at a path that answers ENOTCONN. */
  mountDead(path: string): Promise<void>;
  /** A device of 320 MiB with a file system, or blank. */
  makeDevice(holds: FileSystemType | 'blank'): Promise<GrowableDevice>;
}

export interface GrowableDevice {
  readonly device: Device;
  grow(bytes: bigint): Promise<void>;
}

const MIB = 1024n ** 2n;

const readOnly: MountFlags = { ...noMountFlags, readOnly: true };
const tooLong = 'n'.repeat(256);

/**
 * What every implementation of the Mounts port must do. In a user namespace the host's mounts keep their access
 * time options, and there are no devices.
 */
export function mountsContract(
  name: string,
  makeSubject: () => Promise<MountsSubject>,
  { accessTimesAreLocked = false, hasDevices = true, hasFuse = true } = {},
): void {
  describe(`${name} fulfils the Mounts contract`, () => {
    let subject: MountsSubject;
    let paths: Paths;
    let mounts: Mounts;
    let fileSystems: FileSystems;
    const at = (path: string) => `${subject.directory}/${path}`;

    beforeEach(async () => {
      subject = await makeSubject();
      ({ paths, mounts, fileSystems } = subject);
      for (const path of ['source', 'source/inside', 'target', 'other'])
        await subject.makeDirectory(at(path));
      await subject.makeFile(at('file'), 'content');
      await subject.makeFile(at('empty'), '');
      await subject.makeSymlink(at('link'), at('source'));
    });

    async function directoryAt(path: string): Promise<PathState & { kind: 'directory' }> {
      const state = await paths.inspect(path);
      if (state.kind !== 'directory') throw new Error(`${path} is ${state.kind}`);
      return state;
    }

    async function mountedAt(path: string): Promise<PathState & { kind: 'mounted' }> {
      const state = await paths.inspect(path);
      if (state.kind !== 'mounted') throw new Error(`${path} is ${state.kind}`);
      return state;
    }

    async function identityOf(path: string): Promise<FileIdentity> {
      const state = await paths.inspect(path);
      if (state.kind !== 'mounted' && state.kind !== 'directory') throw new Error(`${path} is ${state.kind}`);
      return state.identity;
    }

    const bind = async (source: string, target: string, flags = noMountFlags) =>
      mounts.bind(at(source), at(target), flags, await identityOf(at(source)));

    describe('inspect', () => {
      test.each([
        ['missing', { kind: 'absent' }],
        ['missing/below', { kind: 'absent' }],
        ['file', { kind: 'file', isEmpty: false }],
        ['empty', { kind: 'file', isEmpty: true }],
        ['link', { kind: 'symlink' }],
      ])('reports what is at %s', async (path, state) => {
        expect(await paths.inspect(at(path))).toEqual(state);
      });

      test('distinguishes directories, and recognises the same directory', async () => {
        const source = await directoryAt(at('source'));
        expect(await directoryAt(at('source'))).toEqual(source);
        expect((await directoryAt(at('target'))).identity).not.toEqual(source.identity);
      });
    });

    describe.runIf(hasFuse)('a mount that answers with an error', () => {
      const deadAt = async (path: string) => {
        await subject.mountDead(at(path));
        return (await mounts.list()).findLast((mount) => mount.path === at(path))?.mountId;
      };

      test('is reported with its id and error', async () => {
        await bind('source', 'target');
        const mountId = await deadAt('target');
        const why = 'fails with ENOTCONN';
        expect(await paths.inspect(at('target'))).toEqual({ kind: 'unreadable', mountId, why });
      });

      test('is unmounted, along with the mounts below it in the stack', async () => {
        await bind('source', 'target');
        await deadAt('target');
        await mounts.unmount(at('target'));
        expect((await paths.inspect(at('target'))).kind).toBe('directory');
      });

      test('has no contents that can be read, and no space', async () => {
        await deadAt('target');
        const inside = { kind: 'unreadable', mountId: undefined, why: 'fails with ENOTCONN' };
        expect(await paths.inspect(at('target/inside'))).toEqual(inside);
        for (const ask of [() => fileSystems.usage(at('target')), () => paths.hasEntries(at('target'))]) {
          await expect(ask()).rejects.toMatchObject({
            kind: 'unavailable',
            message: expect.stringMatching(`${at('target')}.*ENOTCONN`),
          });
        }
      });
    });

    describe('hasEntries', () => {
      test.each([
        ['source', true],
        ['source/inside', false],
      ])('reports whether a directory has entries: %s', async (path, expected) => {
        expect(await paths.hasEntries(at(path))).toBe(expected);
      });

      test('looks into the file system mounted there', async () => {
        await bind('source', 'target');
        expect(await paths.hasEntries(at('target'))).toBe(true);
      });

      test.each([
        ['missing', 'precondition'],
        ['file', 'invalid'],
        ['link', 'invalid'],
      ])('needs a directory, and does not follow links: %s', async (path, kind) => {
        await expect(paths.hasEntries(at(path))).rejects.toMatchObject({ kind });
      });
    });

    describe('reports an invalid path with its name', () => {
      const unwalkable = [
        ['a symbolic link in the path', 'link/inside'],
        ['a file in the path', 'file/below'],
        ['a component over 255 bytes', tooLong],
        ['a component over 255 bytes in the path', `${tooLong}/below`],
      ];
      const operations: [string, (path: string) => Promise<unknown>][] = [
        ['inspect', (path) => paths.inspect(path)],
        ['hasEntries', (path) => paths.hasEntries(path)],
        ['unmount', (path) => mounts.unmount(path)],
        ['makeDirectory', (path) => paths.makeDirectory(path)],
        ['makeFile', (path) => paths.makeFile(path)],
        ['deviceAt', (path) => mounts.deviceAt(path)],
        ['remove', (path) => paths.remove(path)],
        ['usage', (path) => fileSystems.usage(path)],
        [
          'bind to',
          async (path) => mounts.bind(at('source'), path, noMountFlags, await identityOf(at('source'))),
        ],
        [
          'bind from',
          async (path) => mounts.bind(path, at('target'), noMountFlags, await identityOf(at('source'))),
        ],
      ];
      describe.each(operations)('%s', (_, operate) => {
        test.each(unwalkable)('%s', async (_why, path) => {
          const failure = expect(operate(at(path))).rejects;
          await failure.toMatchObject({
            kind: 'invalid',
            message: expect.stringContaining(at(path).slice(0, 100)),
          });
        });
      });
    });

    describe('bind', () => {
      test('shows the source at the target, with the returned id', async () => {
        const source = await directoryAt(at('source'));
        const inside = await directoryAt(at('source/inside'));
        const mountId = await bind('source', 'target');
        expect(await mountedAt(at('target'))).toEqual({
          kind: 'mounted',
          mountId,
          identity: source.identity,
          flags: source.flags,
          deviceNode: undefined,
        });
        expect((await directoryAt(at('target/inside'))).identity).toEqual(inside.identity);
      });

      test.skipIf(accessTimesAreLocked)(
        'adds the flags to those of the source, on the mount and everything below it',
        async () => {
          const { flags } = await directoryAt(at('source'));
          await bind('source', 'target', { ...readOnly, noExec: true });
          await bind('target', 'other', { ...noMountFlags, noSuid: true, accessTimes: 'noatime' });
          const first = { ...flags, readOnly: true, noExec: true };
          const second: MountFlags = { ...first, noSuid: true, accessTimes: 'noatime' };
          expect((await mountedAt(at('target'))).flags).toEqual(first);
          expect((await mountedAt(at('other'))).flags).toEqual(second);
          expect((await directoryAt(at('other/inside'))).flags).toEqual(second);
          expect((await directoryAt(at('source'))).flags).toEqual(flags);
        },
      );

      test.each([
        ['readOnly', { ...noMountFlags, readOnly: true }],
        ['noSuid', { ...noMountFlags, noSuid: true }],
        ['noDev', { ...noMountFlags, noDev: true }],
        ['noExec', { ...noMountFlags, noExec: true }],
        ['noSymlinkFollow', { ...noMountFlags, noSymlinkFollow: true }],
      ] as const)('sets only %s', async (flag, flags) => {
        const source = await directoryAt(at('source'));
        await bind('source', 'target', flags);
        expect((await mountedAt(at('target'))).flags).toEqual({ ...source.flags, [flag]: true });
      });

      test.skipIf(accessTimesAreLocked)('sets only noDirectoryAccessTimes', async () => {
        const source = await directoryAt(at('source'));
        await bind('source', 'target', { ...noMountFlags, noDirectoryAccessTimes: true });
        expect((await mountedAt(at('target'))).flags).toEqual({
          ...source.flags,
          noDirectoryAccessTimes: true,
        });
      });

      test.skipIf(accessTimesAreLocked).each(['noatime', 'relatime', 'strictatime'] as const)(
        'updates access times with %s',
        async (accessTimes) => {
          await bind('source', 'target', { ...noMountFlags, accessTimes });
          expect((await mountedAt(at('target'))).flags.accessTimes).toBe(accessTimes);
        },
      );

      test('a read-only bind refuses new directories', async () => {
        await bind('source', 'target', readOnly);
        await expect(paths.makeDirectory(at('target/new'))).rejects.toThrow();
        expect(await paths.inspect(at('source/new'))).toEqual({ kind: 'absent' });
      });

      test('does not bind the mounts below the source', async () => {
        await bind('other', 'source/inside');
        await bind('source', 'target');
        expect((await paths.inspect(at('source/inside'))).kind).toBe('mounted');
        expect((await paths.inspect(at('target/inside'))).kind).toBe('directory');
      });

      test('stacks on an existing mount at the target', async () => {
        const lower = await bind('source', 'target');
        const upper = await bind('other', 'target');
        expect(upper).not.toBe(lower);
        expect((await mountedAt(at('target'))).mountId).toBe(upper);
      });

      test('refuses an unexpected source', async () => {
        const other = await identityOf(at('other'));
        const bound = mounts.bind(at('source'), at('target'), noMountFlags, other);
        await expect(bound).rejects.toMatchObject({ kind: 'precondition' });
        expect((await paths.inspect(at('target'))).kind).toBe('directory');
      });

      test.each([
        ['source', 'missing', 'target'],
        ['target', 'source', 'missing'],
      ])('refuses a missing %s', async (_, source, target) => {
        const bound = mounts.bind(at(source), at(target), noMountFlags, await identityOf(at('source')));
        await expect(bound).rejects.toMatchObject({ kind: 'precondition' });
      });

      test('does not bind a directory on a file', async () => {
        await expect(bind('source', 'empty')).rejects.toThrow();
        expect(await paths.inspect(at('empty'))).toEqual({ kind: 'file', isEmpty: true });
      });
    });

    describe('unmount', () => {
      test('unmounts every mount stacked at the path', async () => {
        const before = await identityOf(at('target'));
        await bind('source', 'target');
        await bind('other', 'target');
        await bind('target', 'target');
        await mounts.unmount(at('target'));
        expect((await directoryAt(at('target'))).identity).toEqual(before);
        expect((await directoryAt(at('source/inside'))).kind).toBe('directory');
      });

      test.each(['target', 'file', 'link', 'missing', 'missing/below'])(
        'finds nothing to do at %s',
        async (path) => {
          await expect(mounts.unmount(at(path))).resolves.toBeUndefined();
        },
      );

      test('refuses a mount in use, and succeeds when the process has ended', async () => {
        await bind('source', 'target');
        const process = await subject.occupy(at('target'));
        await expect(mounts.unmount(at('target'))).rejects.toMatchObject({ kind: 'precondition' });
        expect((await paths.inspect(at('target'))).kind).toBe('mounted');
        await process.release();
        await mounts.unmount(at('target'));
        expect((await paths.inspect(at('target'))).kind).toBe('directory');
      });

      test('succeeds while other processes only look at the mount', async () => {
        await bind('source', 'target');
        const looks = Array.from({ length: 50 }, (_, index) =>
          index % 2 === 0 ? fileSystems.usage(at('target')) : paths.inspect(at('target/inside')),
        );
        await mounts.unmount(at('target'));
        expect((await paths.inspect(at('target'))).kind).toBe('directory');
        await Promise.all(looks);
      });

      test('refuses while something is mounted below', async () => {
        await bind('source', 'target');
        await bind('other', 'target/inside');
        await expect(mounts.unmount(at('target'))).rejects.toMatchObject({ kind: 'precondition' });
      });
    });

    describe('makeDirectory', () => {
      test('makes a directory, and reports whether it did', async () => {
        expect(await paths.makeDirectory(at('new'))).toBe(true);
        expect(await paths.makeDirectory(at('new'))).toBe(false);
        expect((await paths.inspect(at('new'))).kind).toBe('directory');
      });

      test('gives it mode 0700, whatever the umask', async () => {
        const umask = process.umask(0o077);
        try {
          await paths.makeDirectory(at('new'));
        } finally {
          process.umask(umask);
        }
        expect((await subject.modeOf(at('new'))).toString(8)).toBe('700');
      });

      test('accepts an existing mount point as the directory', async () => {
        await bind('source', 'target');
        expect(await paths.makeDirectory(at('target'))).toBe(false);
      });

      test.each(['file', 'link', 'missing/below'])('refuses %s', async (path) => {
        const before = await paths.inspect(at(path));
        await expect(paths.makeDirectory(at(path))).rejects.toMatchObject({ kind: 'precondition' });
        expect(await paths.inspect(at(path))).toEqual(before);
      });
    });

    describe('makeFile', () => {
      test('makes an empty file, and reports whether it did', async () => {
        expect(await paths.makeFile(at('new'))).toBe(true);
        expect(await paths.makeFile(at('new'))).toBe(false);
        expect(await paths.inspect(at('new'))).toEqual({ kind: 'file', isEmpty: true });
      });

      test('gives it mode 0600, whatever the umask', async () => {
        const umask = process.umask(0);
        try {
          await paths.makeFile(at('new'));
        } finally {
          process.umask(umask);
        }
        expect((await subject.modeOf(at('new'))).toString(8)).toBe('600');
      });

      test.each(['file', 'link', 'target', 'missing/below'])('refuses %s', async (path) => {
        const before = await paths.inspect(at(path));
        await expect(paths.makeFile(at(path))).rejects.toMatchObject({ kind: 'precondition' });
        expect(await paths.inspect(at(path))).toEqual(before);
      });
    });

    describe.skipIf(!hasDevices)('bindDevice', () => {
      test('binds the node of the device at the target, until it is unmounted', async () => {
        const { device } = await subject.makeDevice('blank');
        const mountId = await mounts.bindDevice(device, at('empty'));
        expect(await mountedAt(at('empty'))).toMatchObject({ mountId, deviceNode: device.number });
        await mounts.unmount(at('empty'));
        expect(await paths.inspect(at('empty'))).toEqual({ kind: 'file', isEmpty: true });
      });

      test('is listed with the device node as its root', async () => {
        const { device } = await subject.makeDevice('blank');
        const mountId = await mounts.bindDevice(device, at('empty'));
        const entry = (await mounts.list()).find((mount) => mount.mountId === mountId);
        expect(entry).toMatchObject({ path: at('empty'), root: device.path.replace('/dev', '') });
      });

      test('distinguishes devices', async () => {
        const [one, other] = [await subject.makeDevice('blank'), await subject.makeDevice('blank')];
        await mounts.bindDevice(one.device, at('empty'));
        await mounts.bindDevice(other.device, at('file'));
        expect((await mountedAt(at('empty'))).deviceNode).toBe(one.device.number);
        expect((await mountedAt(at('file'))).deviceNode).toBe(other.device.number);
        expect(one.device.number).not.toBe(other.device.number);
      });

      test('refuses a directory, a missing path and an invalid path', async () => {
        const { device } = await subject.makeDevice('blank');
        await expect(mounts.bindDevice(device, at('target'))).rejects.toThrow();
        await expect(mounts.bindDevice(device, at('missing'))).rejects.toMatchObject({
          kind: 'precondition',
        });
        await expect(mounts.bindDevice(device, at('link/inside'))).rejects.toMatchObject({ kind: 'invalid' });
        expect((await directoryAt(at('target'))).kind).toBe('directory');
      });
    });

    describe.skipIf(!hasDevices)('mountDevice', () => {
      const how = (fsType: FileSystemType, flags = noMountFlags) => ({ fsType, options: [], flags });

      test.each(['ext4', 'xfs', 'btrfs'] as const)(
        'mounts %s, and lists the device for each of its mounts',
        async (fsType) => {
          const { device } = await subject.makeDevice(fsType);
          const mountId = await mounts.mountDevice(device, at('target'), how(fsType));
          expect(await mountedAt(at('target'))).toMatchObject({ mountId, deviceNode: undefined });
          await bind('target', 'other');
          expect(await mounts.deviceAt(at('target'))).toBe(device.number);
          expect(await mounts.deviceAt(at('other'))).toBe(device.number);
          expect(await mounts.deviceAt(at('source'))).not.toBe(device.number);
          const entry = (await mounts.list()).find((mount) => mount.mountId === mountId);
          expect(entry).toEqual(
            expect.objectContaining({ path: at('target'), mountId, root: '/', source: device.path }),
          );
          const { total } = (await fileSystems.usage(at('target'))).bytes;
          expect(total).toBeGreaterThan(128n * MIB);
          expect(total).toBeLessThanOrEqual(320n * MIB);
        },
      );

      test('applies the flags', async () => {
        const { device } = await subject.makeDevice('ext4');
        const flags: MountFlags = { ...noMountFlags, readOnly: true, noExec: true, accessTimes: 'noatime' };
        await mounts.mountDevice(device, at('target'), how('ext4', flags));
        expect((await mountedAt(at('target'))).flags).toEqual(flags);
        await expect(paths.makeDirectory(at('target/new'))).rejects.toThrow();
      });

      test('shows the earlier content when it is mounted again', async () => {
        const { device } = await subject.makeDevice('ext4');
        await mounts.mountDevice(device, at('target'), how('ext4'));
        await paths.makeDirectory(at('target/kept'));
        await mounts.unmount(at('target'));
        await mounts.mountDevice(device, at('other'), how('ext4'));
        expect((await paths.inspect(at('other/kept'))).kind).toBe('directory');
      });

      test.each(['xfs', 'btrfs'] as const)(
        'lets %s fill a device that has grown, unless it is mounted read-only',
        async (fsType) => {
          const { device, grow } = await subject.makeDevice(fsType);
          await grow(448n * MIB);
          await mounts.mountDevice(device, at('target'), how(fsType, readOnly));
          expect(await fileSystems.isSmallerThanDevice(at('target'), device, fsType)).toBe(true);
          await mounts.unmount(at('target'));
          await mounts.mountDevice(device, at('target'), how(fsType));
          expect(await fileSystems.isSmallerThanDevice(at('target'), device, fsType)).toBe(false);
        },
      );

      test.each([
        ['it is blank', 'blank'],
        ['it has another file system', 'btrfs'],
      ] as const)('refuses a device where %s, and mounts nothing', async (_, holds) => {
        const { device } = await subject.makeDevice(holds);
        const mounted = mounts.mountDevice(device, at('target'), how('ext4'));
        await expect(mounted).rejects.toMatchObject({ kind: 'precondition' });
        expect((await paths.inspect(at('target'))).kind).toBe('directory');
      });

      test('refuses a missing path and an invalid path', async () => {
        const { device } = await subject.makeDevice('ext4');
        const mount = (path: string) => mounts.mountDevice(device, at(path), how('ext4'));
        await expect(mount('missing')).rejects.toMatchObject({ kind: 'precondition' });
        await expect(mount('link/inside')).rejects.toMatchObject({ kind: 'invalid' });
      });
    });

    describe.skipIf(!hasDevices)('grow', () => {
      test.each(['xfs', 'btrfs'] as const)('lets %s fill a device that has grown', async (fsType) => {
        const { device, grow } = await subject.makeDevice(fsType);
        await mounts.mountDevice(device, at('target'), { fsType, options: [], flags: noMountFlags });
        const before = (await fileSystems.usage(at('target'))).bytes.total;
        expect(await fileSystems.isSmallerThanDevice(at('target'), device, fsType)).toBe(false);
        await grow(448n * MIB);
        expect(await fileSystems.isSmallerThanDevice(at('target'), device, fsType)).toBe(true);
        expect(await fileSystems.grow(at('target'), device, fsType)).toEqual({ isGrown: true });
        expect(await fileSystems.isSmallerThanDevice(at('target'), device, fsType)).toBe(false);
        const { total } = (await fileSystems.usage(at('target'))).bytes;
        expect(total).toBeGreaterThanOrEqual(before + 100n * MIB);
        expect(await fileSystems.grow(at('target'), device, fsType)).toEqual({ isGrown: true });
        expect((await fileSystems.usage(at('target'))).bytes.total).toBe(total);
      });
    });

    describe.skipIf(!hasDevices).each(['ext4', 'btrfs'] as const)('hold: %s', (fsType) => {
      const how = { fsType, options: [], flags: noMountFlags };

      /** A device mounted at `target`, with its file system held. */
      async function mountedAndHeld() {
        const { device } = await subject.makeDevice(fsType);
        await mounts.mountDevice(device, at('target'), how);
        return { device, held: await heldAt('target', device) };
      }

      async function heldAt(path: string, device: Device): Promise<HeldFileSystem> {
        const held = await fileSystems.hold(at(path), device);
        if (!held) throw new Error(`nothing is held at ${path}`);
        // A frozen file system outlives its mounts and this process.
        onTestFinished(async () => {
          await held.thaw().catch(() => {});
          await held.release();
        });
        return held;
      }

      test('makes writers wait while it is frozen, and lets them go on after the thaw', async () => {
        const { device, held } = await mountedAndHeld();
        let isMade = false;
        expect(await held.freeze()).toBe(true);
        const making = paths.makeDirectory(at('target/new')).then(() => {
          isMade = true;
        });
        // For the second one, it belongs to another process.
        const other = await heldAt('target', device);
        expect(await other.freeze()).toBe(false);
        await held.sync();
        expect(isMade).toBe(false);
        expect(await paths.makeDirectory(at('source/new'))).toBe(true);
        expect(await held.thaw()).toBe(true);
        await making;
        expect((await paths.inspect(at('target/new'))).kind).toBe('directory');
        expect(await held.thaw()).toBe(false);
      });

      test('can be trimmed', async () => {
        const { held } = await mountedAndHeld();
        expect(await held.trim()).toBeGreaterThanOrEqual(0n);
      });

      test('does not prevent unmounting, and is thawed without a mount', async () => {
        const { held } = await mountedAndHeld();
        await bind('target', 'other');
        expect(await held.freeze()).toBe(true);
        await mounts.unmount(at('target'));
        await mounts.unmount(at('other'));
        expect((await paths.inspect(at('target'))).kind).toBe('directory');
        expect(await held.thaw()).toBe(true);
        await held.release();
        await held.release();
        await expect(held.thaw()).rejects.toThrow('released');
      });

      test('works through each of its mounts, also a read-only one, and on nothing else', async () => {
        const { device } = await mountedAndHeld();
        await bind('target', 'other', readOnly);
        await heldAt('other', device);
        for (const path of ['source', 'missing', 'missing/below', 'file', 'link', 'link/inside', tooLong]) {
          expect(await fileSystems.hold(at(path), device), path).toBeUndefined();
        }
        await mounts.unmount(at('target'));
        expect(await fileSystems.hold(at('target'), device)).toBeUndefined();
        expect(
          await fileSystems.hold(at('other'), (await subject.makeDevice(fsType)).device),
        ).toBeUndefined();
      });
    });

    test('syncing a missing path fails', async () => {
      await fileSystems.sync(at('source'));
      await expect(fileSystems.sync(at('missing'))).rejects.toThrow();
    });

    describe('remove', () => {
      test.each(['target', 'empty', 'missing', 'missing/below'])('removes %s', async (path) => {
        await paths.remove(at(path));
        expect(await paths.inspect(at(path))).toEqual({ kind: 'absent' });
      });

      test.each([
        ['a directory that is not empty', 'source'],
        ['a file that is not empty', 'file'],
        ['a symbolic link', 'link'],
      ])('refuses %s, and leaves it', async (_, path) => {
        const before = await paths.inspect(at(path));
        await expect(paths.remove(at(path))).rejects.toMatchObject({ kind: 'precondition' });
        expect(await paths.inspect(at(path))).toEqual(before);
        expect((await paths.inspect(at('source/inside'))).kind).toBe('directory');
      });

      test('refuses a mount point, also one that shows an empty directory', async () => {
        await bind('other', 'target');
        await expect(paths.remove(at('target'))).rejects.toMatchObject({ kind: 'precondition' });
        expect((await paths.inspect(at('target'))).kind).toBe('mounted');
      });
    });

    describe('usage', () => {
      test.each(['source', 'file'])('reports the space at %s', async (path) => {
        const { bytes, inodes } = await fileSystems.usage(at(path));
        for (const { total, used, available } of [bytes, inodes]) {
          expect(used).toBeGreaterThanOrEqual(0n);
          expect(available).toBeGreaterThanOrEqual(0n);
          expect(used + available).toBeLessThanOrEqual(total);
        }
        expect(bytes.total).toBeGreaterThan(0n);
      });

      test('refuses a missing path', async () => {
        await expect(fileSystems.usage(at('missing'))).rejects.toMatchObject({ kind: 'precondition' });
      });
    });

    describe('list', () => {
      const mountsHere = async () =>
        (await mounts.list()).filter(({ path }) => path.startsWith(`${subject.directory}/`));

      test('lists each mount with its id and its directory, also through another mount', async () => {
        const first = await bind('source', 'target');
        const second = await bind('target', 'other');
        expect(await mountsHere()).toMatchObject([
          { path: at('target'), mountId: first, root: expect.stringMatching(/\/source$/) },
          { path: at('other'), mountId: second, root: expect.stringMatching(/\/source$/) },
        ]);
      });

      test('lists hidden mounts', async () => {
        const lower = await bind('source', 'target');
        const upper = await bind('other', 'target');
        expect((await mountsHere()).map(({ mountId }) => mountId)).toEqual([lower, upper]);
      });

      test('reports which mounts are read-only', async () => {
        await bind('source', 'target');
        await bind('source', 'other', readOnly);
        expect(await mountsHere()).toMatchObject([
          { path: at('target'), isReadOnly: false, isFileSystemReadOnly: false },
          { path: at('other'), isReadOnly: true, isFileSystemReadOnly: false },
        ]);
      });

      test.skipIf(!hasDevices)('reports a read-only file system under writable mounts', async () => {
        const { device } = await subject.makeDevice('ext4');
        const how = (flags: MountFlags) => ({ fsType: 'ext4', options: [], flags }) as const;
        await mounts.mountDevice(device, at('target'), how(noMountFlags));
        await mounts.mountDevice(device, at('other'), how(readOnly));
        await subject.failFileSystem(at('target'));
        expect(await mountsHere()).toMatchObject([
          { path: at('target'), isReadOnly: false, isFileSystemReadOnly: true },
          { path: at('other'), isReadOnly: true, isFileSystemReadOnly: true },
        ]);
        await expect(paths.makeDirectory(at('target/new'))).rejects.toThrow();
      });

      test('no longer lists an unmounted path', async () => {
        await bind('source', 'target');
        await mounts.unmount(at('target'));
        expect(await mountsHere()).toEqual([]);
      });

      test('decodes the characters that mountinfo escapes in paths', async () => {
        const path = at('a b\tc\\d\ne#é');
        await subject.makeDirectory(path);
        await mounts.bind(at('source'), path, noMountFlags, await identityOf(at('source')));
        expect((await mountsHere()).map((mount) => mount.path)).toEqual([path]);
      });
    });
  });
}
