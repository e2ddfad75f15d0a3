import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatImage } from '../../../src/backends/image/format.ts';
import { availableFileSystems, minimumBytes } from '../../../src/backends/image/mkfs.ts';
import { findLoop } from '../../../src/kernel/devices/find-loop.ts';
import { detachLoop } from '../../../src/kernel/devices/loop.ts';
import { listLoops } from '../../../src/kernel/devices/loop-list.ts';
import { growUnmountedExt4 } from '../../../src/kernel/file-systems/grow-file-system.ts';
import { fileSystemOn } from '../../../src/kernel/file-systems/superblock.ts';
import { allocatedBytes, growSparse, makeSparse } from '../../../src/kernel/files/sparse-file.ts';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { runProgram } from '../../../src/kernel/process/program.ts';
import { type FileSystemType, fileSystemTypes } from '../../../src/model/requests/file-system-options.ts';
import { isHostRoot } from '../../support/host-root.ts';
import {
  attached,
  GIB,
  imageDirectory,
  MIB,
  makeFileSystem,
  mounted,
  newImage,
  opened,
} from '../../support/loop.ts';

const root = { uid: 1000, gid: 2000, mode: 0o2770 };

const checks: Record<FileSystemType, [string, ...string[]]> = {
  ext4: ['e2fsck', '-f', '-n'],
  xfs: ['xfs_repair', '-n', '-f'],
  btrfs: ['btrfs', 'check'],
};

/** Expects a complete file system in an image that is not attached, and mounts it. */
async function mountedWhole(path: string, fsType: FileSystemType, mountPath: string): Promise<void> {
  const fd = opened(path);
  expect(await findLoop(fd)).toBeUndefined();
  expect(await fileSystemOn(fd)).toBe(fsType);
  const [program, ...args] = checks[fsType];
  await runProgram(program, [...args, path]);
  mkdirSync(mountPath, { recursive: true });
  await mounted(await attached(fd), fsType, mountPath);
}

