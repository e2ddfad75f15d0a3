import { expect, test } from 'vitest';
import { errno, KernelError } from '../../../src/kernel/calls/errno.ts';
import { MountRefusedError } from '../../../src/kernel/mounts/file-system-mount.ts';
import { mountError } from '../../../src/mounts/mount-error.ts';

function refused(code: keyof typeof errno, reason = ''): MountRefusedError {
  const spec = { device: '/dev/loop3', fsType: 'xfs', options: [], attrSet: 0 } as const;
  return new MountRefusedError(new KernelError('fsconfig', errno[code], ''), spec, reason);
}

test.each([
  ['EUCLEAN', '', /EUCLEAN; its file system is damaged; check it while the volume is not staged$/],
  ['EBADMSG', '', /EBADMSG; its file system is damaged; check it while the volume is not staged$/],
  ['EIO', '', /EIO; its file system is damaged, or the disk of its pool is failing; .*$/],
  ['EINVAL', 'a reason', /EINVAL \(a reason\)$/],
  ['EBUSY', 'a reason', /EBUSY \(a reason\)$/],
  ['EPERM', 'a reason', /EPERM \(a reason\)$/],
] as const)('%s is a precondition of the volume', (code, reason, message) => {
  const cause = refused(code, reason);
  const error = mountError(cause);
  expect(error).toMatchObject({ name: 'VolumeError', kind: 'precondition', cause });
  expect(error).toMatchObject({ message: expect.stringMatching(message) });
  expect(error).toMatchObject({
    message: expect.stringMatching(/^cannot mount the volume: fsconfig xfs on \/dev\/loop3: /),
  });
});

test.each([refused('ENOMEM'), refused('EMFILE'), new KernelError('openat2', errno.EIO, '/a'), 'no error'])(
  'any other error is passed on: %s',
  (error) => {
    expect(mountError(error)).toBe(error);
  },
);
