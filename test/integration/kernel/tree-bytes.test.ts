import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { StopFlag, StoppedError } from '../../../src/kernel/calls/stop-flag.ts';
import { treeBytes as countTree } from '../../../src/kernel/trees/tree-bytes.ts';
import { treeBytes } from '../../../src/kernel/workers/tree-tasks.ts';
import { bind } from '../../support/bind.ts';
import { sourceAndTarget } from '../../support/copy-places.ts';
import { makeDeep } from '../../support/deep-path.ts';
import { makeSparseFile } from '../../support/sample-tree.ts';

const { signal } = new AbortController();

test('files count with their disk usage, without holes', async () => {
  const { source } = sourceAndTarget();
  expect(await treeBytes(source, signal)).toBe(0n);
  mkdirSync(join(source, 'one', 'two'), { recursive: true });
  makeSparseFile(join(source, 'one', 'sparse'), [0, 1_048_576], 1_000_000_000);
  makeSparseFile(join(source, 'one', 'two', 'short'), [0], 17);
  symlinkSync('nowhere', join(source, 'link'));
  expect(await treeBytes(source, signal)).toBe(3n * 4096n);
});

test('a file with several names counts once', async () => {
  const { source } = sourceAndTarget();
  mkdirSync(join(source, 'inner'));
  makeSparseFile(join(source, 'file'), [0], 4096);
  linkSync(join(source, 'file'), join(source, 'again'));
  linkSync(join(source, 'file'), join(source, 'inner', 'again'));
  expect(await treeBytes(source, signal)).toBe(4096n);
});

test('a file with thousands of names counts exactly, without a list of its names', async () => {
  const { source } = sourceAndTarget();
  makeSparseFile(join(source, 'file'), [0], 4096);
  for (let name = 0; name < 3000; name++) linkSync(join(source, 'file'), join(source, `${name}`));
  makeSparseFile(join(source, 'other'), [0], 4096);
  for (let name = 0; name < 6; name++) linkSync(join(source, 'other'), join(source, `other-${name}`));
  expect(await treeBytes(source, signal)).toBe(2n * 4096n);
});

test('a file that has names outside the tree counts in proportion to its names in the tree', async () => {
  const { source, target } = sourceAndTarget();
  makeSparseFile(join(source, 'file'), [0], 4096);
  linkSync(join(source, 'file'), join(target, 'outside'));
  expect(await treeBytes(source, signal)).toBe(2048n);
});

test('mounts do not count, but the directories below them do', async () => {
  const { source, target } = sourceAndTarget();
  mkdirSync(join(source, 'mounted'));
  makeSparseFile(join(source, 'mounted', 'below'), [0], 4096);
  makeSparseFile(join(target, 'large'), [0, 8192, 16_384], 1_000_000);
  await bind(target, join(source, 'mounted'));
  expect(await treeBytes(source, signal)).toBe(4096n);
});

test('a tree of 1,500 levels is counted', async () => {
  const { source } = sourceAndTarget();
  makeDeep(
    source,
    Array.from({ length: 1500 }, () => 'deep'),
  );
  makeSparseFile(join(source, 'deep', 'file'), [0], 4096);
  expect(await treeBytes(source, signal)).toBe(4096n);
});

test('the count can be stopped', async () => {
  const { source } = sourceAndTarget();
  const reason = new Error('not wanted');
  await expect(treeBytes(source, AbortSignal.abort(reason))).rejects.toBe(reason);
});

test('the count stops between two files', async () => {
  const { source } = sourceAndTarget();
  for (let file = 0; file < 20; file++) writeFileSync(join(source, `${file}`), '');
  const stop = new StopFlag();
  let checks = 0;
  vi.spyOn(stop, 'throwIfStopped').mockImplementation(() => {
    if (++checks === 10) throw new StoppedError('stopped');
  });
  await expect(countTree(source, { stop })).rejects.toThrow(StoppedError);
  expect(checks).toBe(10);
});

test('a missing tree is an error', async () => {
  const { source } = sourceAndTarget();
  await expect(treeBytes(join(source, 'absent'), signal)).rejects.toMatchObject({ code: 'ENOENT' });
});