describe.skipIf(!isHostRoot)('formatImage', () => {
  test.each(fileSystemTypes)(
    'makes a complete, empty %s with the requested owner and mode of its root',
    async (fsType) => {
      const { path, directory } = await newImage(GIB);
      await formatImage(path, { fsType, options: '-L data', root });
      expect(readdirSync(directory)).toEqual(['image']);
      expect(statSync(path, { bigint: true })).toMatchObject({ size: GIB, mode: 0o100600n });
      const target = join(directory, 'target');
      await mountedWhole(path, fsType, target);
      expect(readdirSync(target)).toEqual([]);
      expect(statSync(target)).toMatchObject({ uid: 1000, gid: 2000, mode: 0o42770 });
      const { bavail, bsize } = statfsSync(target, { bigint: true });
      expect(bavail * bsize).toBeGreaterThan((GIB * 85n) / 100n);
    },
  );

  test.each([
    ['ext4', 8n],
    ['xfs', 72n],
    ['btrfs', 8n],
  ] as const)('%s takes little space in the pool: of 10 GiB, less than %i MiB', async (fsType, mebibytes) => {
    const { path } = await newImage(10n * GIB);
    await formatImage(path, { fsType, root });
    expect(await allocatedBytes(path)).toBeLessThan(mebibytes * MIB);
  });

  test.each(fileSystemTypes)('the smallest %s is usable', async (fsType) => {
    const { path, directory } = await newImage(minimumBytes[fsType]);
    await formatImage(path, { fsType, root });
    const target = join(directory, 'target');
    await mountedWhole(path, fsType, target);
    writeFileSync(join(target, 'file'), Buffer.alloc(Number(minimumBytes[fsType]) / 2, 1), { flush: true });
  });

  test.each(fileSystemTypes)('makes %s in an image on btrfs', async (fsType) => {
    const pool = await newImage(GIB);
    await makeFileSystem(pool.path, 'btrfs');
    const poolPath = join(pool.directory, 'pool');
    mkdirSync(poolPath);
    await mounted(await attached(pool.fd), 'btrfs', poolPath);
    const path = join(poolPath, 'image');
    await makeSparse(path, 512n * MIB);
    await formatImage(path, { fsType, root });
    await mountedWhole(path, fsType, join(pool.directory, 'target'));
    // Unmounted here, because it keeps the pool in use.
    await unmount(join(pool.directory, 'target'));
    const fd = opened(path);
    const device = await findLoop(fd);
    expect(device && (await detachLoop(device, fd))).toBe(true);
  });

  test('ext4 can grow a thousandfold', async () => {
    const { path } = await newImage(64n * MIB);
    await formatImage(path, { fsType: 'ext4', root });
    await growSparse(path, 64n * GIB);
    await growUnmountedExt4(path);
    await runProgram('e2fsck', ['-f', '-n', path]);
  });

  test('leftovers of a crash beside the image do no harm', async () => {
    const { path, directory } = await newImage(64n * MIB);
    writeFileSync(`${path}.new`, 'half a file system');
    await formatImage(path, { fsType: 'ext4', root });
    await mountedWhole(path, 'ext4', join(directory, 'target'));
  });

  test('many images can be formatted at the same time', async () => {
    const directory = imageDirectory();
    const paths = Array.from({ length: 8 }, (_, index) => join(directory, `image-${index}`));
    await Promise.all(paths.map((path) => makeSparse(path, 64n * MIB)));
    await Promise.all(paths.map((path) => formatImage(path, { fsType: 'ext4', root })));
    for (const path of paths) expect(await fileSystemOn(path)).toBe('ext4');
    const left = listLoops().filter((loop) => loop.backingPath.startsWith(directory));
    expect(left).toEqual([]);
  });

  test('an image with data in it is refused and left unchanged', async () => {
    const { path, fd, directory } = await newImage(64n * MIB);
    writeFileSync(fd, 'content');
    await expect(formatImage(path, { fsType: 'ext4', root })).rejects.toThrow(
      `cannot format ${path}: it contains data`,
    );
    expect(readFileSync(path, 'utf8')).toMatch(/^content/);
    expect(readdirSync(directory)).toEqual(['image']);
  });

  test('an image that has a file system is refused', async () => {
    const { path } = await newImage(64n * MIB);
    await formatImage(path, { fsType: 'ext4', root });
    const before = statSync(path).ino;
    await expect(formatImage(path, { fsType: 'ext4', root })).rejects.toThrow('it contains data');
    expect(statSync(path).ino).toBe(before);
  });

  test('an image that is attached to a loop device is refused', async () => {
    const { path, fd, directory } = await newImage(64n * MIB);
    const device = await attached(fd);
    await expect(formatImage(path, { fsType: 'ext4', root })).rejects.toThrow(
      `it is attached to ${device.path}`,
    );
    expect(readdirSync(directory)).toEqual(['image']);
  });

  test('when it fails, the image is still blank and has no files beside it', async () => {
    const { path, directory } = await newImage(64n * MIB);
    truncateSync(path, 4096);
    await expect(formatImage(path, { fsType: 'xfs', root })).rejects.toThrow(
      /^mkfs.xfs ended with exit code 1: ./,
    );
    expect(await fileSystemOn(path)).toBe('blank');
    expect(readdirSync(directory)).toEqual(['image']);
  });
});

test('the available file systems are those whose mkfs program is installed', () => {
  const path = process.env['PATH'];
  process.env['PATH'] = '';
  try {
    // They are found in /usr/sbin without a PATH.
    expect(fileSystemTypes).toEqual(expect.arrayContaining(availableFileSystems()));
    if (isHostRoot) expect(availableFileSystems()).toEqual(fileSystemTypes);
  } finally {
    process.env['PATH'] = path;
  }
});
