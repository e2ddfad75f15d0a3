import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  combineFlags,
  inForce,
  type MountFlags,
  noMountFlags,
  parseMountFlags,
} from '../../../src/model/requests/mount-flags.ts';
import { KernelMounts } from '../../../src/mounts/kernel-mounts.ts';
import { fuseMount } from '../../support/fuse/fuse-mount.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { listing } from '../../support/listing.ts';
import { mountOptionsAt } from '../../support/mount-options.ts';
import { mountsBelow, scratchDirectory } from '../../support/scratch.ts';
import { waitingProcess } from '../../support/waiting-process.ts';

const mounts = new KernelMounts();

function sourceAndTarget() {
  const directory = scratchDirectory();
  const [source, target] = [join(directory, 'source'), join(directory, 'target')];
  mkdirSync(source);
  mkdirSync(target);
  return { directory, source, target };
}

async function bind(source: string, target: string, flags: Partial<MountFlags> = {}): Promise<number> {
  const state = await mounts.inspect(source);
  if (state.kind !== 'directory' && state.kind !== 'mounted') throw new Error(`${source} is ${state.kind}`);
  return mounts.bind(source, target, { ...noMountFlags, ...flags }, state.identity);
}

async function flagsAt(path: string): Promise<MountFlags> {
  const state = await mounts.inspect(path);
  if (state.kind !== 'directory' && state.kind !== 'mounted') throw new Error(`${path} is ${state.kind}`);
  return state.flags;
}

describe('flags', () => {
  const locked = ['noatime', 'nodiratime'];
  const known = ['ro', 'nosuid', 'nodev', 'noexec', 'noatime', 'relatime', 'nodiratime', 'nosymfollow'];
  test.each(known.filter((flag) => isHostRoot || !locked.includes(flag)))(
    '%s is in force, and the kernel shows it',
    async (flag) => {
      const { source, target } = sourceAndTarget();
      const flags = inForce(parseMountFlags('mount_flags', [flag]));
      const before = await flagsAt(source);
      await bind(source, target, flags);
      expect(await mountOptionsAt(target)).toContain(flag);
      expect(await flagsAt(target)).toEqual(combineFlags(before, flags));
      expect(await flagsAt(source)).toEqual(before);
    },
  );

  test.runIf(isHostRoot)('strictatime is in force, which the kernel shows by no option', async () => {
    const { source, target } = sourceAndTarget();
    await bind(source, target, { accessTimes: 'strictatime' });
    expect(await flagsAt(target)).toMatchObject({ accessTimes: 'strictatime' });
    expect(await mountOptionsAt(target)).not.toEqual(expect.arrayContaining(['relatime']));
  });

  test.runIf(isHostRoot)('all flags at once are in force', async () => {
    const { source, target } = sourceAndTarget();
    const all = ['ro', 'nosuid', 'nodev', 'noexec', 'noatime', 'nodiratime', 'nosymfollow'];
    await bind(source, target, inForce(parseMountFlags('mount_flags', all)));
    expect(await mountOptionsAt(target)).toEqual(expect.arrayContaining(all));
  });

  test('restrictions of the source come along, and others are added', async () => {
    const { directory, source, target } = sourceAndTarget();
    mkdirSync(join(directory, 'second'));
    await bind(source, target, { readOnly: true, noExec: true });
    await bind(target, join(directory, 'second'), { noDev: true });
    const expected = { readOnly: true, noExec: true, noDev: true, noSuid: false };
    expect(await flagsAt(join(directory, 'second'))).toMatchObject(expected);
  });
});

test.runIf(isHostRoot)(
  'other paths are told, and mounts taken down, however many do not answer',
  async () => {
    const { directory, source, target } = sourceAndTarget();
    await bind(source, target);
    const paths = Array.from({ length: 6 }, (_, index) => join(directory, `hung-${index}`));
    const servers = await Promise.all(paths.map(fuseMount));
    for (const { hang } of servers) hang();
    const own = new KernelMounts();
    const states = await Promise.all(paths.map((path) => own.inspect(path)));
    for (const state of states) {
      expect(state).toEqual({
        kind: 'unreadable',
        mountId: expect.any(Number),
        why: 'does not answer',
      });
    }
    expect((await own.inspect(target)).kind).toBe('mounted');
    for (const path of paths) await own.unmount(path);
    expect(await mountsBelow(directory)).toEqual([target]);
  },
);

