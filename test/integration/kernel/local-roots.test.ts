import { closeSync, mkdirSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { addLocalMount, removeLocalMount } from '../../../src/kernel/calls/local-mounts.ts';
import { openHandle, withLocalPath } from '../../../src/kernel/calls/path-handle.ts';
import { statusOf } from '../../../src/kernel/calls/statx.ts';
import { startLookupsAt, stopLookupsAt } from '../../../src/kernel/file-systems/local-lookups.ts';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { bind } from '../../support/bind.ts';
import { scratchDirectory } from '../../support/scratch.ts';

/** A directory with a file and an empty directory, where lookups start. */
async function root() {
  const directory = join(scratchDirectory(), 'root');
  mkdirSync(join(directory, 'inner'), { recursive: true });
  writeFileSync(join(directory, 'file'), 'content');
  const started = await startLookupsAt(directory);
  if (!started) throw new Error(`${directory} is not on a local file system`);
  onTestFinished(() => stopLookupsAt(started));
  return { directory, started };
}

const typeAt = (path: string) => withLocalPath(path, statusOf)?.type;

test('what was made just now is found at once', async () => {
  const { directory } = await root();
  expect(typeAt(join(directory, 'file'))).toBe('file');
  expect(typeAt(join(directory, 'inner'))).toBe('directory');
  expect(typeAt(directory)).toBe('directory');
});

test('nothing is found at once across a mount', async () => {
  const { directory } = await root();
  const source = scratchDirectory();
  writeFileSync(join(source, 'mounted'), '');
  await bind(source, join(directory, 'inner'));
  expect(typeAt(join(directory, 'inner'))).toBeUndefined();
  expect(typeAt(join(directory, 'inner', 'mounted'))).toBeUndefined();
});

test('a mount point that is known to be local is found at once, and nothing in it', async () => {
  const { directory } = await root();
  const [source, target] = [scratchDirectory(), join(directory, 'inner')];
  writeFileSync(join(source, 'mounted'), '');
  addLocalMount(target, await bind(source, target));
  onTestFinished(() => removeLocalMount(target));
  expect(withLocalPath(target, statusOf)?.isMountRoot).toBe(true);
  expect(typeAt(join(target, 'mounted'))).toBeUndefined();
});

test('a mount that others removed or covered is not taken for the local one', async () => {
  const { directory } = await root();
  const target = join(directory, 'inner');
  const mountId = await bind(scratchDirectory(), target);
  addLocalMount(target, mountId);
  onTestFinished(() => removeLocalMount(target));
  await bind(scratchDirectory(), target);
  expect(typeAt(target)).toBeUndefined();
  for (let count = 0; count < 2; count++) await unmount(target);
  addLocalMount(target, mountId);
  expect(withLocalPath(target, statusOf)?.isMountRoot).toBe(false);
  rmdirSync(target);
  addLocalMount(target, mountId);
  expect(() => typeAt(target)).toThrow(/ENOENT/);
});

test('a root that is covered by a mount is not used: its path leads elsewhere now', async () => {
  const { directory, started } = await root();
  expect(started.isInPlace()).toBe(true);
  const other = scratchDirectory();
  mkdirSync(join(other, 'new'));
  await bind(other, directory);
  expect(started.isInPlace()).toBe(false);
  const fd = await openHandle(join(directory, 'new'));
  onTestFinished(() => closeSync(fd));
  expect(statusOf(fd).type).toBe('directory');
});

test('a root that was moved away is not used', async () => {
  const { directory, started } = await root();
  renameSync(directory, `${directory}-old`);
  expect(started.isInPlace()).toBe(false);
  mkdirSync(directory);
  expect(started.isInPlace()).toBe(false);
  expect(typeAt(join(directory, 'file'))).toBeUndefined();
});
