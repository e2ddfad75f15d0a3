import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { rename, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyTree as copyTreeHere } from '../../../src/kernel/trees/copy-tree.ts';
import { copyTree } from '../../../src/kernel/workers/tree-tasks.ts';
import { runningOnBytes, unhindered } from '../../support/copy-controls.ts';
import { sourceAndTarget } from '../../support/copy-places.ts';
import { listTree } from '../../support/tree-listing.ts';

/** This many names of entries. */
function numbered(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${kind}-${index}`);
}

/** A copy during which an action runs once, after something has been copied. */
async function copyDuring(source: string, target: string, change: () => void): Promise<void> {
  let isChanged = false;
  const onBytes = () => {
    if (!isChanged) change();
    isChanged = true;
  };
  await copyTreeHere(source, target, runningOnBytes(onBytes));
}

test('entries that disappear during the copy are left out, and the rest is copied', async () => {
  const { source, target } = sourceAndTarget();
  const files = numbered('file', 300);
  for (const name of files) writeFileSync(join(source, name), name);
  for (const name of numbered('kept', 20)) writeFileSync(join(source, name), name);
  for (const name of numbered('directory', 50)) {
    mkdirSync(join(source, name));
    writeFileSync(join(source, name, 'file'), name);
  }
  const remove = async () => {
    for (const name of files) await unlink(join(source, name));
    for (const name of numbered('directory', 50)) rmSync(join(source, name), { recursive: true });
  };
  await Promise.all([copyTree(source, target, unhindered), remove()]);
  expect(readdirSync(target)).toEqual(expect.arrayContaining(numbered('kept', 20)));
});

test('files and directories that are swapped for symbolic links during the copy are not followed', async () => {
  const { source, target } = sourceAndTarget();
  const outside = join(source, '..', 'outside');
  mkdirSync(join(outside, 'inner'), { recursive: true });
  writeFileSync(join(outside, 'inner', 'file'), 'precious');
  const away = join(source, '..', 'away');
  mkdirSync(away);
  const directories = numbered('directory', 100);
  const files = numbered('file', 100);
  for (const name of directories) mkdirSync(join(source, name));
  for (const name of files) writeFileSync(join(source, name), 'own');
  const swap = async (names: readonly string[], text: string) => {
    for (const name of names) {
      await rename(join(source, name), join(away, name));
      await symlink(text, join(source, name));
    }
  };
  await Promise.all([
    copyTree(source, target, unhindered),
    swap(directories, outside),
    swap(files, join(outside, 'inner', 'file')),
  ]);
  const copied = Object.entries(await listTree(target));
  expect(copied.map(([name]) => name).filter((name) => name.includes('inner'))).toEqual([]);
  const own = await listTree(away);
  const contents = new Set(copied.map(([, entry]) => entry.contentHash));
  expect([undefined, own['./file-0']?.contentHash]).toEqual(expect.arrayContaining([...contents]));
});

test('files that are swapped for fifos or directories during the copy are left out, or copied as their new type', async () => {
  const { source, target } = sourceAndTarget();
  const files = numbered('file', 100);
  for (const name of files) writeFileSync(join(source, name), 'own');
  await copyDuring(source, target, () => {
    const [fifos, directories] = [files.slice(0, 50), files.slice(50)];
    for (const name of files) rmSync(join(source, name));
    execFileSync(
      'mkfifo',
      fifos.map((name) => join(source, name)),
    );
    for (const name of directories) mkdirSync(join(source, name));
  });
  const types = Object.values(await listTree(target)).map(({ type }) => type);
  expect(['directory', 'fifo', 'file']).toEqual(expect.arrayContaining(types));
});

test('a directory that is moved out of the tree during the copy exposes nothing outside', async () => {
  const { source, target } = sourceAndTarget();
  const outside = join(source, '..', 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'precious'), 'precious');
  const inner = join(source, 'moved', 'a', 'b', 'c');
  mkdirSync(inner, { recursive: true });
  for (const name of numbered('file', 50)) writeFileSync(join(inner, name), 'own');
  await copyDuring(source, target, () => renameSync(join(source, 'moved'), join(outside, 'moved')));
  expect(Object.keys(await listTree(target)).filter((name) => name.includes('precious'))).toEqual([]);
});

test('a file that shrinks during the copy is copied up to its new end', async () => {
  const { source, target } = sourceAndTarget();
  const path = join(source, 'file');
  writeFileSync(path, Buffer.alloc(32 * 1024 ** 2, 'content'));
  await copyDuring(source, target, () => truncateSync(path, 1000));
  const copied = await listTree(target, { holes: false });
  expect(copied['./file']).toMatchObject({ sizeBytes: 1000n });
  const now = await listTree(source, { holes: false });
  expect(copied['./file']?.contentHash).toBe(now['./file']?.contentHash);
});

test('a file that grows during the copy is copied up to its old end', async () => {
  const { source, target } = sourceAndTarget();
  const path = join(source, 'file');
  const sizeBytes = 16 * 1024 ** 2 + 17;
  writeFileSync(path, Buffer.alloc(sizeBytes, 'content'));
  const onBytes = () => appendFileSync(path, 'more'.repeat(100_000));
  await copyTreeHere(source, target, runningOnBytes(onBytes));
  expect((await listTree(target))['./file']).toMatchObject({ sizeBytes: BigInt(sizeBytes) });
});

test('a file that is removed while it is copied is copied completely', async () => {
  const { source, target } = sourceAndTarget();
  const path = join(source, 'file');
  writeFileSync(path, Buffer.alloc(16 * 1024 ** 2, 'content'));
  const before = await listTree(source);
  await copyDuring(source, target, () => rmSync(path));
  expect((await listTree(target))['./file']).toEqual(before['./file']);
});

test('new names for a file during the copy do not disturb it', async () => {
  const { source, target } = sourceAndTarget();
  writeFileSync(join(source, 'linked-0'), 'content');
  for (const name of numbered('file', 100)) writeFileSync(join(source, name), name);
  symlinkSync('nowhere', join(source, 'link'));
  const shuffle = async () => {
    for (let round = 0; round < 50; round++) {
      const [from, to] = [join(source, `file-${round}`), join(source, `moved-${round}`)];
      await rename(from, to);
      await rename(to, from);
    }
  };
  await Promise.all([copyTree(source, target, unhindered), shuffle()]);
  expect(readdirSync(target)).toEqual(expect.arrayContaining(['linked-0', 'link', 'file-99']));
});
