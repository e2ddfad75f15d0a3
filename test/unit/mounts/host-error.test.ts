import { expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { hostError } from '../../../src/mounts/host-error.ts';
import { systemError } from '../model/fakes/system-error.ts';

test.each([
  ['EMFILE', 'the driver .*too many files are open'],
  ['ENOMEM', 'the driver .*no memory left'],
  ['EIO', 'a disk of this node does not answer'],
  ['ENOSPC', 'a disk of this node has no space'],
] as const)('%s that nothing has explained is no fault of the driver', (code, text) => {
  const cause = systemError(code);
  const message = expect.stringMatching(text);
  expect(hostError(cause)).toMatchObject({ kind: 'unavailable', cause, message });
});

test.each([new VolumeError('invalid', 'no'), systemError('EINVAL'), new TypeError('a fault'), 'no error'])(
  'anything else comes back as it is: %s',
  (error) => {
    expect(hostError(error)).toBe(error);
  },
);
