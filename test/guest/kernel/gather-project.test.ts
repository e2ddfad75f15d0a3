import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { callSync, libraryCall } from '../../../src/kernel/calls/libc.ts';
import { quotaOf, setProject } from '../../../src/kernel/file-systems/project-quota.ts';
import type { GatheredProject } from '../../../src/kernel/trees/gather-project.ts';
import { gatherProject } from '../../../src/kernel/workers/tree-tasks.ts';
import { makeRichTree } from '../../support/rich-tree.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { ext4, xfs } from '../support/quota-file-system.ts';

const fcntl = libraryCall('fcntl', ['int', 'int', 'long']);
const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_WRLCK = 1;

const PROJECT = 4_000_000;
const OTHER = 4_000_001;

function atDirectory<T>(path: string, use: (fd: number) => T | Promise<T>): Promise<T> {
  return withDescriptor(path, constants.O_RDONLY | constants.O_DIRECTORY, use);
}

const usedInodes = (path: string) =>
  atDirectory(path, async (fd) => Number((await quotaOf(fd, PROJECT))?.usedInodes ?? 0n));

function gather(path: string, isExclusive = true): Promise<GatheredProject> {
  const { signal } = new AbortController();
  return gatherProject(path, { projectId: PROJECT, otherProjects: new Set(), isExclusive }, signal);
}

describe.each([xfs, ext4])('on $name', ({ withQuota }) => {
  async function richData() {
    const data = join(withQuota(), 'data');
    mkdirSync(data);
    await atDirectory(data, (fd) => setProject(fd, PROJECT));
    await makeRichTree(data);
    return data;
  }

  test('the usage of a project equals the usage of a tree with all file types', async () => {
    const data = await richData();
    const found = await gather(data);
    expect(found).toEqual({
      inodes: await usedInodes(data),
      hadAny: true,
      reclaimed: new Map(),
      failures: 0,
      isFull: false,
    });
  });

  test('each file is moved back to the project of its tree, at any depth, and no other file is', async () => {
    const data = await richData();
    const inodes = await usedInodes(data);
    execFileSync('find', [data, '-type', 'f', '-exec', 'chattr', '-p', String(OTHER), '{}', '+']);
    const away = inodes - (await usedInodes(data));
    expect(away).toBeGreaterThan(10);
    expect((await gather(data, false)).reclaimed).toEqual(new Map());
    const found = await gather(data);
    expect(found).toEqual({
      inodes,
      hadAny: true,
      reclaimed: new Map([[OTHER, away]]),
      failures: 0,
      isFull: false,
    });
    expect(await usedInodes(data)).toBe(inodes);
  });

  test('nothing outside is touched, neither through links nor in mounts inside the tree', async () => {
    const data = await richData();
    const outside = join(data, '..', 'outside');
    mkdirSync(outside);
    mkdirSync(join(data, 'mounted'));
    writeFileSync(join(outside, 'file'), '');
    execFileSync('mount', ['--bind', outside, join(data, 'mounted')]);
    onTestFinished(() => void execFileSync('umount', [join(data, 'mounted')]));
    execFileSync('ln', ['-s', join(outside, 'file'), join(data, 'link')]);
    expect((await gather(data)).reclaimed).toEqual(new Map());
    expect(execFileSync('lsattr', ['-p', join(outside, 'file')], { encoding: 'utf8' })).toMatch(/^\s*0 /);
  });

  test('a file with a lease is reported without waiting for it', async () => {
    const data = await richData();
    const file = join(data, 'leased');
    writeFileSync(file, '');
    const fd = openSync(file, 'r+');
    onTestFinished(() => closeSync(fd));
    // The signal that breaks the lease must not end this process.
    callSync(fcntl, file, fd, F_SETSIG, osConstants.signals.SIGURG);
    callSync(fcntl, file, fd, F_SETLEASE, F_WRLCK);
    expect((await gather(data)).failures).toBe(1);
  });
});

test('a tree on a file system without projects fails with a specific error', async () => {
  await expect(gather(scratchDirectory())).rejects.toMatchObject({ name: 'KernelError' });
});
