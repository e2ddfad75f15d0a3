import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { below, withPath } from '../../../src/kernel/calls/path-handle.ts';
import { statusOf } from '../../../src/kernel/calls/statx.ts';
import { makeDeep, namesForLength } from '../../support/deep-path.ts';
import { scratchDirectory } from '../../support/scratch.ts';

function someFiles() {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'real', 'inner'), { recursive: true });
  writeFileSync(join(directory, 'real', 'file'), 'content');
  symlinkSync('real', join(directory, 'link'));
  return directory;
}

describe('withPath', () => {
  test('a symbolic link as the last component is opened itself', async () => {
    expect(await withPath(join(someFiles(), 'link'), statusOf)).toMatchObject({ type: 'symlink' });
  });

  test.each([
    ['a symbolic link in the path is refused', 'link/inner', 'ELOOP'],
    ['a symbolic link with a trailing slash is refused', 'link/', 'ELOOP'],
    ['a missing path is ENOENT', 'real/absent', 'ENOENT'],
    ['a file in the path is ENOTDIR', 'real/file/inner', 'ENOTDIR'],
    ['a component of 256 bytes is ENAMETOOLONG', `real/${'n'.repeat(256)}`, 'ENAMETOOLONG'],
  ])('%s', async (_, path, code) => {
    await expect(withPath(`${someFiles()}/${path}`, () => {})).rejects.toMatchObject({ code });
  });

  test('a link of /proc that leads out of a path by magic is refused', async () => {
    const directory = someFiles();
    await withPath(join(directory, 'real'), async (fd) => {
      await expect(withPath(`/proc/${process.pid}/fd/${fd}/inner`, () => {})).rejects.toMatchObject({
        code: 'ELOOP',
      });
    });
  });

  test('a path of 4,095 bytes is opened, a longer one is ENAMETOOLONG', async () => {
    const directory = someFiles();
    const names = namesForLength(directory, 4095);
    makeDeep(directory, names);
    const path = join(directory, ...names);
    expect(Buffer.byteLength(path)).toBe(4095);
    expect(await withPath(path, statusOf)).toMatchObject({ type: 'directory' });
    await expect(withPath(`${path}x`, () => {})).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  });

  test('nothing stays open, even if its use fails', async () => {
    const directory = someFiles();
    // Reading the list opens it, in the same way each time.
    const openCount = () => readdirSync('/proc/self/fd').length;
    const before = openCount();
    await withPath(directory, () => {});
    await expect(withPath(directory, () => Promise.reject(new Error('of the use')))).rejects.toThrow(
      'of the use',
    );
    expect(openCount()).toBe(before);
  });
});

test('below reaches the open directory even after it was renamed and its path reused', async () => {
  const directory = someFiles();
  await withPath(join(directory, 'real'), (fd) => {
    renameSync(join(directory, 'real'), join(directory, 'moved'));
    execFileSync('mkdir', [join(directory, 'real')]);
    writeFileSync(join(directory, 'real', 'file'), 'an impostor');
    expect(readFileSync(below(fd, 'file'), 'utf8')).toBe('content');
    expect(readdirSync(below(fd)).sort()).toEqual(['file', 'inner']);
  });
});
