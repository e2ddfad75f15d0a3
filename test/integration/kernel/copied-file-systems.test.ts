import { readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { syncFileSystem, withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { withPath } from '../../../src/kernel/calls/path-handle.ts';
import { renewFileSystemId } from '../../../src/kernel/file-systems/btrfs-identity.ts';
import { growMounted, growUnmountedExt4 } from '../../../src/kernel/file-systems/grow-file-system.ts';
import type { ImageFileSystem } from '../../../src/kernel/file-systems/superblock.ts';
import { growSparse } from '../../../src/kernel/files/sparse-file.ts';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import {
  cloneImage,
  expectClean,
  formattedImage,
  mountImage,
  reflinkPool,
  reflinkPools,
} from '../../support/copied-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { GIB } from '../../support/loop.ts';
import { type SyncingWriter, syncingWriter, writtenContent } from '../../support/syncing-writer.ts';

const fileSystems = ['ext4', 'xfs', 'btrfs'] as const;
const COPIES = 4;

/** A copy that was made while the original was written to. */
interface Copy {
  readonly path: string;
  /** The rounds that had been synced before it was made. */
  readonly syncedCount: number;
}

/** A mounted image in which a process writes and syncs, and copies that were made during that. */
async function writtenImage(fsType: ImageFileSystem, pool: string, count = 1) {
  const path = await formattedImage(pool, fsType);
  const original = await mountImage(path, fsType);
  const writer = syncingWriter(original.target);
  const copies: Copy[] = [];
  for (let index = 0; index < count; index++) {
    await writer.rounds(5);
    const syncedCount = writer.syncedCount();
    const copy = await cloneImage(path, join(pool, `copy-${index}`));
    if (fsType === 'btrfs') await renewFileSystemId(copy);
    copies.push({ path: copy, syncedCount });
  }
  return { path, ...original, writer, copies };
}

/** Expects all synced data, and later data only without gaps. */
function expectCrashConsistent(target: string, { syncedCount }: Copy): void {
  const first = new Set(readdirSync(join(target, 'first')).map(Number));
  const second = new Set(readdirSync(join(target, 'second')).map(Number));
  const synced = Array.from({ length: syncedCount }, (_, index) => index);
  expect([...second]).toEqual(expect.arrayContaining(synced));
  for (const index of second) {
    expect(first).toContain(index);
    expect(readFileSync(join(target, 'first', String(index)), 'utf8')).toBe(writtenContent(index));
  }
  for (const index of synced) {
    expect(readFileSync(join(target, 'second', String(index)), 'utf8')).toBe(writtenContent(index));
  }
}

async function expectOriginalWhole(image: { path: string; target: string; writer: SyncingWriter }) {
  await image.writer.rounds(1);
  await image.writer.end();
  expectCrashConsistent(image.target, { path: image.path, syncedCount: image.writer.syncedCount() });
}

describe.skipIf(!isHostRoot)('a copy of a mounted image during writes', () => {
  const places = reflinkPools.flatMap((pool) => fileSystems.map((fsType) => ({ pool, fsType })));

  test.each(places)(
    '$fsType on $pool: can be mounted beside the original, read-only or not, and holds all synced data, in order',
    async ({ pool, fsType }) => {
      const image = await writtenImage(fsType, reflinkPool(pool), COPIES);
      for (const [index, copy] of image.copies.entries()) {
        const options = index % 2 === 0 ? ['discard'] : ['ro'];
        const { target } = await mountImage(copy.path, fsType, { options });
        expectCrashConsistent(target, copy);
        await unmount(target);
        await expectClean(copy.path, fsType);
      }
      await expectOriginalWhole(image);
      await unmount(image.target);
      await expectClean(image.path, fsType);
    },
  );

  test('ext4 grows, if it is larger than the original, before its first mount', async () => {
    const { copies } = await writtenImage('ext4', reflinkPool());
    for (const copy of copies) {
      await growSparse(copy.path, GIB);
      await growUnmountedExt4(copy.path);
      await expectClean(copy.path, 'ext4');
      const { target } = await mountImage(copy.path, 'ext4');
      expect(totalBytes(target)).toBeGreaterThan((GIB * 9n) / 10n);
      expectCrashConsistent(target, copy);
    }
  });

  test.each(['xfs', 'btrfs'] as const)('%s grows, if it is larger than the original', async (fsType) => {
    const { copies } = await writtenImage(fsType, reflinkPool());
    for (const copy of copies) {
      await growSparse(copy.path, GIB);
      const { target, device } = await mountImage(copy.path, fsType);
      const before = totalBytes(target);
      await withPath(target, (fd) => growMounted({ fsType, device: device.path }, fd));
      expect(totalBytes(target) - before).toBe(GIB / 2n);
      expectCrashConsistent(target, copy);
      await unmount(target);
      await expectClean(copy.path, fsType);
    }
  });

  test.each(fileSystems)('%s: also holds unsynced data, once the file system is synced', async (fsType) => {
    const pool = reflinkPool();
    const path = await formattedImage(pool, fsType);
    const { target } = await mountImage(path, fsType);
    writeFileSync(join(target, 'file'), 'content'.repeat(100_000));
    await withDescriptor(target, 'r', syncFileSystem);
    const copy = await cloneImage(path, join(pool, 'copy'));
    if (fsType === 'btrfs') await renewFileSystemId(copy);
    const mount = await mountImage(copy, fsType);
    expect(readFileSync(join(mount.target, 'file'), 'utf8')).toBe('content'.repeat(100_000));
  });
});

describe.skipIf(!isHostRoot)('an XFS image', () => {
  test('is mounted with nouuid even if no other has its id', async () => {
    const path = await formattedImage(reflinkPool(), 'xfs');
    const options = ['nouuid'];
    const { target } = await mountImage(path, 'xfs', { options });
    writeFileSync(join(target, 'file'), 'content');
    await unmount(target);
    await unmount((await mountImage(path, 'xfs', { options: ['ro'] })).target);
    await expectClean(path, 'xfs');
  });
});

function totalBytes(path: string): bigint {
  const { blocks, bsize } = statfsSync(path, { bigint: true });
  return blocks * bsize;
}
