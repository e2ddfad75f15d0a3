import { rmdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { errno, errnoName, errnoOf, isErrno, KernelError } from '../../../src/kernel/calls/errno.ts';

test('a failed system call reports its name, its number and its subject', () => {
  expect(new KernelError('umount2', errno.EBUSY, '/staging')).toMatchObject({
    name: 'KernelError',
    message: 'umount2 /staging: EBUSY',
    errno: 16,
    code: 'EBUSY',
    syscall: 'umount2',
  });
  expect(new KernelError('umount2', 4095, '/staging').code).toBe('errno 4095');
});

test('the number of a failed call is the same from the kernel and from node:fs', async () => {
  const fromNode: unknown = await rmdir('/does/not/exist').catch((error: unknown) => error);
  for (const error of [fromNode, new KernelError('rmdir', errno.ENOENT, '/x')]) {
    expect(errnoOf(error)).toBe(errno.ENOENT);
    expect(isErrno(error, errno.EBUSY, errno.ENOENT)).toBe(true);
    expect(isErrno(error, errno.EBUSY)).toBe(false);
  }
});

test.each([
  new Error('ENOENT'),
  Object.assign(new Error(), { errno: 'ENOENT' }),
  { errno: 2 },
  undefined,
  'ENOENT',
])('an error without a number has none: %j', (error) => {
  expect(errnoOf(error)).toBeUndefined();
  expect(isErrno(error, errno.ENOENT)).toBe(false);
});

test('a number is shown by its name', () => {
  expect(errnoName(28)).toBe('ENOSPC');
  expect(errnoName(4095)).toBe('errno 4095');
});
