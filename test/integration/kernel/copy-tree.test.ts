import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errno, errnoOf } from '../../../src/kernel/calls/errno.ts';
import { StopFlag, StoppedError } from '../../../src/kernel/calls/stop-flag.ts';
import { projectOf, setProject } from '../../../src/kernel/file-systems/project-quota.ts';
import { mountAttr } from '../../../src/kernel/mounts/bind-mount.ts';
import { copyTree as copyTreeHere } from '../../../src/kernel/trees/copy-tree.ts';
import { copyTree, removeTree } from '../../../src/kernel/workers/tree-tasks.ts';
import { bind } from '../../support/bind.ts';
import { runningOnBytes, unhindered } from '../../support/copy-controls.ts';
import { copyPlaces, sourceAndTarget } from '../../support/copy-places.ts';
import { makeDeep } from '../../support/deep-path.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { opened } from '../../support/loop.ts';
import { makeSampleTree } from '../../support/sample-tree.ts';
import { listTree } from '../../support/tree-listing.ts';

function freeBytes(directory: string): number {
  execFileSync('sync', ['--file-system', directory]);
  const { bfree, bsize } = statfsSync(directory);
  return bfree * bsize;
}

describe('the content of the tree', () => {
  test('a copy equals the tree in every visible property', async () => {
    const { source, target } = sourceAndTarget();
    await makeSampleTree(source);
    const before = await listTree(source);
    await copyTree(source, target, unhindered);
    expect(await listTree(target)).toEqual(before);
    expect(await listTree(source)).toEqual(before);
  });

  test.each(copyPlaces)('a copy equals the tree on disks: $name', async ({ make }) => {
    const { source, target } = make();
    await makeSampleTree(source);
    const before = await listTree(source);
    await copyTree(source, target, unhindered);
    expect(await listTree(target)).toEqual(before);
  });

  test('an empty directory passes on its own attributes', async () => {
    const { source, target } = sourceAndTarget();
    chmodSync(source, 0o2751);
    await copyTree(source, target, unhindered);
    expect(await listTree(target)).toEqual(await listTree(source));
  });

  test.runIf(isHostRoot)('access times are copied, and reading the source does not change them', async () => {
    const { source, target } = sourceAndTarget();
    await makeSampleTree(source);
    const names = ['.', 'one', 'one/two', 'one/odd-size', 'empty', 'hole-inside', 'link-0', 'fifo', 'linked'];
    const atimes = (directory: string) =>
      names.map((name) => [name, lstatSync(join(directory, name), { bigint: true }).atimeNs]);
    const before = atimes(source);
    await bind(source, source, mountAttr.strictatime, mountAttr.accessTimeMask);
    await copyTree(source, target, unhindered);
    expect(atimes(target)).toEqual(before);
    expect(atimes(source)).toEqual(before);
  });

  test("a directory's default access control list does not affect existing entries", async () => {
    const { source, target } = sourceAndTarget();
    await makeSampleTree(source);
    await copyTree(source, target, unhindered);
    const copied = await listTree(target);
    expect(copied['./one']?.xattrs).toHaveProperty(['system.posix_acl_default']);
    expect(copied['./one/two']?.xattrs).toEqual({});
    expect(copied['./one/odd-size']?.xattrs).toEqual({});
  });

  test('hard links to outside the tree and inside it stay separate', async () => {
    const { source, target } = sourceAndTarget();
    writeFileSync(join(source, 'file'), 'content');
    linkSync(join(source, 'file'), join(source, '..', 'outside'));
    linkSync(join(source, 'file'), join(source, 'again'));
    await copyTree(source, target, unhindered);
    expect(await listTree(target)).toEqual(await listTree(source));
    expect(statSync(join(target, 'file')).nlink).toBe(2);
    expect(readdirSync(target)).toEqual(['again', 'file']);
  });

  test('hundreds of names of a few files are found anywhere', async () => {
    const { source, target } = sourceAndTarget();
    for (let directory = 0; directory < 40; directory++) {
      mkdirSync(join(source, `${directory}`));
      for (let file = 0; file < 10; file++) {
        const path = join(source, `${directory}`, `file-${file}`);
        if (directory === 0) writeFileSync(path, `content ${file}`);
        else linkSync(join(source, '0', `file-${file}`), path);
      }
    }
    await copyTree(source, target, unhindered);
    expect(await listTree(target)).toEqual(await listTree(source));
    expect(statSync(join(target, '7', 'file-3')).nlink).toBe(40);
  });

  test('a wide tree is copied', async () => {
    const { source, target } = sourceAndTarget();
    for (let directory = 0; directory < 20; directory++) {
      mkdirSync(join(source, `${directory}`, 'inner'), { recursive: true });
      for (let file = 0; file < 20; file++) {
        writeFileSync(join(source, `${directory}`, `file-${file}`), `${directory} ${file}`);
      }
    }
    await copyTree(source, target, unhindered);
    expect(await listTree(target)).toEqual(await listTree(source));
  });

  test('a tree of 1,500 levels is copied, with few files open', async () => {
    const { source, target } = sourceAndTarget();
    const names = Array.from({ length: 1500 }, () => 'deep');
    makeDeep(source, names);
    execFileSync('sh', ['-c', 'for i in $(seq 150); do cd -P deep/deep/deep/deep; echo $i > file; done'], {
      cwd: source,
    });
    const openBefore = readdirSync('/proc/self/fd').length;
    let openMost = 0;
    const onBytes = () => {
      openMost = Math.max(openMost, readdirSync('/proc/self/fd').length - openBefore);
    };
    await copyTreeHere(source, target, runningOnBytes(onBytes));
    expect(openMost).toBeLessThan(150);
    expect(readdirSync('/proc/self/fd').length).toBe(openBefore);
    expect(await listTree(target)).toEqual(await listTree(source));
  });

  test('deep directories that branch are copied as well', async () => {
    const { source, target } = sourceAndTarget();
    for (let branch = 0; branch < 20; branch++) {
      makeDeep(source, [...Array.from({ length: 40 }, () => 'deep'), `${branch}`, 'deeper']);
    }
    await copyTree(source, target, unhindered);
    expect(await listTree(target)).toEqual(await listTree(source));
  });
});

