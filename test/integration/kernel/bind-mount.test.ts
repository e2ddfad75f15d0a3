import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withPath } from '../../../src/kernel/calls/path-handle.ts';
import { statusOf } from '../../../src/kernel/calls/statx.ts';
import { mountAttr, unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { bind } from '../../support/bind.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { mountOptionsAt } from '../../support/mount-options.ts';
import { mountsBelow, scratchDirectory } from '../../support/scratch.ts';
import { waitingProcess } from '../../support/waiting-process.ts';

function sourceAndTarget() {
  const directory = scratchDirectory();
  const source = join(directory, 'source');
  const target = join(directory, 'target');
  mkdirSync(join(source, 'inner'), { recursive: true });
  mkdirSync(target);
  return { directory, source, target };
}

describe('bindMount', () => {
  const free = [
    ['ro', mountAttr.readOnly, 0],
    ['nosuid', mountAttr.noSuid, 0],
    ['nodev', mountAttr.noDev, 0],
    ['noexec', mountAttr.noExec, 0],
    ['relatime', mountAttr.relatime, mountAttr.accessTimeMask],
    ['nosymfollow', mountAttr.noSymfollow, 0],
  ] as const;
  const locked = [
    ['nodiratime', mountAttr.nodiratime, 0],
    ['noatime', mountAttr.noatime, mountAttr.accessTimeMask],
  ] as const;
  test.each([...free, ...(isHostRoot ? locked : [])])(
    '%s applies to the mount and not to its source',
    async (option, set, clear) => {
      const { source, target } = sourceAndTarget();
      await bind(source, source);
      const before = await mountOptionsAt(source);
      await bind(source, target, set, clear);
      expect(await mountOptionsAt(target)).toContain(option);
      expect(await mountOptionsAt(source)).toEqual(before);
    },
  );

  test.runIf(isHostRoot)('strictatime leaves no access time option', async () => {
    const { source, target } = sourceAndTarget();
    await bind(source, target, mountAttr.strictatime, mountAttr.accessTimeMask);
    expect((await mountOptionsAt(target)).filter((option) => /^(no|rel)atime$/.test(option))).toEqual([]);
  });

  test('without attributes the mount has the attributes of its source', async () => {
    const { directory, source, target } = sourceAndTarget();
    mkdirSync(join(directory, 'second'));
    await bind(source, target, mountAttr.readOnly | mountAttr.noExec);
    await bind(target, join(directory, 'second'));
    expect(await mountOptionsAt(join(directory, 'second'))).toEqual(await mountOptionsAt(target));
  });

  test('mounts below the source are not included', async () => {
    const { directory, source, target } = sourceAndTarget();
    mkdirSync(join(directory, 'other'));
    writeFileSync(join(directory, 'other', 'file'), '');
    await bind(join(directory, 'other'), join(source, 'inner'));
    await bind(source, target);
    expect(readdirSync(join(source, 'inner'))).toEqual(['file']);
    expect(readdirSync(join(target, 'inner'))).toEqual([]);
  });

  test('a file can be bound on a file, but not on a directory', async () => {
    const { directory, source, target } = sourceAndTarget();
    const [file, mountPoint] = [join(source, 'file'), join(directory, 'mount-point')];
    writeFileSync(file, 'content');
    writeFileSync(mountPoint, '');
    await bind(file, mountPoint);
    expect(readFileSync(mountPoint, 'utf8')).toBe('content');
    await expect(bind(file, target)).rejects.toMatchObject({ code: 'EINVAL', syscall: 'move_mount' });
  });

  test('the returned id is the id of the mount', async () => {
    const { source, target } = sourceAndTarget();
    const mountId = await bind(source, target);
    expect(await withPath(target, statusOf)).toMatchObject({ mountId, isMountRoot: true });
  });
});

describe('unmount', () => {
  test('unmounts only the topmost mount', async () => {
    const { directory, source, target } = sourceAndTarget();
    await bind(source, target);
    await bind(source, target);
    await unmount(target);
    expect(await mountsBelow(directory)).toEqual([target]);
    await unmount(target);
    expect(await mountsBelow(directory)).toEqual([]);
  });

  test('fails with EINVAL if nothing is mounted', async () => {
    const { target } = sourceAndTarget();
    await expect(unmount(target)).rejects.toMatchObject({ code: 'EINVAL', syscall: 'umount2' });
  });

  test('fails with EBUSY while a process uses the mount, which stays', async () => {
    const { directory, source, target } = sourceAndTarget();
    await bind(source, target);
    const worker = await waitingProcess('cat', [], { cwd: target });
    await expect(unmount(target)).rejects.toMatchObject({ code: 'EBUSY' });
    expect(await mountsBelow(directory)).toEqual([target]);
    await worker.end();
    await unmount(target);
  });
});
