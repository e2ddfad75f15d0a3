import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { below, withPath } from '../../../src/kernel/calls/path-handle.ts';
import { statusOf } from '../../../src/kernel/calls/statx.ts';
import { attachLoop, isLoopDetached } from '../../../src/kernel/devices/loop.ts';
import { fileSystemOn } from '../../../src/kernel/file-systems/superblock.ts';
import { allocatedBytes } from '../../../src/kernel/files/sparse-file.ts';
import { mountAttr } from '../../../src/kernel/mounts/bind-mount.ts';
import {
  MountRefusedError,
  mountFileSystem,
  withDetachedMount,
} from '../../../src/kernel/mounts/file-system-mount.ts';
import { readMountinfo } from '../../../src/kernel/mounts/mountinfo.ts';
import { runProgram } from '../../../src/kernel/process/program.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { attached, MIB, makeFileSystem, mounted, newImage } from '../../support/loop.ts';
import { mountOptionsAt } from '../../support/mount-options.ts';
import { mountsBelow } from '../../support/scratch.ts';

const fileSystems = ['ext4', 'xfs', 'btrfs'] as const;

async function fileSystemImage(fsType: (typeof fileSystems)[number]) {
  const image = await newImage(320n * MIB);
  await makeFileSystem(image.path, fsType);
  const target = join(image.directory, 'target');
  mkdirSync(target);
  return { ...image, target };
}

describe.skipIf(!isHostRoot)('mountFileSystem', () => {
  test.each(fileSystems)('%s is mounted with flags and options, and its id is returned', async (fsType) => {
    const { fd, target } = await fileSystemImage(fsType);
    const device = await attached(fd);
    const attrSet = mountAttr.noSuid | mountAttr.noDev | mountAttr.noExec | mountAttr.noatime;
    const mountId = await mounted(device, fsType, target, { options: ['discard'], attrSet });
    expect(await withPath(target, statusOf)).toMatchObject({ mountId, isMountRoot: true });
    expect((await mountOptionsAt(target)).sort()).toEqual(['noatime', 'nodev', 'noexec', 'nosuid', 'rw']);
    expect(readMountinfo().find((entry) => entry.mountId === mountId)).toMatchObject({
      root: '/',
      path: target,
      fsType,
      source: device.path,
    });
    expect(await fileSystemOn(device.path)).toBe(fsType);
  });

  test('preparation before the mount is visible can fail, and then nothing is mounted', async () => {
    const { fd, target } = await fileSystemImage('btrfs');
    const device = await attached(fd);
    const spec = { device: device.path, fsType: 'btrfs', options: [], attrSet: 0 } as const;
    const seen: string[][] = [];
    const fail = async (rootFd: number) => {
      writeFileSync(join(below(rootFd), 'file'), 'written before');
      seen.push(readdirSync(target));
      throw new Error('no luck');
    };
    await expect(withPath(target, (targetFd) => mountFileSystem(spec, targetFd, fail))).rejects.toThrow(
      'no luck',
    );
    expect(seen).toEqual([[]]);
    expect(await mountsBelow(target)).toEqual([]);
    await withPath(target, (targetFd) => mountFileSystem(spec, targetFd));
    expect(readdirSync(target)).toEqual(['file']);
  });

  test('a mount can be read-only without a read-only file system', async () => {
    const { fd, target } = await fileSystemImage('ext4');
    await mounted(await attached(fd), 'ext4', target, { attrSet: mountAttr.readOnly });
    expect(() => writeFileSync(join(target, 'file'), '')).toThrow('EROFS');
  });

  test.each(fileSystems)(
    'with discard, space that is freed in %s is given back by the image',
    async (fsType) => {
      const { path, fd, target } = await fileSystemImage(fsType);
      const options = [{ ext4: 'discard', xfs: 'discard', btrfs: 'discard=sync' }[fsType]];
      await mounted(await attached(fd), fsType, target, { options });
      const before = await allocatedBytes(path);
      writeFileSync(join(target, 'file'), Buffer.alloc(Number(64n * MIB), 1), { flush: true });
      expect(await allocatedBytes(path)).toBeGreaterThan(before + 60n * MIB);
      rmSync(join(target, 'file'));
      // The kernel does it in the background, partly after one sync, partly after another.
      const giveBack = async () => {
        await runProgram('sync', ['--file-system', target]);
        expect(await allocatedBytes(path)).toBeLessThan(before + 16n * MIB);
      };
      await eventually(giveBack);
    },
  );

  test('a refusal has the error number and the message of the kernel', async () => {
    const { fd, target } = await fileSystemImage('xfs');
    const device = await attached(fd);
    const refusal = await mounted(device, 'xfs', target, { options: ['nonsense=1'] }).catch((error) => error);
    expect(refusal).toBeInstanceOf(MountRefusedError);
    expect(refusal).toMatchObject({
      code: 'EINVAL',
      syscall: 'fsconfig',
      reason: expect.stringContaining('nonsense'),
    });
    expect(refusal.message).toContain(`xfs on ${device.path}: EINVAL (`);
  });

  test('a device without the file system is refused, and nothing is left', async () => {
    const { fd, directory } = await newImage(64n * MIB);
    const target = join(directory, 'target');
    mkdirSync(target);
    const loop = await attachLoop(fd, { autoclear: true });
    await expect(mounted(loop.device, 'ext4', target)).rejects.toMatchObject({ code: 'EINVAL' });
    closeSync(loop.fd);
    expect(await isLoopDetached(fd)).toBe(true);
    expect(await mountsBelow(directory)).toEqual([]);
  });
});

describe.skipIf(!isHostRoot)('withDetachedMount', () => {
  test.each(fileSystems)('opens the root of %s, keeps it hidden, and leaves no trace', async (fsType) => {
    const { fd, directory } = await fileSystemImage(fsType);
    const loop = await attachLoop(fd, { autoclear: true });
    const spec = { device: loop.device.path, fsType, options: [], attrSet: 0 };
    const mounts = readMountinfo();
    await withDetachedMount(spec, async (rootFd) => {
      writeFileSync(join(below(rootFd), 'file'), 'content');
      expect(readMountinfo()).toEqual(mounts);
    });
    const names = await withDetachedMount(spec, async (rootFd) => readdirSync(below(rootFd)));
    expect(names).toContain('file');
    closeSync(loop.fd);
    expect(await isLoopDetached(fd)).toBe(true);
    expect(await mountsBelow(directory)).toEqual([]);
  });

  test('releases the file system when its use fails', async () => {
    const { fd } = await fileSystemImage('ext4');
    const loop = await attachLoop(fd, { autoclear: true });
    const spec = { device: loop.device.path, fsType: 'ext4', options: [], attrSet: 0 } as const;
    const failing = withDetachedMount(spec, () => Promise.reject(new Error('the use failed')));
    await expect(failing).rejects.toThrow('the use failed');
    closeSync(loop.fd);
    expect(await isLoopDetached(fd)).toBe(true);
  });

  test('reports a file that stays open', async () => {
    const { fd } = await fileSystemImage('ext4');
    const loop = await attachLoop(fd, { autoclear: true });
    const spec = { device: loop.device.path, fsType: 'ext4', options: [], attrSet: 0 } as const;
    let left = -1;
    const use = withDetachedMount(spec, async (rootFd) => {
      left = openSync(below(rootFd), 'r');
    });
    await expect(use).rejects.toMatchObject({ code: 'EBUSY' });
    closeSync(left);
    closeSync(loop.fd);
    expect(await isLoopDetached(fd)).toBe(true);
  });
});
