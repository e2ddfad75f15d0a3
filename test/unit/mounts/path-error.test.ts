import { expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { pathError } from '../../../src/mounts/path-error.ts';
import { systemError } from '../model/fakes/system-error.ts';

test.each([
  ['ELOOP', 'invalid', 'has a symbolic link on the way'],
  ['ENOTDIR', 'invalid', 'has something on the way that is not a directory'],
  ['ENAMETOOLONG', 'invalid', 'has a component that is too long'],
  ['ENOENT', 'precondition', 'does not exist'],
  ['EBUSY', 'precondition', 'is busy'],
  ['ENOTEMPTY', 'precondition', 'is not empty: the files in it'],
  ['EPERM', 'precondition', 'may not be mounted'],
  ['EACCES', 'precondition', 'may not be accessed'],
] as const)('%s on a path is %s, and the message names the path', (code, kind, why) => {
  const cause = systemError(code);
  expect(pathError(cause, '/a b')).toMatchObject({
    kind,
    cause,
    message: expect.stringMatching(`^"/a b" ${why}`),
  });
});

test.each([
  ['EROFS', 'unavailable', 'is read-only'],
  ['ENOSPC', 'exhausted', 'has no space'],
  ['EDQUOT', 'exhausted', 'has reached its quota'],
  ['EIO', 'unavailable', 'does not answer'],
  ['ESTALE', 'unavailable', 'does not answer'],
  ['EMFILE', 'unavailable', 'too many files are open'],
  ['ENOMEM', 'unavailable', 'no memory left'],
] as const)(
  '%s of the disk that a path lies on is %s, and the message names the path',
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
])('an error that says nothing about the path comes back as it is: %s', (error) => {
  expect(pathError(error, '/a')).toBe(error);
});
