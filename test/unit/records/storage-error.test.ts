import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { KernelError } from '../../../src/kernel/errno.ts';
import { storageError } from '../../../src/records/storage-error.ts';
import { VolumeError } from '../../../src/volume/errors.ts';
import { systemError } from '../volume/fakes/system-error.ts';

test.each([
  ['ENOSPC', 'exhausted', 'has no space or no inodes left'],
  ['EDQUOT', 'exhausted', 'has reached its quota'],
  ['EROFS', 'unavailable', 'is read-only'],
  ['EIO', 'unavailable', 'does not answer'],
  ['ENODEV', 'unavailable', 'does not answer'],
  ['ENXIO', 'unavailable', 'does not answer'],
  ['ESTALE', 'unavailable', 'does not answer'],
  ['ENOTCONN', 'unavailable', 'does not answer'],
  ['EMFILE', 'unavailable', 'too many files are open'],
  ['ENFILE', 'unavailable', 'too many files are open'],
] as const)('%s of the disk is %s, and the message names the pool and the number', (code, kind, what) => {
  for (const cause of [systemError(code), new KernelError('mkdir', constants.errno[code], '/x')]) {
    const error = storageError(cause, 'fast');
    expect(error).toMatchObject({ name: 'VolumeError', kind, cause });
    expect((error as Error).message).toMatch(new RegExp(`^pool fast .*${what}.*\\(${code}\\)$`));
  }
});

test('the number that libuv has no name for is named all the same', () => {
  const cause = Object.assign(new Error('Unknown system error -122'), {
    errno: -122,
    code: 'Unknown system error -122',
  });
  expect(storageError(cause, 'fast')).toMatchObject({
    kind: 'exhausted',
    message: expect.stringContaining('EDQUOT'),
  });
});

test.each([
  new VolumeError('precondition', 'not now'),
  Object.assign(new VolumeError('invalid', 'no'), { errno: constants.errno.EIO }),
  systemError('EACCES'),
  new TypeError('a fault of the driver'),
  'not even an error',
  undefined,
])('an error that is not the disk’s comes back as it is: %s', (error) => {
  expect(storageError(error, 'fast')).toBe(error);
});
