import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { below } from '../../../src/kernel/calls/path-handle.ts';
import { findLoop } from '../../../src/kernel/devices/find-loop.ts';
import { isLoopDetached } from '../../../src/kernel/devices/loop.ts';
import { renewFileSystemId } from '../../../src/kernel/file-systems/btrfs-identity.ts';
import type { ImageFileSystem } from '../../../src/kernel/file-systems/superblock.ts';
import { mountAttr, unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { withSharedMount } from '../../../src/kernel/mounts/file-system-mount.ts';
import { freeze, thaw } from '../../../src/kernel/mounts/freeze.ts';
import {
  cloneImage,
  expectClean,
  formattedImage,
  mountImage,
  reflinkPool,
} from '../../support/copied-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { opened } from '../../support/loop.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { waitingProcess } from '../../support/waiting-process.ts';

const fileSystems = ['ext4', 'xfs', 'btrfs'] as const;

/** A file system mounted for one test, and thawed before it is unmounted: a writer that hangs cannot be ended. */
async function mountedFileSystem(fsType: ImageFileSystem, pool = scratchDirectory(), attrSet = 0) {
  const path = await formattedImage(pool, fsType);
  const { target, device } = await mountImage(path, fsType, { attrSet });
  writeFileSync(join(target, 'file'), 'content');
  const spec = { device: device.path, fsType, options: [], attrSet: 0 };
  const thawAnew = () => withSharedMount(spec, (fd) => withDescriptor(below(fd), 'r', thaw));
  const imageFd = opened(path);
  onTestFinished(async () => {
    if ((await findLoop(imageFd)) !== undefined) await thawAnew();
  });
  const onRoot = <T>(use: (fd: number) => T | Promise<T>) => withDescriptor(target, 'r', use);
  return {
    path,
    imageFd,
    target,
    freeze: () => onRoot(freeze),
    thaw: () => onRoot(thaw),
    thawAnew,
  };
}

/** A process that writes to a file, once it blocks in the kernel. */
async function hangingWriter(file: string) {
  const child = spawn('sh', ['-c', 'echo more >> "$0"', file], { stdio: 'inherit' });
  let hasEnded = false;
  const ended = once(child, 'close').then(() => {
    hasEnded = true;
  });
  while (!hasEnded && stateOf(child.pid ?? 0) !== 'D') await setImmediate();
  return { hasEnded: () => hasEnded, ended };
}

/** The letter for a process's state; D is a sleep that no signal interrupts. */
function stateOf(pid: number): string {
  const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return status.slice(status.lastIndexOf(')') + 2)[0] ?? '';
}

describe.skipIf(!isHostRoot).each(fileSystems)('a frozen %s', (fsType) => {
  test('makes a writer wait until it is thawed, and can be read', async () => {
    const mount = await mountedFileSystem(fsType);
    expect(await mount.freeze()).toBe(true);
    const writer = await hangingWriter(join(mount.target, 'file'));
    for (let round = 0; round < 5; round++) {
      expect(readFileSync(join(mount.target, 'file'), 'utf8')).toBe('content');
      expect(readdirSync(mount.target)).toContain('file');
      expect(statfsSync(mount.target).blocks).toBeGreaterThan(0);
      expect(await mount.freeze()).toBe(false);
    }
    expect(writer.hasEnded()).toBe(false);
    expect(await mount.thaw()).toBe(true);
    await writer.ended;
    expect(readFileSync(join(mount.target, 'file'), 'utf8')).toBe('contentmore\n');
  });

  test('cannot be frozen twice or thawed twice, and can be frozen again', async () => {
    const mount = await mountedFileSystem(fsType);
    expect(await mount.thaw()).toBe(false);
    for (let round = 0; round < 2; round++) {
      expect(await mount.freeze()).toBe(true);
      expect(await mount.freeze()).toBe(false);
      expect(await mount.thaw()).toBe(true);
      expect(await mount.thaw()).toBe(false);
    }
    writeFileSync(join(mount.target, 'file'), 'written after');
  });

  test('can be opened and listed even with strictatime', async () => {
    const mount = await mountedFileSystem(fsType, scratchDirectory(), mountAttr.strictatime);
    await mount.freeze();
    expect(readdirSync(mount.target)).toContain('file');
    expect(readFileSync(join(mount.target, 'file'), 'utf8')).toBe('content');
    expect(await mount.thaw()).toBe(true);
  });

  test('can be thawed through another mount of its device, unseen by the first mount', async () => {
    const mount = await mountedFileSystem(fsType);
    // Has a copy of this mount, in a namespace of its own.
    await waitingProcess('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', 'echo; exec cat'], {
      saysReady: true,
    });
    await mount.freeze();
    const writer = await hangingWriter(join(mount.target, 'other'));
    expect(await mount.thawAnew()).toBe(true);
    await writer.ended;
    await mount.freeze();
    await unmount(mount.target);
    expect(await mount.thawAnew()).toBe(true);
    expect(await mount.thawAnew()).toBe(false);
  });

  test('keeps its device when it is unmounted, and releases it when it is thawed', async () => {
    const mount = await mountedFileSystem(fsType);
    await mount.freeze();
    await unmount(mount.target);
    expect(await findLoop(mount.imageFd)).toBeDefined();
    expect(await mount.thawAnew()).toBe(true);
    expect(await isLoopDetached(mount.imageFd)).toBe(true);
    await expectClean(mount.path, fsType);
  });

  test('has all earlier writes in a copy of its image', async () => {
    const pool = reflinkPool();
    const mount = await mountedFileSystem(fsType, pool);
    writeFileSync(join(mount.target, 'file'), 'not synced'.repeat(100_000));
    await mount.freeze();
    const copy = await cloneImage(mount.path, join(pool, 'copy'));
    await mount.thaw();
    if (fsType === 'btrfs') await renewFileSystemId(copy);
    const { target } = await mountImage(copy, fsType);
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('not synced'.repeat(100_000));
    await unmount(target);
    await expectClean(copy, fsType);
  });
});

describe.skipIf(!isHostRoot)('freezing', () => {
  test('is refused if a file system does not support it', async () => {
    await expect(withDescriptor('/proc', 'r', freeze)).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
  });
});
