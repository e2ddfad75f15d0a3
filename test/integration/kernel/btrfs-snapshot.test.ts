import { execFileSync } from 'node:child_process';
import { constants, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { syncFileSystem, withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import {
  createSubvolume,
  fileSystemUuid,
  isSubvolume,
  snapshotSubvolume,
  subvolumeId,
} from '../../../src/kernel/file-systems/btrfs.ts';
import { qgroupOf, setQgroupLimit } from '../../../src/kernel/file-systems/btrfs-quota.ts';
import { removeSubvolumeTree } from '../../../src/kernel/file-systems/remove-subvolume-tree.ts';
import { btrfs } from '../../support/btrfs.ts';
import { isHostRoot } from '../../support/host-root.ts';

const MIB = 1024n ** 2n;

function inDirectory<T>(path: string, use: (fd: number) => T | Promise<T>): Promise<T> {
  return withDescriptor(path, constants.O_RDONLY | constants.O_DIRECTORY, use);
}

/** A file system with a subvolume that contains a file and a subvolume. */
async function withSource(root = btrfs()) {
  await inDirectory(root, (fd) => createSubvolume(fd, 'source'));
  const source = join(root, 'source');
  await inDirectory(source, (fd) => createSubvolume(fd, 'nested'));
  writeFileSync(join(source, 'nested', 'file'), 'content');
  writeFileSync(join(source, 'file'), 'content');
  return { root, source };
}

function snapshot(source: string, parent: string, name: string, readOnly = false): Promise<void> {
  return inDirectory(source, (sourceFd) =>
    inDirectory(parent, (fd) => snapshotSubvolume(sourceFd, fd, name, { readOnly })),
  );
}

describe.skipIf(!isHostRoot)('snapshotSubvolume', () => {
  test('the snapshot has the content of the source, synced or not, and both change independently', async () => {
    const { root, source } = await withSource();
    await snapshot(source, root, 'snapshot 1');
    const path = join(root, 'snapshot 1');
    expect(await inDirectory(path, isSubvolume)).toBe(true);
    writeFileSync(join(source, 'file'), 'changed');
    writeFileSync(join(path, 'another'), 'content');
    expect(readFileSync(join(path, 'file'), 'utf8')).toBe('content');
    expect(readdirSync(source).sort()).toEqual(['file', 'nested']);
    const ids = await Promise.all([source, path].map((each) => inDirectory(each, subvolumeId)));
    expect(ids[0]).not.toBe(ids[1]);
  });

  test('a subvolume in the source is an empty directory in the snapshot', async () => {
    const { root, source } = await withSource();
    await snapshot(source, root, 'snapshot');
    expect(readdirSync(join(root, 'snapshot', 'nested'))).toEqual([]);
    expect(await inDirectory(join(root, 'snapshot', 'nested'), isSubvolume)).toBe(false);
  });

  test('a read-only snapshot cannot be written, can be the source of a writable one, and is removed like any other', async () => {
    const { root, source } = await withSource();
    await snapshot(source, root, 'frozen', true);
    expect(() => writeFileSync(join(root, 'frozen', 'file'), '')).toThrow('EROFS');
    await inDirectory(root, (fd) => removeSubvolumeTree(fd, 'source'));
    await snapshot(join(root, 'frozen'), root, 'restored');
    await inDirectory(root, (fd) => removeSubvolumeTree(fd, 'frozen'));
    writeFileSync(join(root, 'restored', 'another'), '');
    expect(readFileSync(join(root, 'restored', 'file'), 'utf8')).toBe('content');
    expect(readdirSync(root)).toEqual(['restored']);
  });

  test('a name that is taken or too long, a directory and another file system are refused', async () => {
    const { root, source } = await withSource();
    mkdirSync(join(root, 'directory'));
    await expect(snapshot(source, root, 'source/nested')).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(snapshot(source, root, 'x'.repeat(256))).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
    await expect(snapshot(source, root, 'x'.repeat(5000))).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
    await expect(snapshot(join(root, 'directory'), root, 'new')).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(snapshot(source, btrfs(), 'new')).rejects.toMatchObject({ code: 'EXDEV' });
    await snapshot(source, root, 'new');
    await expect(snapshot(source, root, 'new')).rejects.toMatchObject({ code: 'EEXIST' });
    expect(readdirSync(root).sort()).toEqual(['directory', 'new', 'source']);
  });

  test('it has the limit of its source, and is charged alone for data that the source no longer has', async () => {
    const { root, source } = await withSource(btrfs('qgroup'));
    const uuid = await inDirectory(root, fileSystemUuid);
    const [limitBytes, bytes] = [64n * MIB, 16n * MIB];
    await inDirectory(source, (fd) => setQgroupLimit(fd, subvolumeId(fd), limitBytes));
    writeFileSync(join(source, 'large'), Buffer.alloc(Number(bytes), 'x'));
    await snapshot(source, root, 'snapshot', true);
    const shared = await inDirectory(join(root, 'snapshot'), (fd) => qgroupOf(uuid, subvolumeId(fd)));
    expect(shared?.limitBytes).toBe(limitBytes);
    expect(shared?.usedBytes).toBeGreaterThanOrEqual(bytes);
    expect(shared?.exclusiveBytes).toBeLessThan(MIB);
    rmSync(join(source, 'large'));
    await inDirectory(root, syncFileSystem);
    execFileSync('btrfs', ['filesystem', 'sync', root]);
    const alone = await inDirectory(join(root, 'snapshot'), (fd) => qgroupOf(uuid, subvolumeId(fd)));
    expect(alone?.exclusiveBytes).toBeGreaterThanOrEqual(bytes);
  });
});
