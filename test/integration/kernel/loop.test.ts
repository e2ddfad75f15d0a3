import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { blockDeviceBytes, setBlockReadOnly } from '../../../src/kernel/calls/block-device.ts';
import { findLoop, openLoop } from '../../../src/kernel/devices/find-loop.ts';
import {
  attachLoop,
  detachLoop,
  isLoopDetached,
  refreshLoopSize,
  setAutoclear,
} from '../../../src/kernel/devices/loop.ts';
import { isLoopReadOnly, type LoopDevice, listLoops } from '../../../src/kernel/devices/loop-list.ts';
import { growSparse } from '../../../src/kernel/files/sparse-file.ts';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import {
  attached,
  imageDirectory,
  MIB,
  makeFileSystem,
  mounted,
  newImage,
  opened,
} from '../../support/loop.ts';
import { waitingProcess } from '../../support/waiting-process.ts';

/** A btrfs mounted in a directory, with a new image on it. */
async function imageOnBtrfs() {
  const pool = await newImage(256n * MIB);
  await makeFileSystem(pool.path, 'btrfs');
  const poolPath = join(pool.directory, 'pool');
  mkdirSync(poolPath);
  await mounted(await attached(pool.fd), 'btrfs', poolPath);
  const path = join(poolPath, 'image');
  writeFileSync(path, '');
  await growSparse(path, 8n * MIB);
  return { path, poolPath };
}

const isReadOnly = ({ path }: LoopDevice) => isLoopReadOnly(basename(path));

