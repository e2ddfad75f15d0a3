import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withPath } from '../../../src/kernel/calls/path-handle.ts';
import { statusBelow, statusOf } from '../../../src/kernel/calls/statx.ts';
import { readMountinfo } from '../../../src/kernel/mounts/mountinfo.ts';
import { bind } from '../../support/bind.ts';
import { scratchDirectory } from '../../support/scratch.ts';

test('reports the file type, inode and size', async () => {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'directory'));
  writeFileSync(join(directory, 'file'), 'six by');
  symlinkSync('nowhere', join(directory, 'symlink'));
  execFileSync('mkfifo', [join(directory, 'other')]);
  for (const type of ['directory', 'file', 'symlink', 'other']) {
    const { ino, size } = lstatSync(join(directory, type), { bigint: true });
    expect(await withPath(join(directory, type), statusOf)).toMatchObject({
      type,
      inode: ino,
      sizeBytes: size,
    });
    const below = await withPath(directory, (fd) => statusBelow(fd, type));
    expect(below).toEqual(await withPath(join(directory, type), statusOf));
  }
});

test('reports a mount point, and its mount id', async () => {
  const directory = scratchDirectory();
  const [source, target] = [join(directory, 'source'), join(directory, 'target')];
  mkdirSync(join(source, 'inner'), { recursive: true });
  mkdirSync(target);
  const mountId = await bind(source, target);
  const entries = readMountinfo();
  expect(entries.find((entry) => entry.path === target)?.mountId).toBe(mountId);

  const { inode, device } = await withPath(source, statusOf);
  expect(await withPath(source, statusOf)).toMatchObject({ isMountRoot: false });
  expect(await withPath(target, statusOf)).toMatchObject({ isMountRoot: true, mountId, inode, device });
  expect(await withPath(directory, (fd) => statusBelow(fd, 'target'))).toMatchObject({
    isMountRoot: true,
    mountId,
  });
  expect(await withPath(join(target, 'inner'), statusOf)).toMatchObject({ isMountRoot: false, mountId });
});

test('reports a file that is a mount point', async () => {
  const directory = scratchDirectory();
  writeFileSync(join(directory, 'source'), 'content');
  writeFileSync(join(directory, 'target'), '');
  await bind(join(directory, 'source'), join(directory, 'target'));
  const expected = { isMountRoot: true, type: 'file', sizeBytes: 7n };
  expect(await withPath(join(directory, 'target'), statusOf)).toMatchObject(expected);
});

test('two file systems have different devices', async () => {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'tmpfs'));
  execFileSync('mount', ['-t', 'tmpfs', 'none', join(directory, 'tmpfs')]);
  const outside = await withPath(directory, statusOf);
  const inside = await withPath(join(directory, 'tmpfs'), statusOf);
  expect(inside.device).not.toBe(outside.device);
});
