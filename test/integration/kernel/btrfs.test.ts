import { execFileSync } from 'node:child_process';
import { constants, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { errno } from '../../../src/kernel/calls/errno.ts';
import {
  createSubvolume,
  deleteSubvolume,
  fileSystemUuid,
  isSubvolume,
  subvolumeId,
} from '../../../src/kernel/file-systems/btrfs.ts';
import {
  areQgroupsInconsistent,
  qgroupOf,
  quotaMode,
  removeQgroup,
  setQgroupLimit,
} from '../../../src/kernel/file-systems/btrfs-quota.ts';
import {
  nestedSubvolumes,
  removeSubvolumeTree,
} from '../../../src/kernel/file-systems/remove-subvolume-tree.ts';
import { removeTree } from '../../../src/kernel/workers/tree-tasks.ts';
import { btrfs } from '../../support/btrfs.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const MIB = 1024 ** 2;

function inDirectory<T>(path: string, use: (fd: number) => T | Promise<T>): Promise<T> {
  return withDescriptor(path, constants.O_RDONLY | constants.O_DIRECTORY, use);
}

function create(path: string, name: string): Promise<string> {
  return inDirectory(path, async (fd) => {
    await createSubvolume(fd, name);
    return join(path, name);
  });
}

function idOf(path: string): Promise<number> {
  return inDirectory(path, subvolumeId);
}

function makeReadOnly(path: string): void {
  execFileSync('btrfs', ['property', 'set', path, 'ro', 'true']);
}

describe.skipIf(!isHostRoot)('subvolumes', () => {
  test('a subvolume can be created, differs from a directory, has an id of its own, and is removed with its files', async () => {
    const root = btrfs();
    mkdirSync(join(root, 'directory'));
    const path = await create(root, 'größe 1');
    expect(await inDirectory(path, isSubvolume)).toBe(true);
    expect(await inDirectory(join(root, 'directory'), isSubvolume)).toBe(false);
    expect(await inDirectory(root, isSubvolume)).toBe(true);
    expect(await idOf(path)).not.toBe(await idOf(root));
    expect(await idOf(join(root, 'directory'))).toBe(await idOf(root));
    writeFileSync(join(path, 'file'), 'content');
    await inDirectory(root, (fd) => deleteSubvolume(fd, 'größe 1'));
    expect(readdirSync(root)).toEqual(['directory']);
  });

  test('a directory of another file system is not a subvolume, and cannot contain one', async () => {
    const directory = scratchDirectory();
    execFileSync('mount', ['-t', 'tmpfs', 'none', directory]);
    expect(await inDirectory(directory, isSubvolume)).toBe(false);
    await expect(create(directory, 'a')).rejects.toMatchObject({ code: 'ENOTTY' });
  });

  test('names that are taken, too long, or contain a NUL character are refused', async () => {
    const root = btrfs();
    mkdirSync(join(root, 'taken'));
    await expect(create(root, 'taken')).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(create(root, 'a'.repeat(256))).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
    await expect(create(root, 'a'.repeat(5000))).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
    await expect(create(root, 'a\0b')).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
    expect(readdirSync(root)).toEqual(['taken']);
  });

  test('a subvolume that contains another cannot be deleted alone', async () => {
    const root = btrfs();
    const outer = await create(root, 'outer');
    await create(outer, 'inner');
    await expect(inDirectory(root, (fd) => deleteSubvolume(fd, 'outer'))).rejects.toMatchObject({
      code: 'ENOTEMPTY',
    });
    await expect(inDirectory(root, (fd) => deleteSubvolume(fd, 'absent'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  test('the file system has the UUID of its directory in /sys', async () => {
    const uuid = await inDirectory(btrfs(), fileSystemUuid);
    expect(existsSync(`/sys/fs/btrfs/${uuid}`)).toBe(true);
  });
});

describe.skipIf(!isHostRoot)('removing a subvolume with nested subvolumes', () => {
  test('removes nested ones at several levels, in directories, read-only, and with odd names', async () => {
    const root = btrfs();
    const outer = await create(root, 'outer');
    mkdirSync(join(outer, 'some', 'directory'), { recursive: true });
    const middle = await create(join(outer, 'some', 'directory'), 'line\nbreak');
    const inner = await create(middle, 'inner');
    writeFileSync(join(await create(inner, 'innermost'), 'file'), 'content');
    const ids = await Promise.all([outer, middle, inner, join(inner, 'innermost')].map(idOf));
    for (const path of [join(inner, 'innermost'), inner, middle, outer]) makeReadOnly(path);
    const removed = await inDirectory(root, (fd) => removeSubvolumeTree(fd, 'outer'));
    expect(removed.sort()).toEqual(ids.sort());
    expect(readdirSync(root)).toEqual([]);
  });

  test('leaves neighbouring subvolumes', async () => {
    const root = btrfs();
    await create(root, 'beside');
    await create(await create(root, 'outer'), 'inner');
    await inDirectory(root, (fd) => removeSubvolumeTree(fd, 'outer'));
    expect(readdirSync(root)).toEqual(['beside']);
  });

  test('removes more nested ones than the kernel lists at once', async () => {
    const root = btrfs();
    const outer = await create(root, 'outer');
    await inDirectory(outer, async (fd) => {
      for (let index = 0; index < 300; index++) await createSubvolume(fd, `inner-${index}`);
      expect(await nestedSubvolumes(fd)).toHaveLength(300);
    });
    const removed = await inDirectory(root, (fd) => removeSubvolumeTree(fd, 'outer'));
    expect(new Set(removed).size).toBe(301);
    expect(readdirSync(root)).toEqual([]);
  });

  test('removes one at the end of a path that is too long to walk', async () => {
    const root = btrfs();
    const outer = await create(root, 'outer');
    const depth = 30;
    const part = 'd'.repeat(200);
    const command = `for i in $(seq ${depth}); do mkdir ${part} && cd ${part}; done; btrfs -q subvolume create inner`;
    execFileSync('bash', ['-c', command], { cwd: outer });
    expect(await inDirectory(outer, nestedSubvolumes)).toHaveLength(1);
    await inDirectory(root, (fd) => removeSubvolumeTree(fd, 'outer'));
    expect(readdirSync(root)).toEqual([]);
  });

  test('a plain tree is removed with the subvolumes in it, at any depth, read-only, and with their qgroups', async () => {
    const root = btrfs('qgroup');
    const tree = join(root, 'tree');
    const deep = join(tree, ...Array.from({ length: 40 }, () => 'deep'));
    mkdirSync(deep, { recursive: true });
    const made = [await create(tree, 'shallow'), await create(deep, 'deep')];
    mkdirSync(join(made[0] ?? '', 'directory'));
    made.push(await create(join(made[0] ?? '', 'directory'), 'nested'));
    const ids = await Promise.all(made.map(idOf));
    for (const path of made.reverse()) {
      writeFileSync(join(path, 'file'), 'content');
      makeReadOnly(path);
    }
    await removeTree(tree);
    expect(readdirSync(root)).toEqual([]);
    // The kernel cleans up after a commit, which would otherwise come only after half a minute.
    execFileSync('btrfs', ['filesystem', 'sync', root]);
    execFileSync('btrfs', ['subvolume', 'sync', '-s', '1', root]);
    const uuid = await inDirectory(root, fileSystemUuid);
    for (const id of ids) expect(await qgroupOf(uuid, id)).toBeUndefined();
  });

  test('accepts a missing path, and refuses a directory', async () => {
    const root = btrfs();
    mkdirSync(join(root, 'directory', 'inside'), { recursive: true });
    expect(await inDirectory(root, (fd) => removeSubvolumeTree(fd, 'absent'))).toEqual([]);
    await expect(inDirectory(root, (fd) => removeSubvolumeTree(fd, 'directory'))).rejects.toMatchObject({
      code: 'EINVAL',
    });
    expect(readdirSync(join(root, 'directory'))).toEqual(['inside']);
  });
});

async function subvolumeWithQuota(quota: 'qgroup' | 'squota') {
  const root = btrfs(quota);
  const path = await create(root, 'volume');
  const uuid = await inDirectory(root, fileSystemUuid);
  const id = await idOf(path);
  const setLimit = (limitBytes: bigint | undefined) =>
    inDirectory(root, (fd) => setQgroupLimit(fd, id, limitBytes));
  return { root, path, uuid, id, setLimit };
}

describe.skipIf(!isHostRoot)('qgroups', () => {
  test.each(['off', 'qgroup', 'squota'] as const)('file system with quotas %s says so', async (quota) => {
    const root = btrfs(quota);
    const uuid = await inDirectory(root, fileSystemUuid);
    expect(await quotaMode(uuid)).toBe(quota);
    if (quota === 'qgroup') execFileSync('btrfs', ['quota', 'rescan', '-w', root]);
    expect(await areQgroupsInconsistent(uuid)).toBe(false);
  });

  test.each(['qgroup', 'squota'] as const)(
    '%s: a limit reads back, applies to root too, and can be raised',
    async (quota) => {
      const { path, uuid, id, setLimit } = await subvolumeWithQuota(quota);
      expect((await qgroupOf(uuid, id))?.limitBytes).toBeUndefined();
      await setLimit(64n * BigInt(MIB));
      expect((await qgroupOf(uuid, id))?.limitBytes).toBe(64n * BigInt(MIB));
      const file = join(path, 'file');
      expect(() => writeFileSync(file, Buffer.alloc(65 * MIB))).toThrow(
        expect.objectContaining({ errno: -errno.EDQUOT }),
      );
      await setLimit(70n * BigInt(MIB));
      writeFileSync(file, Buffer.alloc(65 * MIB));
    },
  );

  test.each(['qgroup', 'squota'] as const)(
    '%s: usage includes written data, as of the last commit',
    async (quota) => {
      const { root, path, uuid, id } = await subvolumeWithQuota(quota);
      writeFileSync(join(path, 'file'), Buffer.alloc(16 * MIB));
      execFileSync('btrfs', ['filesystem', 'sync', root]);
      const used = (await qgroupOf(uuid, id))?.usedBytes ?? 0n;
      expect(used).toBeGreaterThanOrEqual(16n * BigInt(MIB));
      expect(used).toBeLessThan(17n * BigInt(MIB));
    },
  );

  test('a limit can be removed', async () => {
    const { path, uuid, id, setLimit } = await subvolumeWithQuota('qgroup');
    await setLimit(1n * BigInt(MIB));
    await setLimit(undefined);
    expect(await qgroupOf(uuid, id)).toMatchObject({ limitBytes: undefined });
    writeFileSync(join(path, 'file'), Buffer.alloc(2 * MIB));
  });

  test('the qgroup of a removed subvolume disappears once the kernel has cleaned up', async () => {
    const { root, uuid, id } = await subvolumeWithQuota('qgroup');
    await inDirectory(root, (fd) => removeSubvolumeTree(fd, 'volume'));
    // The kernel cleans up after a commit, which would otherwise come only after half a minute.
    execFileSync('btrfs', ['filesystem', 'sync', root]);
    execFileSync('btrfs', ['subvolume', 'sync', '-s', '1', root]);
    await inDirectory(root, (fd) => removeQgroup(fd, id));
    expect(await qgroupOf(uuid, id)).toBeUndefined();
    expect(await inDirectory(root, (fd) => removeQgroup(fd, id))).toBe(false);
  });

  test('without quotas setting a limit fails, and there is nothing to read or remove', async () => {
    const root = btrfs();
    const [uuid, id] = [await inDirectory(root, fileSystemUuid), await idOf(await create(root, 'volume'))];
    await expect(inDirectory(root, (fd) => setQgroupLimit(fd, id, 1n))).rejects.toMatchObject({
      code: 'ENOTCONN',
    });
    expect(await qgroupOf(uuid, id)).toBeUndefined();
    expect(await inDirectory(root, (fd) => removeQgroup(fd, id))).toBe(false);
  });
});
