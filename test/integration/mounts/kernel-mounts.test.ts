import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  combineFlags,
  effectiveFlags,
  type MountFlags,
  noMountFlags,
  parseMountFlags,
} from '../../../src/model/requests/mount-flags.ts';
import { kernelPorts } from '../../../src/mounts/kernel-ports.ts';
import { fuseMount } from '../../support/fuse/fuse-mount.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { listing } from '../../support/listing.ts';
import { mountOptionsAt } from '../../support/mount-options.ts';
import { mountsBelow, scratchDirectory } from '../../support/scratch.ts';
import { waitingProcess } from '../../support/waiting-process.ts';

const { paths, mounts, fileSystems } = kernelPorts();

function sourceAndTarget() {
  const directory = scratchDirectory();
  const [source, target] = [join(directory, 'source'), join(directory, 'target')];
  mkdirSync(source);
  mkdirSync(target);
  return { directory, source, target };
}

async function bind(source: string, target: string, flags: Partial<MountFlags> = {}): Promise<number> {
  const state = await paths.inspect(source);
  if (state.kind !== 'directory' && state.kind !== 'mounted') throw new Error(`${source} is ${state.kind}`);
  return mounts.bind(source, target, { ...noMountFlags, ...flags }, state.identity);
}

async function flagsAt(path: string): Promise<MountFlags> {
  const state = await paths.inspect(path);
  if (state.kind !== 'directory' && state.kind !== 'mounted') throw new Error(`${path} is ${state.kind}`);
  return state.flags;
}

describe('flags', () => {
  const locked = ['noatime', 'nodiratime'];
  const known = ['ro', 'nosuid', 'nodev', 'noexec', 'noatime', 'relatime', 'nodiratime', 'nosymfollow'];
  test.each(known.filter((flag) => isHostRoot || !locked.includes(flag)))(
    '%s is applied, and the kernel shows it',
    async (flag) => {
      const { source, target } = sourceAndTarget();
      const flags = effectiveFlags(parseMountFlags('mount_flags', [flag]));
      const before = await flagsAt(source);
      await bind(source, target, flags);
      expect(await mountOptionsAt(target)).toContain(flag);
      expect(await flagsAt(target)).toEqual(combineFlags(before, flags));
      expect(await flagsAt(source)).toEqual(before);
    },
  );

  test.runIf(isHostRoot)('strictatime is applied, which the kernel shows as no option', async () => {
    const { source, target } = sourceAndTarget();
    await bind(source, target, { accessTimes: 'strictatime' });
    expect(await flagsAt(target)).toMatchObject({ accessTimes: 'strictatime' });
    expect(await mountOptionsAt(target)).not.toEqual(expect.arrayContaining(['relatime']));
  });

  test.runIf(isHostRoot)('all flags are applied together', async () => {
    const { source, target } = sourceAndTarget();
    const all = ['ro', 'nosuid', 'nodev', 'noexec', 'noatime', 'nodiratime', 'nosymfollow'];
    await bind(source, target, effectiveFlags(parseMountFlags('mount_flags', all)));
    expect(await mountOptionsAt(target)).toEqual(expect.arrayContaining(all));
  });

  test('restrictions of the source are inherited, and others are added', async () => {
    const { directory, source, target } = sourceAndTarget();
    mkdirSync(join(directory, 'second'));
    await bind(source, target, { readOnly: true, noExec: true });
    await bind(target, join(directory, 'second'), { noDev: true });
    const expected = { readOnly: true, noExec: true, noDev: true, noSuid: false };
    expect(await flagsAt(join(directory, 'second'))).toMatchObject(expected);
  });
});

test.runIf(isHostRoot)(
  'other paths are reported, and mounts taken down, however many do not respond',
  async () => {
    const { directory, source, target } = sourceAndTarget();
    await bind(source, target);
    const hung = Array.from({ length: 6 }, (_, index) => join(directory, `hung-${index}`));
    const servers = await Promise.all(hung.map(fuseMount));
    for (const { hang } of servers) hang();
    const own = kernelPorts();
    const states = await Promise.all(hung.map((path) => own.paths.inspect(path)));
    for (const state of states) {
      expect(state).toEqual({
        kind: 'unreadable',
        mountId: expect.any(Number),
        why: 'does not respond',
      });
    }
    expect((await own.paths.inspect(target)).kind).toBe('mounted');
    for (const path of hung) await own.mounts.unmount(path);
    expect(await mountsBelow(directory)).toEqual([target]);
  },
);

