import { expect, test } from 'vitest';
import { errno, errnoName, KernelError } from '../../../src/kernel/calls/errno.ts';
import { VolumeError } from '../../../src/model/errors.ts';
import { growthError } from '../../../src/mounts/mount-error.ts';
import { systemError } from '../model/fakes/system-error.ts';

test.each([
  ['ENOSPC', 'exhausted'],
  ['EDQUOT', 'exhausted'],
  ['EBUSY', 'aborted'],
  ['EAGAIN', 'aborted'],
  ['EROFS', 'precondition'],
  ['EIO', 'precondition'],
  ['EUCLEAN', 'precondition'],
  ['EBADMSG', 'precondition'],
  ['EINVAL', 'precondition'],
  ['EOPNOTSUPP', 'precondition'],
] as const)("%s becomes %s, with the path and the kernel's answer", (code, kind) => {
  const cause = new KernelError('ioctl', errno[code], 'descriptor 5');
  const message = expect.stringMatching(`^cannot grow the file system at "/a": .*${errnoName(errno[code])}`);
  expect(growthError(cause, '/a')).toMatchObject({ name: 'VolumeError', kind, cause, message });
});

test('damage is reported with its remedy', () => {
  const { message } = growthError(new KernelError('ioctl', errno.EUCLEAN, 'descriptor 5'), '/a') as Error;
  expect(message).toBe(
    'cannot grow the file system at "/a": ioctl descriptor 5: EUCLEAN; check the kernel log, and check the file system while the volume is not staged',
  );
});

test.each([
  systemError('ENOMEM'),
  systemError('EMFILE'),
  new VolumeError('aborted', 'not now'),
  new TypeError('a fault of the driver'),
  'no error',
])('any other error is passed on: %s', (error) => {
  expect(growthError(error, '/a')).toBe(error);
});