describe('what flags do', () => {
  test('a read-only mount refuses writes, and its source takes them', async () => {
    const { source, target } = sourceAndTarget();
    await bind(source, target, { readOnly: true });
    expect(() => writeFileSync(join(target, 'file'), '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
    writeFileSync(join(source, 'file'), 'content');
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('content');
  });

  test('a mount with nosymfollow leads nowhere by its symbolic links', async () => {
    const { source, target } = sourceAndTarget();
    symlinkSync('/etc/hostname', join(source, 'link'));
    await bind(source, target, { noSymlinkFollow: true });
    expect(() => readFileSync(join(target, 'link'))).toThrow(expect.objectContaining({ code: 'ELOOP' }));
  });

  test('a mount with noexec runs nothing', async () => {
    const { source, target } = sourceAndTarget();
    writeFileSync(join(source, 'program'), '#!/bin/sh\n', { mode: 0o755 });
    await bind(source, target, { noExec: true });
    execFileSync(join(source, 'program'));
    expect(() => execFileSync(join(target, 'program'))).toThrow(expect.objectContaining({ code: 'EACCES' }));
  });

  test.runIf(isHostRoot)('a mount with nodev opens no device', async () => {
    const { source, target } = sourceAndTarget();
    execFileSync('mknod', [join(source, 'zero'), 'c', '1', '5']);
    await bind(source, target, { noDev: true });
    expect(() => readFileSync(join(target, 'zero'))).toThrow(expect.objectContaining({ code: 'EACCES' }));
  });

  test('there is no moment in which a read-only mount can be written', async () => {
    const { source, target } = sourceAndTarget();
    // Writes without end under the mount point and, while it is there, in the mount.
    const attempt = 'echo ready; while :; do : > "$0/attempt"; done 2> /dev/null';
    const writer = await waitingProcess('sh', ['-c', attempt, target], { saysReady: true });
    for (let count = 0; count < 300; count++) {
      await bind(source, target, { readOnly: true });
      // A writer is in the mount for moments; it holds nothing for long.
      while ((await mountsBelow(target)).length > 0) await mounts.unmount(target).catch(() => {});
    }
    await writer.end();
    expect(listing(source)).toEqual([]);
  });
});

describe('inspect', () => {
  test('tells what is at a path', async () => {
    const { directory, source } = sourceAndTarget();
    writeFileSync(join(source, 'empty'), '');
    writeFileSync(join(source, 'full'), 'content');
    symlinkSync('empty', join(source, 'link'));
    execFileSync('mkfifo', [join(source, 'fifo')]);
    expect(await mounts.inspect(join(directory, 'absent'))).toEqual({ kind: 'absent' });
    expect(await mounts.inspect(join(directory, 'absent', 'below'))).toEqual({ kind: 'absent' });
    expect(await mounts.inspect(join(source, 'empty'))).toEqual({ kind: 'file', isEmpty: true });
    expect(await mounts.inspect(join(source, 'full'))).toEqual({ kind: 'file', isEmpty: false });
    expect(await mounts.inspect(join(source, 'link'))).toEqual({ kind: 'symlink' });
    expect(await mounts.inspect(join(source, 'fifo'))).toEqual({ kind: 'other' });
    expect(await mounts.inspect(source)).toMatchObject({ kind: 'directory' });
  });

  test('tells the same of a mount however often it is asked, and what is mounted', async () => {
    const { source, target } = sourceAndTarget();
    const mountId = await bind(source, target);
    const content = await mounts.inspect(source);
    const first = await mounts.inspect(target);
    expect(first).toMatchObject({ kind: 'mounted', mountId });
    expect(await mounts.inspect(target)).toEqual(first);
    expect('identity' in first && 'identity' in content && first.identity).toEqual(
      'identity' in content && content.identity,
    );
  });

  test.each([
    ['a symbolic link on the way', 'link/below'],
    ['a file on the way', 'file/below'],
    ['a component of 256 bytes', 'n'.repeat(256)],
  ])('%s is the mistake of the one who gave the path', async (_, path) => {
    const { directory, source } = sourceAndTarget();
    symlinkSync(source, join(directory, 'link'));
    writeFileSync(join(directory, 'file'), '');
    await expect(mounts.inspect(join(directory, path))).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining(directory),
    });
  });
});