describe('effects of flags', () => {
  test('a read-only mount refuses writes, and its source accepts them', async () => {
    const { source, target } = sourceAndTarget();
    await bind(source, target, { readOnly: true });
    expect(() => writeFileSync(join(target, 'file'), '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
    writeFileSync(join(source, 'file'), 'content');
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('content');
  });

  test('a mount with nosymfollow does not follow symbolic links', async () => {
    const { source, target } = sourceAndTarget();
    symlinkSync('/etc/hostname', join(source, 'link'));
    await bind(source, target, { noSymlinkFollow: true });
    expect(() => readFileSync(join(target, 'link'))).toThrow(expect.objectContaining({ code: 'ELOOP' }));
  });

  test('a mount with noexec runs no programs', async () => {
    const { source, target } = sourceAndTarget();
    writeFileSync(join(source, 'program'), '#!/bin/sh\n', { mode: 0o755 });
    await bind(source, target, { noExec: true });
    execFileSync(join(source, 'program'));
    expect(() => execFileSync(join(target, 'program'))).toThrow(expect.objectContaining({ code: 'EACCES' }));
  });

  test.runIf(isHostRoot)('a mount with nodev opens no devices', async () => {
    const { source, target } = sourceAndTarget();
    execFileSync('mknod', [join(source, 'zero'), 'c', '1', '5']);
    await bind(source, target, { noDev: true });
    expect(() => readFileSync(join(target, 'zero'))).toThrow(expect.objectContaining({ code: 'EACCES' }));
  });

  test('a read-only mount is never writable, not even briefly', async () => {
    const { source, target } = sourceAndTarget();
    // Writes continuously under the mount point and, while it exists, in the mount.
    const attempt = 'echo ready; while :; do : > "$0/attempt"; done 2> /dev/null';
    const writer = await waitingProcess('sh', ['-c', attempt, target], { saysReady: true });
    for (let count = 0; count < 300; count++) {
      await bind(source, target, { readOnly: true });
      // The writer uses the mount for moments; it holds nothing for long.
      while ((await mountsBelow(target)).length > 0) await mounts.unmount(target).catch(() => {});
    }
    await writer.end();
    expect(listing(source)).toEqual([]);
  });
});

describe('inspect', () => {
  test('reports a path', async () => {
    const { directory, source } = sourceAndTarget();
    writeFileSync(join(source, 'empty'), '');
    writeFileSync(join(source, 'full'), 'content');
    symlinkSync('empty', join(source, 'link'));
    execFileSync('mkfifo', [join(source, 'fifo')]);
    expect(await paths.inspect(join(directory, 'absent'))).toEqual({ kind: 'absent' });
    expect(await paths.inspect(join(directory, 'absent', 'below'))).toEqual({ kind: 'absent' });
    expect(await paths.inspect(join(source, 'empty'))).toEqual({ kind: 'file', isEmpty: true });
    expect(await paths.inspect(join(source, 'full'))).toEqual({ kind: 'file', isEmpty: false });
    expect(await paths.inspect(join(source, 'link'))).toEqual({ kind: 'symlink' });
    expect(await paths.inspect(join(source, 'fifo'))).toEqual({ kind: 'other' });
    expect(await paths.inspect(source)).toMatchObject({ kind: 'directory' });
  });

  test('reports the same for a mount each time, and its source', async () => {
    const { source, target } = sourceAndTarget();
    const mountId = await bind(source, target);
    const content = await paths.inspect(source);
    const first = await paths.inspect(target);
    expect(first).toMatchObject({ kind: 'mounted', mountId });
    expect(await paths.inspect(target)).toEqual(first);
    expect('identity' in first && 'identity' in content && first.identity).toEqual(
      'identity' in content && content.identity,
    );
  });

  test.each([
    ['a symbolic link in the path', 'link/below'],
    ['a file in the path', 'file/below'],
    ['a component of 256 bytes', 'n'.repeat(256)],
  ])("%s is an error of the caller's path", async (_, path) => {
    const { directory, source } = sourceAndTarget();
    symlinkSync(source, join(directory, 'link'));
    writeFileSync(join(directory, 'file'), '');
    await expect(paths.inspect(join(directory, path))).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining(directory),
    });
  });
});