function hasDirectIo(path: string): boolean {
  try {
    closeSync(openSync(path, constants.O_RDONLY | constants.O_DIRECT));
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!isHostRoot)('a loop device', () => {
  test('is found by its file, even after the file is renamed', async () => {
    const { fd, path, directory } = await newImage(MIB);
    expect(await findLoop(fd)).toBeUndefined();
    const device = await attached(fd);
    expect(device).toMatchObject({
      path: expect.stringMatching(/^\/dev\/loop\d+$/),
      number: expect.stringMatching(/^7:\d+$/),
    });
    expect(await findLoop(fd)).toEqual(device);
    renameSync(path, join(directory, 'renamed'));
    expect(await findLoop(opened(join(directory, 'renamed')))).toEqual(device);
    expect(await detachLoop(device, fd)).toBe(true);
    expect(await findLoop(fd)).toBeUndefined();
  });

  test('is found by a file on btrfs, whose device number is that of a subvolume', async () => {
    const { path, poolPath } = await imageOnBtrfs();
    const [fd, other] = [opened(path), opened(join(poolPath, 'other'), 'w+')];
    const device = await attached(fd);
    expect(await findLoop(fd)).toEqual(device);
    expect(await findLoop(other)).toBeUndefined();
    expect(await detachLoop(device, fd)).toBe(true);
  });

  test('is found by its file under any name it was attached by, even a removed one', async () => {
    const { fd, path, directory } = await newImage(MIB);
    const other = join(directory, 'other');
    linkSync(path, other);
    const linked = await attached(opened(other));
    expect(await findLoop(fd)).toEqual(linked);
    expect(await detachLoop(linked, fd)).toBe(true);
    unlinkSync(other);
    writeFileSync(other, '');
    execFileSync('mount', ['--bind', path, other]);
    const boundFd = openSync(other, 'r+');
    const bound = await attached(boundFd);
    closeSync(boundFd);
    execFileSync('umount', ['--lazy', other]);
    expect(listLoops().find((loop) => loop.path === bound.path)?.backingPath).toBe('/');
    expect(await findLoop(fd)).toEqual(bound);
    expect(await detachLoop(bound, fd)).toBe(true);
  });

  test('is not confused with another file at the same path', async () => {
    const { fd, path } = await newImage(MIB);
    const device = await attached(fd);
    unlinkSync(path);
    writeFileSync(path, '');
    const other = opened(path);
    expect(await findLoop(other)).toBeUndefined();
    expect(await openLoop(device, other)).toBeUndefined();
    expect(await detachLoop(device, other)).toBe(true);
    expect(await findLoop(fd)).toEqual(device);
    const listed = listLoops().find((loop) => loop.path === device.path);
    expect(listed).toEqual({ ...device, backingPath: path, isBackingRemoved: true });
    expect(await detachLoop(device, fd)).toBe(true);
  });

  test('has the size of its file, 512-byte sectors, and direct I/O where the file system has it', async () => {
    const { fd, path: imagePath } = await newImage(3n * MIB);
    const { path } = await attached(fd);
    const name = path.slice('/dev/'.length);
    expect(await blockDeviceBytes(path)).toBe(3n * MIB);
    expect(readFileSync(`/sys/block/${name}/queue/logical_block_size`, 'utf8')).toBe('512\n');
    expect(readFileSync(`/sys/block/${name}/loop/dio`, 'utf8')).toBe(hasDirectIo(imagePath) ? '1\n' : '0\n');
  });

  test('has no direct I/O on btrfs, where it would make copies of the file slow', async () => {
    const fd = opened((await imageOnBtrfs()).path);
    const device = await attached(fd);
    const name = device.path.slice('/dev/'.length);
    expect(readFileSync(`/sys/block/${name}/loop/dio`, 'utf8')).toBe('0\n');
    expect(await detachLoop(device, fd)).toBe(true);
  });

  test('sees that its file has grown after a refresh', async () => {
    const { fd, path } = await newImage(MIB);
    const device = await attached(fd);
    await growSparse(path, 2n * MIB);
    expect(await blockDeviceBytes(device.path)).toBe(MIB);
    await refreshLoopSize(device, fd);
    expect(await blockDeviceBytes(device.path)).toBe(2n * MIB);
  });

  test('can be configured to detach when the last descriptor is closed', async () => {
    const { fd } = await newImage(MIB);
    const loop = await attachLoop(fd, { autoclear: true });
    expect(await findLoop(fd)).toEqual(loop.device);
    closeSync(loop.fd);
    expect(await isLoopDetached(fd)).toBe(true);
  });

  test('can be switched to stay attached, or to detach, while it is open', async () => {
    const { fd } = await newImage(MIB);
    const loop = await attachLoop(fd, { autoclear: true });
    await setAutoclear(loop.device, loop.fd, false);
    closeSync(loop.fd);
    expect(await findLoop(fd)).toEqual(loop.device);
    const again = await openLoop(loop.device, fd);
    if (again === undefined) throw new Error('the device is attached');
    await setAutoclear(loop.device, again, true);
    closeSync(again);
    expect(await isLoopDetached(fd)).toBe(true);
  });

  test('is not detached while it is open, but when it is closed', async () => {
    const { fd } = await newImage(MIB);
    const loop = await attachLoop(fd, { autoclear: false });
    expect(await detachLoop(loop.device, fd)).toBe(false);
    expect(await findLoop(fd)).toEqual(loop.device);
    closeSync(loop.fd);
    expect(await isLoopDetached(fd)).toBe(true);
    expect(await detachLoop(loop.device, fd)).toBe(true);
  });

  test('is found while another mount namespace has its file system mounted, and detached after that', async () => {
    const { fd, path, directory } = await newImage(32n * MIB);
    await makeFileSystem(path, 'ext4');
    const mountPath = join(directory, 'mount');
    mkdirSync(mountPath);
    const device = await attached(fd);
    await mounted(device, 'ext4', mountPath);
    const holder = await waitingProcess('unshare', ['--mount', 'sh', '-c', 'echo; exec cat'], {
      saysReady: true,
    });
    await unmount(mountPath);
    expect(await detachLoop(device, fd)).toBe(false);
    expect(await findLoop(fd)).toEqual(device);
    await holder.end();
    await eventually(async () => expect(await detachLoop(device, fd)).toBe(true));
  });

  test('is assigned to one of many concurrent attaches', async () => {
    const directory = imageDirectory();
    const paths = Array.from({ length: 12 }, (_, index) => join(directory, `image-${index}`));
    for (const path of paths) {
      writeFileSync(path, '');
      await growSparse(path, MIB);
    }
    const fds = paths.map((path) => opened(path));
    const devices = await Promise.all(fds.map(attached));
    expect(new Set(devices.map((device) => device.path)).size).toBe(paths.length);
    expect(await Promise.all(fds.map(findLoop))).toEqual(devices);
  });

  test('is writable again for its next file after it was made read-only', async () => {
    const { fd } = await newImage(MIB);
    const first = await attachLoop(fd, { autoclear: true });
    await setBlockReadOnly(first.fd, true);
    expect(() => writeFileSync(first.device.path, 'x')).toThrow();
    closeSync(first.fd);
    expect(await isLoopDetached(fd)).toBe(true);
    expect(isReadOnly(first.device)).toBe(true);
    // Devices that others have released before it come first.
    const used: number[] = [];
    for (let count = 0; ; count++) {
      const next = await attachLoop((await newImage(MIB)).fd, { autoclear: true });
      used.push(next.fd);
      expect(isReadOnly(next.device)).toBe(false);
      writeFileSync(next.device.path, 'content');
      if (next.device.path === first.device.path) break;
      expect(count).toBeLessThan(64);
    }
    for (const each of used) closeSync(each);
  });

  test('is left writable for its next user, if it was made read-only and is detached', async () => {
    const { fd } = await newImage(MIB);
    const { device, fd: deviceFd } = await attachLoop(fd, { autoclear: true });
    await setBlockReadOnly(deviceFd, true);
    closeSync(deviceFd);
    await detachLoop(device, fd);
    const next = await attachLoop(fd, { autoclear: true });
    expect(isReadOnly(next.device)).toBe(false);
    closeSync(next.fd);
  });

  test('is read-only if its file is open for reading', async () => {
    const { path } = await newImage(MIB);
    const device = await attached(opened(path, 'r'));
    expect(isReadOnly(device)).toBe(true);
    expect(() => writeFileSync(device.path, 'x')).toThrow();
    expect(statSync(path).blocks).toBe(0);
  });
});
