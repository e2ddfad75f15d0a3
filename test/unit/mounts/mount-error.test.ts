import { expect, test } from 'vitest';
import { errno, KernelError } from '../../../src/kernel/calls/errno.ts';
import { MountRefused } from '../../../src/kernel/mounts/file-system-mount.ts';
import { mountError } from '../../../src/mounts/mount-error.ts';

function refused(code: keyof typeof errno, reason = ''): MountRefused {
  const spec = { device: '/dev/loop3', fsType: 'xfs', options: [], attrSet: 0 } as const;
  return new MountRefused(new KernelError('fsconfig', errno[code], ''), spec, reason);
}

test.each([
  ['EUCLEAN', '', /EUCLEAN; its file system is damaged: check it while the volume is not staged$/],
  ['EBADMSG', '', /EBADMSG; its file system is damaged: check it while the volume is not staged$/],
  ['EIO', '', /EIO; its file system is damaged, or the disk of its pool fails: .*$/],
  ['EINVAL', 'a reason', /EINVAL \(a reason\)$/],
  ['EBUSY', 'a reason', /EBUSY \(a reason\)$/],
  ['EPERM', 'a reason', /EPERM \(a reason\)$/],
] as const)('%s is a precondition of the volume', (code, reason, message) => {
  const cause = refused(code, reason);
  const error = mountError(cause);
  expect(error).toMatchObject({ name: 'VolumeError', kind: 'precondition', cause });
  expect(error).toMatchObject({ message: expect.stringMatching(message) });
  expect(error).toMatchObject({
    message: expect.stringMatching(/^the volume cannot be mounted: fsconfig xfs on \/dev\/loop3: /),
  });
});

test.each([refused('ENOMEM'), refused('EMFILE'), new KernelError('openat2', errno.EIO, '/a'), 'no error'])(
  'anything else comes back as it is: %s',
  (error) => {
    expect(mountError(error)).toBe(error);
  },
);
