import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { call, callSync, libraryCall } from '../../../src/kernel/calls/libc.ts';
import { fileSystemOf } from '../../../src/kernel/calls/statfs.ts';

const flock = libraryCall('flock', ['int', 'int']);
const LOCK_EX = 2;
const LOCK_UN = 8;
const AT_ONCE = 1000;

/** Opens a file for one test, each time anew. */
function opener(): () => number {
  const directory = mkdtempSync(join(tmpdir(), 'csi-'));
  const fds: number[] = [];
  onTestFinished(() => {
    for (const fd of fds) closeSync(fd);
    rmSync(directory, { recursive: true });
  });
  return () => {
    const fd = openSync(join(directory, 'file'), 'w');
    fds.push(fd);
    return fd;
  };
}

test('any number of calls can be made at once', async () => {
  const fd = opener()();
  const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => fileSystemOf(fd)));
  expect(new Set(answers.map(({ magic }) => magic)).size).toBe(1);
});

test('an urgent call is made while more calls hang than there are threads', async () => {
  const open = opener();
  const [held, other] = [open(), open()];
  callSync(flock, 'file', held, LOCK_EX);
  // They all wait for the lock; a lock that is taken more than once is still one lock.
  const hanging = Array.from({ length: AT_ONCE }, () => call(flock, 'file', other, LOCK_EX));
  expect(await call({ ...flock, isUrgent: true }, 'file', held, LOCK_UN)).toBe(0);
  expect(new Set(await Promise.all(hanging))).toEqual(new Set([0]));
});
