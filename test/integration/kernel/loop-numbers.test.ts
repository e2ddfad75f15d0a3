import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { ioctl } from '../../../src/kernel/calls/ioctl.ts';
import { withPath } from '../../../src/kernel/calls/path-handle.ts';
import { attachLoop, detachLoop, isLoopDetached, setAutoclear } from '../../../src/kernel/devices/loop.ts';
import { bindMount, unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { MIB, newImage } from '../../support/loop.ts';

const LAST = 2 ** 20 - 1;
const LOOP_CTL_ADD = { name: 'LOOP_CTL_ADD', number: 0x4c80 };
const LOOP_CTL_REMOVE = { name: 'LOOP_CTL_REMOVE', number: 0x4c81 };

function control(request: { name: string; number: number }, index: number): Promise<number> {
  return withDescriptor('/dev/loop-control', 'r+', (fd) => ioctl(fd, request, index));
}

const indexOf = ({ path }: { path: string }) => Number(path.slice('/dev/loop'.length));

/** Attaches a new image and detaches it. @returns the number of its device */
async function usedNumber({ autoclear }: { autoclear: boolean }): Promise<number> {
  const { fd } = await newImage(MIB);
  const { device, fd: deviceFd } = await attachLoop(fd, { autoclear });
  closeSync(deviceFd);
  expect(await detachLoop(device, fd)).toBe(true);
  return indexOf(device);
}

describe.skipIf(!isHostRoot)('the number of a loop device', () => {
  test('is used once if other programs have its node, and then the device is removed', async () => {
    const used: number[] = [];
    for (let count = 0; count < 8; count++) used.push(await usedNumber({ autoclear: false }));
    expect(used).toEqual([...new Set(used)].sort((one, other) => one - other));
    await eventually(() => {
      for (const index of used) expect(existsSync(`/sys/block/loop${index}`)).toBe(false);
    });
  });

  test('is never assigned to other programs', async () => {
    const index = await usedNumber({ autoclear: false });
    const free = execFileSync('losetup', ['--find'], { encoding: 'utf8' }).trim();
    expect(indexOf({ path: free })).toBeLessThan(index);
  });

  test('is reused if no other program has its node', async () => {
    const used = new Set<number>();
    for (let count = 0; count < 64; count++) used.add(await usedNumber({ autoclear: true }));
    expect(used.size).toBeLessThan(32);
  });

  test('is not reused once other programs have its node', async () => {
    const { fd } = await newImage(MIB);
    const { device, fd: deviceFd } = await attachLoop(fd, { autoclear: true });
    await setAutoclear(device, deviceFd, false);
    closeSync(deviceFd);
    expect(await detachLoop(device, fd)).toBe(true);
    for (let count = 0; count < 16; count++) {
      expect(await usedNumber({ autoclear: true })).not.toBe(indexOf(device));
    }
  });

  test('is skipped when another program has taken it', async () => {
    const first = await usedNumber({ autoclear: false });
    const other = await newImage(MIB);
    // The next number, taken as a program does that looks for a free device from the end.
    execFileSync('losetup', [`/dev/loop${first + 1}`, other.path]);
    expect(await usedNumber({ autoclear: false })).toBeGreaterThan(first + 1);
  });

  test('is reused after all others, unless a path has its node', async () => {
    await control(LOOP_CTL_ADD, LAST);
    onTestFinished(async () => void (await control(LOOP_CTL_REMOVE, LAST)));
    const { fd, directory } = await newImage(MIB);
    const { device, fd: deviceFd } = await attachLoop(fd, { autoclear: false });
    expect(indexOf(device)).toBeLessThan(LAST);
    const target = join(directory, 'target');
    writeFileSync(target, '');
    await withPath(device.path, (from) => withPath(target, (to) => bindMount(from, to, 0, 0)));
    closeSync(deviceFd);
    expect(await detachLoop(device, fd)).toBe(true);
    await eventually(() => expect(existsSync(device.path)).toBe(false));
    expect(await usedNumber({ autoclear: false })).not.toBe(indexOf(device));
    await unmount(target);
    expect(await isLoopDetached(fd)).toBe(true);
  });
});