describe('a very deep tree', () => {
  test('is copied with thousands of nested directories', async () => {
    const { source, target } = sourceAndTarget();
    const deep = Array.from({ length: 32 }, () => 'd');
    makeDeep(source, deep);
    const names = Array.from({ length: 4200 }, (_, index) => `${index}`);
    for (const name of names) mkdirSync(join(source, ...deep, name, 'inner'), { recursive: true });
    await copyTree(source, target, unhindered);
    expect(readdirSync(join(target, ...deep)).sort()).toEqual(names.sort());
    for (const name of names) expect(readdirSync(join(target, ...deep, name))).toEqual(['inner']);
  });
});

describe('on disks', () => {
  const sharing = copyPlaces.filter(({ outcome }) => outcome === 'shared');

  test.each(sharing)('files share their blocks: $name', async ({ make }) => {
    const { source, target } = make();
    const bytes = 32 * 1024 ** 2;
    writeFileSync(join(source, 'large'), Buffer.alloc(bytes, 'large'));
    writeFileSync(join(source, 'set-id'), Buffer.alloc(bytes, 'large'));
    chmodSync(join(source, 'set-id'), 0o4755);
    const before = freeBytes(source);
    let copiedBytes = 0n;
    const onBytes = (bytes: bigint) => {
      copiedBytes += bytes;
    };
    await copyTree(source, target, { ...unhindered, onBytes });
    expect(before - freeBytes(source)).toBeLessThan(bytes);
    expect(copiedBytes).toBe(0n);
    expect(await listTree(target)).toEqual(await listTree(source));
  });

  describe.skipIf(!isHostRoot)('as root', () => {
    test('the copy belongs to the project of its directory', async () => {
      const place = copyPlaces.find(({ name }) => name === 'XFS');
      const { source, target } = place?.make() ?? sourceAndTarget();
      await setProject(opened(source, 'r'), 7);
      await makeSampleTree(source);
      await setProject(opened(target, 'r'), 42);
      await copyTree(source, target, unhindered);
      for (const name of ['one/two/three', 'one/two/three/short', 'one/odd-size', 'linked', 'mode-4755']) {
        expect(projectOf(opened(join(target, name), 'r'))).toMatchObject({ projectId: 42 });
      }
      expect(projectOf(opened(join(target, 'one', 'two'), 'r')).inherits).toBe(true);
    });

    test('an immutable file is copied as one that can be removed', async () => {
      const { source, target } = sourceAndTarget();
      writeFileSync(join(source, 'file'), 'content');
      mkdirSync(join(source, 'directory'));
      execFileSync('chattr', ['+i', join(source, 'file'), join(source, 'directory')]);
      try {
        await copyTree(source, target, unhindered);
        expect(await listTree(target)).toEqual(await listTree(source));
      } finally {
        execFileSync('chattr', ['-i', join(source, 'file'), join(source, 'directory')]);
      }
      await removeTree(target);
    });

    test('a full disk is reported as such', async () => {
      const { source } = sourceAndTarget();
      const target = mountedImage({ mkfs: ['mkfs.ext4', '-q', '-m', '0'], sizeBytes: 8 * 1024 ** 2 });
      await removeTree(join(target, 'lost+found'));
      for (let file = 0; file < 20; file++) {
        writeFileSync(join(source, `${file}`), Buffer.alloc(1024 ** 2, 'content'));
      }
      const error = await copyTree(source, target, unhindered).catch((reason: unknown) => reason);
      expect(errnoOf(error)).toBe(errno.ENOSPC);
    });

    test("attributes that the target's file system does not support are an error", async () => {
      const { source, target } = sourceAndTarget();
      execFileSync('mount', ['-t', 'ramfs', 'none', target]);
      await makeSampleTree(source);
      await expect(copyTree(source, target, unhindered)).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
    });
  });
});

