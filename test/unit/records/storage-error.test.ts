import { expect, test } from 'vitest';
import { errno, KernelError } from '../../../src/kernel/calls/errno.ts';
import { VolumeError } from '../../../src/model/errors.ts';
import { onDiskOf, storageError } from '../../../src/records/storage-error.ts';
import { systemError } from '../model/fakes/system-error.ts';

test.each([
  ['ENOSPC', 'exhausted', 'has no space or no inodes left'],
  ['EDQUOT', 'exhausted', 'has reached its quota'],
  ['EROFS', 'unavailable', 'is read-only'],
  ['EUCLEAN', 'unavailable', 'its file system is damaged; check it'],
  ['EBADMSG', 'unavailable', 'its file system is damaged; check it'],
  ['EIO', 'unavailable', 'does not answer'],
  ['ENODEV', 'unavailable', 'does not answer'],
  ['ENXIO', 'unavailable', 'does not answer'],
  ['EREMOTEIO', 'unavailable', 'does not answer'],
  ['ETIMEDOUT', 'unavailable', 'does not answer'],
  ['ENOLINK', 'unavailable', 'does not answer'],
  ['ESHUTDOWN', 'unavailable', 'does not answer'],
  ['ESTALE', 'unavailable', 'does not answer'],
  ['ENOTCONN', 'unavailable', 'does not answer'],
  ['EFBIG', 'out-of-range', 'cannot hold a file of this size'],
  ['EMFILE', 'unavailable', 'too many files are open'],
  ['ENFILE', 'unavailable', 'too many files are open'],
  ['ENOMEM', 'unavailable', 'no memory left'],
] as const)(
  '%s of the disk is %s, and the message names the pool and the number',
  async (code, kind, what) => {
    const ofNode = Object.assign(new Error(code), { code, errno: -errno[code] });
    for (const cause of [ofNode, new KernelError('mkdir', errno[code], '/x')]) {
      const error = storageError(cause, 'fast');
      expect(error).toMatchObject({ name: 'DiskError', kind, cause });
      expect((error as Error).message).toMatch(new RegExp(`^pool "fast" .*${what}.*\\(${code}\\)$`));
      await expect(onDiskOf('fast', () => Promise.reject(cause))).rejects.toEqual(error);
    }
  },
);

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

test('where the pool is can be said, too', () => {
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
])('an error that is not the disk’s comes back as it is: %s', (error) => {
  expect(storageError(error, 'fast')).toBe(error);
});