describe('bind', () => {
  test('something else at the source than expected is refused, and nothing is mounted', async () => {
    const { directory, source, target } = sourceAndTarget();
    const state = await mounts.inspect(target);
    if (state.kind !== 'directory') throw new Error(state.kind);
    const call = mounts.bind(source, target, noMountFlags, state.identity);
    await expect(call).rejects.toMatchObject({ kind: 'precondition' });
    expect(await mountsBelow(directory)).toEqual([]);
  });

  test('a target that is a symbolic link is refused, and nothing is mounted where it leads', async () => {
    const { directory, source, target } = sourceAndTarget();
    symlinkSync(target, join(directory, 'link'));
    await expect(bind(source, join(directory, 'link'))).rejects.toThrow();
    expect(await mountsBelow(directory)).toEqual([]);
  });

  test('a target that does not exist is refused', async () => {
    const { directory, source } = sourceAndTarget();
    await expect(bind(source, join(directory, 'absent'))).rejects.toMatchObject({ kind: 'precondition' });
  });
});

describe('unmount', () => {
  test('takes down every mount stacked at the path, and leaves the directory', async () => {
    const { directory, source, target } = sourceAndTarget();
    for (let count = 0; count < 5; count++) await bind(source, target);
    expect(await mountsBelow(directory)).toHaveLength(5);
    await mounts.unmount(target);
    expect(await mountsBelow(directory)).toEqual([]);
    expect(await mounts.inspect(target)).toMatchObject({ kind: 'directory' });
  });

  test('where nothing is mounted or nothing exists it changes nothing', async () => {
    const { directory, target } = sourceAndTarget();
    await mounts.unmount(target);
    await mounts.unmount(join(directory, 'absent', 'below'));
    await mounts.unmount(join(directory, 'absent'));
  });

  test('while a process works in it, it is refused as a precondition and stays', async () => {
    const { directory, source, target } = sourceAndTarget();
    await bind(source, target);
    const worker = await waitingProcess('cat', [], { cwd: target });
    await expect(mounts.unmount(target)).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining(target),
    });
    expect(await mountsBelow(directory)).toEqual([target]);
    await worker.end();
    await mounts.unmount(target);
    expect(await mountsBelow(directory)).toEqual([]);
  });
});

describe('makeDirectory and remove', () => {
  test('a directory is made once, with mode 0700', async () => {
    const { directory } = sourceAndTarget();
    const path = join(directory, 'new');
    expect(await mounts.makeDirectory(path)).toBe(true);
    expect(await mounts.makeDirectory(path)).toBe(false);
    expect(listing(directory).filter((line) => line.endsWith(' new'))).toEqual([
      expect.stringMatching(/^d 700 0:0 /),
    ]);
  });

  test('a file, a symbolic link or a missing parent in the way is a precondition', async () => {
    const { directory, target } = sourceAndTarget();
    writeFileSync(join(directory, 'file'), '');
    symlinkSync(target, join(directory, 'link'));
    for (const path of ['file', 'link', 'absent/below']) {
      await expect(mounts.makeDirectory(join(directory, path))).rejects.toMatchObject({
        kind: 'precondition',
      });
    }
  });

  test('an empty directory and an empty file go, and what is not there is gone already', async () => {
    const { directory, target } = sourceAndTarget();
    writeFileSync(join(directory, 'file'), '');
    for (const path of [target, join(directory, 'file'), join(directory, 'absent', 'below')]) {
      await mounts.remove(path);
      await mounts.remove(path);
      expect(await mounts.inspect(path)).toEqual({ kind: 'absent' });
    }
  });

  test('what holds something, and a symbolic link, is a precondition and stays as it is', async () => {
    const { directory, source } = sourceAndTarget();
    writeFileSync(join(source, 'content'), 'precious');
    symlinkSync(source, join(directory, 'link'));
    const before = listing(directory);
    for (const path of [source, join(source, 'content'), join(directory, 'link')]) {
      await expect(mounts.remove(path), path).rejects.toMatchObject({ kind: 'precondition' });
    }
    expect(listing(directory)).toEqual(before);
  });
});

test('the space of a path is that of its file system', async () => {
  const directory = scratchDirectory();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,nr_inodes=100', 'none', directory]);
  writeFileSync(join(directory, 'file'), Buffer.alloc(4096));
  expect(await mounts.usage(directory)).toEqual({
    bytes: { total: 1048576n, used: 4096n, available: 1044480n },
    inodes: { total: 100n, used: 2n, available: 98n },
  });
});
