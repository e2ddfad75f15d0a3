import { expect, test } from 'vitest';
import { pathError } from '../../../src/mounts/path-error.ts';
import { VolumeError } from '../../../src/volume/errors.ts';
import { systemError } from '../volume/fakes/system-error.ts';

test.each([
  ['ELOOP', 'invalid', 'has a symbolic link on the way'],
  ['ENOTDIR', 'invalid', 'has something on the way that is not a directory'],
  ['ENAMETOOLONG', 'invalid', 'has a component that is too long'],
  ['ENOENT', 'precondition', 'does not exist'],
  ['EBUSY', 'precondition', 'is busy'],
  ['ENOTEMPTY', 'precondition', 'is not empty'],
  ['EPERM', 'precondition', 'may not be mounted'],
  ['ETIMEDOUT', 'unavailable', 'does not answer'],
  ['EIO', 'unavailable', 'answers EIO'],
  ['ESTALE', 'unavailable', 'answers ESTALE'],
  ['ENOTCONN', 'unavailable', 'answers ENOTCONN'],
] as const)('%s on a path is %s, and the message names the path', (code, kind, why) => {
  const cause = systemError(code);
  expect(pathError(cause, '/a b')).toMatchObject({
    kind,
    cause,
    message: expect.stringMatching(`^"/a b" ${why}`),
  });
});

test.each([
  new VolumeError('precondition', 'not now'),
  systemError('EMFILE'),
  new TypeError('a fault of the driver'),
  'not even an error',
])('an error that says nothing about the path comes back as it is: %s', (error) => {
  expect(pathError(error, '/a')).toBe(error);
});
