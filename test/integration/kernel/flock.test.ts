import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { tryLock } from '../../../src/kernel/attributes/flock.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { waitingProcess } from '../../support/waiting-process.ts';

function lockFile(): { path: string; open: () => number } {
  const path = join(scratchDirectory(), 'lock');
  const open = () => {
    const fd = openSync(path, 'a');
    onTestFinished(() => {
      try {
        closeSync(fd);
      } catch {
        // The test has closed it.
      }
    });
    return fd;
  };
  return { path, open };
}

function isFreeForOthers(path: string): boolean {
  return spawnSync('flock', ['--nonblock', path, 'true']).status === 0;
}

test('a lock excludes other processes until its file is closed', () => {
  const { path, open } = lockFile();
  const fd = open();
  expect(tryLock(fd)).toBe(true);
  expect(isFreeForOthers(path)).toBe(false);
  closeSync(fd);
  expect(isFreeForOthers(path)).toBe(true);
});

test('a lock held by another process cannot be taken, and is free after that process is killed', async () => {
  const { path, open } = lockFile();
  const fd = open();
  // Without a child of its own, the process that holds the lock is the one that is killed.
  const holder = await waitingProcess('flock', ['--no-fork', path, 'sh', '-c', 'echo held; exec cat'], {
    saysReady: true,
  });
  expect(tryLock(fd)).toBe(false);
  await holder.end('SIGKILL');
  expect(tryLock(fd)).toBe(true);
});

test('a lock taken again through the same open file is still held', () => {
  const { path, open } = lockFile();
  const fd = open();
  expect(tryLock(fd)).toBe(true);
  expect(tryLock(fd)).toBe(true);
  expect(isFreeForOthers(path)).toBe(false);
});

test('two opens of one file in one process exclude each other', () => {
  const { open } = lockFile();
  expect(tryLock(open())).toBe(true);
  expect(tryLock(open())).toBe(false);
});
