import { mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errno, isErrno } from '../../../src/kernel/calls/errno.ts';
import { withPath } from '../../../src/kernel/calls/path-handle.ts';
import { detachLoop, refreshLoopSize } from '../../../src/kernel/devices/loop.ts';
import {
  growMounted,
  growUnmountedExt4,
  isExt4SmallerThanDevice,
  isSmallerThanDevice,
  minimumGrownBytes,
} from '../../../src/kernel/file-systems/grow-file-system.ts';
import type { ImageFileSystem } from '../../../src/kernel/file-systems/superblock.ts';
import { growSparse } from '../../../src/kernel/files/sparse-file.ts';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { runProgram } from '../../../src/kernel/process/program.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { attached, GIB, MIB, makeFileSystem, mounted, newImage } from '../../support/loop.ts';

/** A mounted file system, of 1 GiB unless given, with a file in it, on a device that has grown. */
async function onGrownDevice(fsType: ImageFileSystem, deviceBytes: bigint, firstBytes = GIB) {
  const { path, fd, directory } = await newImage(firstBytes);
  const target = join(directory, 'target');
  mkdirSync(target);
  await makeFileSystem(path, fsType);
  const device = await attached(fd);
  await mounted(device, fsType, target);
  writeFileSync(join(target, 'file'), 'content');
  const grow = async (bytes: bigint) => {
    await growSparse(path, bytes);
    await refreshLoopSize(device, fd);
  };
  await grow(deviceBytes);
  const subject = { fsType, device: device.path };
  return {
    path,
    fd,
    device,
    target,
    grow,
    isSmaller: () => withPath(target, (rootFd) => isSmallerThanDevice(subject, rootFd)),
    growMounted: () => withPath(target, (rootFd) => growMounted(subject, rootFd)),
  };
}

function totalBytes(path: string): bigint {
  const { blocks, bsize } = statfsSync(path, { bigint: true });
  return blocks * bsize;
}

describe.skipIf(!isHostRoot)('growMounted', () => {
  test.each(['xfs', 'btrfs'] as const)('%s fills its device, while it is in use', async (fsType) => {
    const image = await onGrownDevice(fsType, 2n * GIB);
    const before = totalBytes(image.target);
    expect(await image.isSmaller()).toBe(true);
    await image.growMounted();
    expect(totalBytes(image.target) - before).toBe(GIB);
    expect(await image.isSmaller()).toBe(false);
    expect(readFileSync(join(image.target, 'file'), 'utf8')).toBe('content');
  });

  test.each(['xfs', 'btrfs', 'ext4'] as const)('%s of full size does not change', async (fsType) => {
    const image = await onGrownDevice(fsType, GIB);
    const before = totalBytes(image.target);
    expect(await image.isSmaller()).toBe(false);
    await image.growMounted();
    expect(totalBytes(image.target)).toBe(before);
  });

  test.each([
    ['xfs', 128n * 1024n],
    ['btrfs', 2048n],
    ['ext4', MIB],
  ] as const)(
    '%s fills its device, except for a remainder that is too small to use',
    async (fsType, restBytes) => {
      const image = await onGrownDevice(fsType, GIB + restBytes);
      expect(await image.isSmaller()).toBe(false);
      await image.growMounted();
      expect(await image.isSmaller()).toBe(false);
    },
  );

  test('btrfs grows to 256 MiB and beyond, and counts as full below that', async () => {
    const image = await onGrownDevice('btrfs', minimumGrownBytes.btrfs - 1n, 128n * MIB);
    const before = totalBytes(image.target);
    expect(await image.isSmaller()).toBe(false);
    await image.growMounted();
    expect(totalBytes(image.target)).toBe(before);
    await image.grow(minimumGrownBytes.btrfs);
    expect(await image.isSmaller()).toBe(true);
    await image.growMounted();
    expect(totalBytes(image.target)).toBe(minimumGrownBytes.btrfs);
  });

  test('xfs keeps its share of space for inodes', async () => {
    const image = await onGrownDevice('xfs', 2n * GIB);
    await image.growMounted();
    await unmount(image.target);
    const { stdout } = await runProgram('xfs_db', [
      '-r',
      '-c',
      'sb 0',
      '-c',
      'p imax_pct',
      image.device.path,
    ]);
    expect(stdout).toBe('imax_pct = 25\n');
  });

  test('ext4 grows, or fails with EPERM without CAP_SYS_RESOURCE', async () => {
    const image = await onGrownDevice('ext4', 2n * GIB);
    const before = totalBytes(image.target);
    expect(await image.isSmaller()).toBe(true);
    try {
      await image.growMounted();
      expect(await image.isSmaller()).toBe(false);
    } catch (error) {
      expect(isErrno(error, errno.EPERM)).toBe(true);
      expect(totalBytes(image.target)).toBe(before);
    }
  });
});

describe.skipIf(!isHostRoot)('growUnmountedExt4', () => {
  test('ext4 fills its device, and can be grown again', async () => {
    const image = await onGrownDevice('ext4', 2n * GIB);
    const before = totalBytes(image.target);
    await unmount(image.target);
    expect(await isExt4SmallerThanDevice(image.device.path)).toBe(true);
    await growUnmountedExt4(image.device.path);
    await growUnmountedExt4(image.device.path);
    expect(await isExt4SmallerThanDevice(image.device.path)).toBe(false);
    await mounted(image.device, 'ext4', image.target);
    expect(totalBytes(image.target)).toBeGreaterThan(before + (GIB * 95n) / 100n);
    expect(readFileSync(join(image.target, 'file'), 'utf8')).toBe('content');
  });

  test('full sizes agree with resize2fs at every size', async () => {
    const image = await onGrownDevice('ext4', GIB);
    await unmount(image.target);
    for (const extraBytes of [
      MIB,
      3n * MIB,
      9n * MIB,
      10n * MIB,
      129n * MIB,
      140n * MIB,
      257n * MIB,
      300n * MIB,
    ]) {
      await image.grow(GIB + extraBytes);
      const isSmaller = await isExt4SmallerThanDevice(image.device.path);
      const before = await ext4Blocks(image.device.path);
      await growUnmountedExt4(image.device.path);
      expect([extraBytes, (await ext4Blocks(image.device.path)) > before]).toEqual([extraBytes, isSmaller]);
      expect(await isExt4SmallerThanDevice(image.device.path)).toBe(false);
    }
  });

  test('refuses a mounted file system', async () => {
    const image = await onGrownDevice('ext4', 2n * GIB);
    await expect(growUnmountedExt4(image.device.path)).rejects.toMatchObject({
      name: 'ProgramError',
      exitCode: 8,
    });
    await unmount(image.target);
    expect(await detachLoop(image.device, image.fd)).toBe(true);
  });
});

async function ext4Blocks(device: string): Promise<number> {
  const { stdout } = await runProgram('dumpe2fs', ['-h', device]);
  return Number(/^Block count:\s+(\d+)$/m.exec(stdout)?.[1]);
}
