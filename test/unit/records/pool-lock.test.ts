import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockPool } from '../../../src/records/pool-lock.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

test('a pool is held by one at a time, and by the next when it is released', async () => {
  const path = join(temporaryDirectory(), 'lock');
  const first = await lockPool(path, 0);
  await expect(lockPool(path, 0)).rejects.toThrow(`another driver holds ${path}`);
  await first.release();
  await (await lockPool(path, 0)).release();
});

test('the lock file of a process before is used as it is', async () => {
  const path = join(temporaryDirectory(), 'lock');
  writeFileSync(path, 'left');
  await (await lockPool(path, 0)).release();
  expect(readFileSync(path, 'utf8')).toBe('left');
});

test('a lock may be released twice, and the second time lets go of nobody else’s', async () => {
  const path = join(temporaryDirectory(), 'lock');
  const first = await lockPool(path, 0);
  await first.release();
  const second = await lockPool(path, 0);
  await first.release();
  await expect(lockPool(path, 0)).rejects.toThrow('another driver holds');
  await second.release();
});