describe('bind', () => {
  test('an unexpected source is refused, and nothing is mounted', async () => {
    const { directory, source, target } = sourceAndTarget();
    const state = await paths.inspect(target);
    if (state.kind !== 'directory') throw new Error(state.kind);
    const call = mounts.bind(source, target, noMountFlags, state.identity);
    await expect(call).rejects.toMatchObject({ kind: 'precondition' });
    expect(await mountsBelow(directory)).toEqual([]);
  });

  test('a target that is a symbolic link is refused, and nothing is mounted at its destination', async () => {
    const { directory, source, target } = sourceAndTarget();
    symlinkSync(target, join(directory, 'link'));
    await expect(bind(source, join(directory, 'link'))).rejects.toThrow();
    expect(await mountsBelow(directory)).toEqual([]);
  });

  test('a missing target is refused', async () => {
    const { directory, source } = sourceAndTarget();
    await expect(bind(source, join(directory, 'absent'))).rejects.toMatchObject({ kind: 'precondition' });
  });
});

describe('unmount', () => {
  test('unmounts every mount stacked at the path, and leaves the directory', async () => {
    const { directory, source, target } = sourceAndTarget();
    for (let count = 0; count < 5; count++) await bind(source, target);
    expect(await mountsBelow(directory)).toHaveLength(5);
    await mounts.unmount(target);
    expect(await mountsBelow(directory)).toEqual([]);
    expect(await paths.inspect(target)).toMatchObject({ kind: 'directory' });
  });

  test('a path that is missing or not mounted changes nothing', async () => {
    const { directory, target } = sourceAndTarget();
    await mounts.unmount(target);
    await mounts.unmount(join(directory, 'absent', 'below'));
    await mounts.unmount(join(directory, 'absent'));
  });

  test('a mount in use by a process is refused as a precondition and stays', async () => {
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
    expect(await paths.makeDirectory(path)).toBe(true);
    expect(await paths.makeDirectory(path)).toBe(false);
    expect(listing(directory).filter((line) => line.endsWith(' new'))).toEqual([
      expect.stringMatching(/^d 700 0:0 /),
    ]);
  });

  test('a file, a symbolic link or a missing parent in the path is a precondition', async () => {
    const { directory, target } = sourceAndTarget();
    writeFileSync(join(directory, 'file'), '');
    symlinkSync(target, join(directory, 'link'));
    for (const path of ['file', 'link', 'absent/below']) {
      await expect(paths.makeDirectory(join(directory, path))).rejects.toMatchObject({
        kind: 'precondition',
      });
    }
  });

  test('an empty directory and an empty file are removed, and a missing path counts as removed', async () => {
    const { directory, target } = sourceAndTarget();
    writeFileSync(join(directory, 'file'), '');
    for (const path of [target, join(directory, 'file'), join(directory, 'absent', 'below')]) {
      await paths.remove(path);
      await paths.remove(path);
      expect(await paths.inspect(path)).toEqual({ kind: 'absent' });
    }
  });

  test('a path with content, or a symbolic link, is a precondition and stays unchanged', async () => {
    const { directory, source } = sourceAndTarget();
    writeFileSync(join(source, 'content'), 'precious');
    symlinkSync(source, join(directory, 'link'));
    const before = listing(directory);
    for (const path of [source, join(source, 'content'), join(directory, 'link')]) {
      await expect(paths.remove(path), path).rejects.toMatchObject({ kind: 'precondition' });
    }
    expect(listing(directory)).toEqual(before);
  });
});

test('the space of a path is the space of its file system', async () => {
  const directory = scratchDirectory();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,nr_inodes=100', 'none', directory]);
  writeFileSync(join(directory, 'file'), Buffer.alloc(4096));
  expect(await fileSystems.usage(directory)).toEqual({
    bytes: { total: 1048576n, used: 4096n, available: 1044480n },
    inodes: { total: 100n, used: 2n, available: 98n },
  });
});
