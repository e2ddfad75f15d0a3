import { expect, test } from 'vitest';
import { errno, errnoName, KernelError } from '../../../src/kernel/calls/errno.ts';
import { VolumeError } from '../../../src/model/errors.ts';
import { growthError } from '../../../src/mounts/growth-error.ts';
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
] as const)('%s is %s, with the path and what the kernel answered', (code, kind) => {
  const cause = new KernelError('ioctl', errno[code], 'descriptor 5');
  const message = expect.stringMatching(
    `^the file system at "/a" cannot be grown: .*${errnoName(errno[code])}`,
  );
  expect(growthError(cause, '/a')).toMatchObject({ name: 'VolumeError', kind, cause, message });
});

test('what can be done about damage is said', () => {
  const { message } = growthError(new KernelError('ioctl', errno.EUCLEAN, 'descriptor 5'), '/a') as Error;
  expect(message).toBe(
    'the file system at "/a" cannot be grown: ioctl descriptor 5: EUCLEAN; see the kernel\'s log, and check the file system while the volume is not staged',
  );
});

test.each([
  systemError('ENOMEM'),
  systemError('EMFILE'),
  new VolumeError('aborted', 'not now'),
  new TypeError('a fault of the driver'),
  'no error',
])('anything else comes back as it is: %s', (error) => {
  expect(growthError(error, '/a')).toBe(error);
});
