import { expect, test } from 'vitest';
import { unsupportedHostReason } from '../../../src/kernel/process/host.ts';

const host = { platform: 'linux', kernelRelease: '6.1.0-18-amd64', effectiveUserId: 0 };

test.each(['5.12.0', '5.12', '5.13.0-1-generic', '6.0.0-rc1', '10.0.0'])(
  'root on Linux %s is sufficient',
  (kernelRelease) => {
    expect(unsupportedHostReason({ ...host, kernelRelease })).toBeUndefined();
  },
);

test.each([
  [
    { kernelRelease: '5.11.22' },
    'The driver needs Linux 5.12 or newer (mount_setattr); this host runs 5.11.22.',
  ],
  [{ kernelRelease: '4.19.0-26-amd64' }, 'this host runs 4.19.0-26-amd64'],
  [{ kernelRelease: 'unknown' }, 'this host runs unknown'],
  [{ effectiveUserId: 1000 }, 'it runs as user 1000'],
  [{ platform: 'darwin', kernelRelease: '23.0.0' }, 'that darwin does not have'],
])('an obstacle is one sentence: %j', (changes, sentence) => {
  expect(unsupportedHostReason({ ...host, ...changes })).toContain(sentence);
});
