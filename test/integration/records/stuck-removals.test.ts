import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { removeTree } from '../../../src/kernel/workers/tree-tasks.ts';
import { RemovalQueue } from '../../../src/records/removal-queue.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { isHostRoot } from '../../support/host-root.ts';

test.skipIf(!isHostRoot)('an immutable file is named, and its directory is removed later', async () => {
  const directory = join(mountedImage({ mkfs: ['mkfs.ext4', '-q'] }), 'deleted');
  const file = join(directory, 'data', 'immutable');
  mkdirSync(join(directory, 'data'), { recursive: true });
  writeFileSync(file, '');
  const setImmutable = (sign: '+' | '-') => execFileSync('chattr', [`${sign}i`, file]);
  setImmutable('+');
  onTestFinished(() => {
    if (existsSync(file)) setImmutable('-');
  });

  const reported: unknown[] = [];
  const retries: (() => void)[] = [];
  const queue = new RemovalQueue({
    remove: removeTree,
    onFailure: (_, error) => reported.push(String(error)),
    onRecovery: (removed) => reported.push(removed),
    after(_, callback) {
      retries.push(callback);
      return () => {};
    },
  });
  const retry = async () => {
    retries.shift()?.();
    await queue.idle();
  };
  queue.add(directory);
  await queue.idle();
  for (let time = 0; time < 4; time++) await retry();
  const reason = `unlink ${file}: EPERM`;
  expect(reported).toEqual([`KernelError: ${reason}`]);
  expect(queue.state.stuck).toEqual([{ directory, reason }]);

  setImmutable('-');
  await retry();
  expect(reported.at(-1)).toBe(directory);
  expect(queue.state.stuck).toEqual([]);
  expect(existsSync(directory)).toBe(false);
});