describe('mounts and links', () => {
  test('a mount in the tree is not copied, but the directory below it is', async () => {
    const { source, target } = sourceAndTarget();
    const outside = join(source, '..', 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'precious'), 'precious');
    mkdirSync(join(source, 'mounted'));
    writeFileSync(join(source, 'mounted', 'below'), 'below');
    writeFileSync(join(source, 'mounted-file'), 'below');
    const before = await listTree(source);
    await bind(outside, join(source, 'mounted'));
    await bind(join(outside, 'precious'), join(source, 'mounted-file'));
    await copyTree(source, target, unhindered);
    expect(await listTree(target)).toEqual(before);
  });

  test('a source that is a mount point is copied with its mounted content', async () => {
    const { source, target } = sourceAndTarget();
    const point = join(source, '..', 'point');
    mkdirSync(point);
    writeFileSync(join(source, 'file'), 'content');
    await bind(source, point);
    await copyTree(point, target, unhindered);
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('content');
  });

  test('a symbolic link as the source, as the target or in their paths is an error', async () => {
    const { source, target } = sourceAndTarget();
    const link = join(source, '..', 'link');
    symlinkSync('.', link);
    symlinkSync('source', `${link}-to-source`);
    symlinkSync('target', `${link}-to-target`);
    const code = expect.stringMatching(/^(ENOTDIR|ELOOP)$/);
    for (const path of [`${link}-to-source`, join(link, 'source')]) {
      await expect(copyTree(path, target, unhindered)).rejects.toMatchObject({ code });
    }
    for (const path of [`${link}-to-target`, join(link, 'target')]) {
      await expect(copyTree(source, path, unhindered)).rejects.toMatchObject({ code });
    }
    expect(readdirSync(target)).toEqual([]);
  });
});

describe('invalid arguments', () => {
  test('a source that is missing or not a directory is an error', async () => {
    const { source, target } = sourceAndTarget();
    writeFileSync(join(source, 'file'), '');
    await expect(copyTree(join(source, 'absent'), target, unhindered)).rejects.toMatchObject({
      code: 'ENOENT',
    });
    await expect(copyTree(join(source, 'file'), target, unhindered)).rejects.toMatchObject({
      code: 'ENOTDIR',
    });
  });

  test('a target that is missing is made', async () => {
    const { source, target } = sourceAndTarget();
    chmodSync(source, 0o751);
    writeFileSync(join(source, 'file'), 'content');
    await copyTree(source, join(target, 'new'), unhindered);
    expect(await listTree(join(target, 'new'))).toEqual(await listTree(source));
  });

  test('a target whose parent is missing, or that is not a directory or not empty, is an error', async () => {
    const { source, target } = sourceAndTarget();
    writeFileSync(join(source, 'file'), 'content');
    const code = expect.stringMatching(/^(ENOENT|ENOTDIR|ENOTEMPTY)$/);
    writeFileSync(join(target, 'file'), 'precious');
    for (const path of [target, join(target, 'absent', 'new'), join(target, 'file')]) {
      await expect(copyTree(source, path, unhindered)).rejects.toMatchObject({ code });
    }
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('precious');
  });
});

describe('stopping', () => {
  test('a copy that is stopped before it begins makes nothing', async () => {
    const { source, target } = sourceAndTarget();
    writeFileSync(join(source, 'file'), 'content');
    const reason = new Error('not wanted');
    const control = { ...unhindered, signal: AbortSignal.abort(reason) };
    await expect(copyTree(source, target, control)).rejects.toBe(reason);
    expect(readdirSync(target)).toEqual([]);
  });

  test('a copy that is stopped halfway fails, and leaves nothing open', async () => {
    const { source, target } = sourceAndTarget();
    for (let file = 0; file < 200; file++) writeFileSync(join(source, `${file}`), 'content');
    for (let directory = 0; directory < 200; directory++) mkdirSync(join(source, `directory-${directory}`));
    const openBefore = readdirSync('/proc/self/fd').length;
    const stop = new StopFlag();
    const copying = copyTreeHere(
      source,
      target,
      runningOnBytes(() => stop.stop(), stop),
    );
    await expect(copying).rejects.toBeInstanceOf(StoppedError);
    expect(readdirSync(target).length).toBeLessThan(400);
    expect(readdirSync('/proc/self/fd').length).toBe(openBefore);
  });

  test('a large file is stopped in the middle', async () => {
    const { source, target } = sourceAndTarget();
    writeFileSync(join(source, 'large'), Buffer.alloc(64 * 1024 ** 2, 'large'));
    const stop = new StopFlag();
    const copying = copyTreeHere(
      source,
      target,
      runningOnBytes(() => stop.stop(), stop),
    );
    await expect(copying).rejects.toBeInstanceOf(StoppedError);
    expect(statSync(join(target, 'large')).size).toBeLessThan(64 * 1024 ** 2);
  });
});
