import { expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { pathError } from '../../../src/mounts/mount-error.ts';
import { systemError } from '../model/fakes/system-error.ts';

test.each([
  ['ELOOP', 'invalid', 'contains a symbolic link, which is not followed'],
  ['ENOTDIR', 'invalid', 'has a parent that is not a directory'],
  ['ENAMETOOLONG', 'invalid', 'has a component that is too long'],
  ['ENOENT', 'precondition', 'does not exist'],
  ['EBUSY', 'precondition', 'is busy'],
  ['ENOTEMPTY', 'precondition', 'is not empty: it contains files'],
  ['EPERM', 'precondition', 'cannot be mounted or changed'],
  ['EACCES', 'precondition', 'is not accessible to the driver'],
] as const)('%s on a path becomes %s, and the message names the path', (code, kind, why) => {
  const cause = systemError(code);
  expect(pathError(cause, '/a b')).toMatchObject({
    kind,
    cause,
    message: expect.stringMatching(`^"/a b" ${why}`),
  });
});

test.each([
  ['EROFS', 'unavailable', 'is read-only'],
  ['ENOSPC', 'exhausted', 'is out of space or inodes'],
  ['EDQUOT', 'exhausted', 'has reached its quota'],
  ['EIO', 'unavailable', 'reports I/O errors'],
  ['ESTALE', 'unavailable', 'reports I/O errors'],
  ['EMFILE', 'unavailable', 'too many open files'],
  ['ENOMEM', 'unavailable', 'the node is out of memory'],
] as const)(
  '%s from the disk that contains a path becomes %s, and the message names the path',
  (code, kind, what) => {
    const cause = systemError(code);
    expect(pathError(cause, '/a b')).toMatchObject({
      name: 'DiskError',
      kind,
      cause,
      message: expect.stringMatching(`^the file system at "/a b" .*${what}.*\\(${code}\\)$`),
    });
  },
);

test.each([
  new VolumeError('precondition', 'not now'),
  systemError('EINVAL'),
  new TypeError('a fault of the driver'),
  'not even an error',
])('any other error is passed on: %s', (error) => {
  expect(pathError(error, '/a')).toBe(error);
});
