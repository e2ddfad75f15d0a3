import { expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { hostError } from '../../../src/mounts/mount-error.ts';
import { systemError } from '../model/fakes/system-error.ts';

test.each([
  ['EMFILE', 'the driver is unavailable: too many open files'],
  ['ENOMEM', 'the driver is unavailable: the node is out of memory'],
  ['EIO', 'a disk of this node reports I/O errors'],
  ['ENOSPC', 'a disk of this node is out of space'],
] as const)('an unexplained %s is not an internal error', (code, text) => {
  const cause = systemError(code);
  const message = expect.stringMatching(text);
  expect(hostError(cause)).toMatchObject({ kind: 'unavailable', cause, message });
});

test.each([new VolumeError('invalid', 'no'), systemError('EINVAL'), new TypeError('a fault'), 'no error'])(
  'any other error is passed on: %s',
  (error) => {
    expect(hostError(error)).toBe(error);
  },
);
