import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockPool } from '../../../src/pools/directory/pool-lock.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

function newPool() {
  const root = temporaryDirectory();
  return { root, lock: join(root, 'lock') };
}

test('a pool is held by one process at a time, and by the next when it is released', async () => {
  const pool = newPool();
  const first = await lockPool(pool, 0);
  await expect(lockPool(pool, 0)).rejects.toThrow(`another driver has locked ${pool.lock}`);
  await first.release();
  await (await lockPool(pool, 0)).release();
});

test('the lock file of an earlier process is reused', async () => {
  const pool = newPool();
  writeFileSync(pool.lock, 'left');
  await (await lockPool(pool, 0)).release();
  expect(readFileSync(pool.lock, 'utf8')).toBe('left');
});

test('a lock can be released twice, without releasing the lock of another process', async () => {
  const pool = newPool();
  const first = await lockPool(pool, 0);
  await first.release();
  const second = await lockPool(pool, 0);
  await first.release();
  await expect(lockPool(pool, 0)).rejects.toThrow('another driver has locked');
  await second.release();
});

test.each([
  ['removed', (lock: string) => rmSync(lock)],
  [
    'replaced',
    (lock: string) => {
      renameSync(lock, `${lock}.old`);
      writeFileSync(lock, '');
    },
  ],
])('a lock file that is %s while the pool is held lets no second driver in', async (_, change) => {
  const pool = newPool();
  const first = await lockPool(pool, 0);
  change(pool.lock);
  await expect(lockPool(pool, 0)).rejects.toThrow(`another driver has locked ${pool.root}`);
  await first.release();
  await (await lockPool(pool, 0)).release();
  expect(existsSync(pool.lock)).toBe(true);
});

test.each([
  ['a FIFO', (lock: string) => execFileSync('mkfifo', [lock])],
  ['a directory', (lock: string) => mkdirSync(lock)],
  ['a symbolic link', (lock: string) => symlinkSync('elsewhere', lock)],
])('%s in place of the lock file is refused, naming it, and the pool is not held', async (_, put) => {
  const pool = newPool();
  put(pool.lock);
  await expect(lockPool(pool, 0)).rejects.toThrow(`${pool.lock} is not a regular file; remove it`);
  rmSync(pool.lock, { recursive: true });
  await (await lockPool(pool, 0)).release();
});
