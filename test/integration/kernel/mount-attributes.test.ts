import { expect, test } from 'vitest';
import { withPath } from '../../../src/kernel/calls/path-handle.ts';
import { fileSystemOf } from '../../../src/kernel/calls/statfs.ts';
import { mountAttr } from '../../../src/kernel/mounts/bind-mount.ts';
import { mountAttributesOf } from '../../../src/kernel/mounts/mount-attributes.ts';
import { runProgram } from '../../../src/kernel/process/program.ts';
import { fromMountAttributes, fromStatfsFlags } from '../../../src/mounts/mount-flag-bits.ts';
import { bind } from '../../support/bind.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const isSupported = (await withPath('/', mountAttributesOf)) !== undefined;

/** The flags of a mount, from statmount and from statfs. */
function flagsAt(path: string) {
  return withPath(path, async (fd) => ({
    byStatmount: fromMountAttributes(mountAttributesOf(fd) ?? 0),
    byStatfs: fromStatfsFlags((await fileSystemOf(fd)).flags),
  }));
}

test.skipIf(!isSupported).each([
  ['no', 0],
  ['read-only', mountAttr.readOnly],
  ['nosuid, nodev and noexec', mountAttr.noSuid | mountAttr.noDev | mountAttr.noExec],
  ['noatime and nodiratime', mountAttr.noatime | mountAttr.nodiratime],
  ['strictatime and nosymfollow', mountAttr.strictatime | mountAttr.noSymfollow],
])('a mount with %s flags has the same as in statfs', async (_, attributes) => {
  const target = scratchDirectory();
  await bind(scratchDirectory(), target, attributes, mountAttr.accessTimeMask);
  const { byStatmount, byStatfs } = await flagsAt(target);
  expect(byStatmount).toEqual(byStatfs);
});

test.skipIf(!isSupported)(
  'a file system that was made read-only is read-only in each of its mounts',
  async () => {
    const [disk, target] = [scratchDirectory(), scratchDirectory()];
    await runProgram('mount', ['-t', 'tmpfs', 'tmpfs', disk]);
    await bind(disk, target);
    await runProgram('mount', ['-o', 'remount,ro', disk]);
    expect((await flagsAt(target)).byStatmount.readOnly).toBe(true);
  },
);
