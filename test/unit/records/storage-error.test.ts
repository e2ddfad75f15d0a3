import { expect, test } from 'vitest';
import { errno, KernelError } from '../../../src/kernel/calls/errno.ts';
import { VolumeError } from '../../../src/model/errors.ts';
import { storageError, withStorageErrors } from '../../../src/records/storage-error.ts';
import { systemError } from '../model/fakes/system-error.ts';

test.each([
  ['ENOSPC', 'exhausted', 'is out of space or inodes'],
  ['EDQUOT', 'exhausted', 'has reached its quota'],
  ['EROFS', 'unavailable', 'is read-only'],
  ['EUCLEAN', 'unavailable', 'has a damaged file system; check it'],
  ['EBADMSG', 'unavailable', 'has a damaged file system; check it'],
  ['EIO', 'unavailable', 'reports I/O errors'],
  ['ENODEV', 'unavailable', 'reports I/O errors'],
  ['ENXIO', 'unavailable', 'reports I/O errors'],
  ['EREMOTEIO', 'unavailable', 'reports I/O errors'],
  ['ETIMEDOUT', 'unavailable', 'reports I/O errors'],
  ['ENOLINK', 'unavailable', 'reports I/O errors'],
  ['ESHUTDOWN', 'unavailable', 'reports I/O errors'],
  ['ESTALE', 'unavailable', 'reports I/O errors'],
  ['ENOTCONN', 'unavailable', 'reports I/O errors'],
  ['EFBIG', 'out-of-range', 'cannot hold a file of this size'],
  ['EMFILE', 'unavailable', 'too many open files'],
  ['ENFILE', 'unavailable', 'too many open files'],
  ['ENOMEM', 'unavailable', 'the node is out of memory'],
] as const)(
  '%s from the disk becomes %s, and the message names the pool and the number',
  async (code, kind, what) => {
    const ofNode = Object.assign(new Error(code), { code, errno: -errno[code] });
    for (const cause of [ofNode, new KernelError('mkdir', errno[code], '/x')]) {
      const error = storageError(cause, 'fast');
      expect(error).toMatchObject({ name: 'DiskError', kind, cause });
      expect((error as Error).message).toMatch(new RegExp(`^pool "fast" .*${what}.*\\(${code}\\)$`));
      await expect(withStorageErrors('fast', () => Promise.reject(cause))).rejects.toEqual(error);
    }
  },
);

test('a number without a name in libuv is reported as well', () => {
  const cause = Object.assign(new Error('Unknown system error -122'), {
    errno: -122,
    code: 'Unknown system error -122',
  });
  expect(storageError(cause, 'fast')).toMatchObject({
    kind: 'exhausted',
    message: expect.stringContaining('EDQUOT'),
  });
});

test('the path of the pool can be included', () => {
  const message = expect.stringMatching(/^pool "fast" at \/mnt\/fast is read-only/);
  expect(storageError(systemError('EROFS'), 'fast', '/mnt/fast')).toMatchObject({ message });
});

test.each([
  new VolumeError('precondition', 'not now'),
  Object.assign(new VolumeError('invalid', 'no'), { errno: errno.EIO }),
  systemError('EACCES'),
  new TypeError('a fault of the driver'),
  'not even an error',
  undefined,
])('an error that is not from the disk is passed on: %s', (error) => {
  expect(storageError(error, 'fast')).toBe(error);
});
