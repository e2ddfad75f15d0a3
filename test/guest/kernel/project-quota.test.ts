import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  constants,
  mkdirSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { errno } from '../../../src/kernel/calls/errno.ts';
import {
  clearQuota,
  isQuotaEnforced,
  isQuotaOff,
  projectOf,
  quotaOf,
  setProject,
  setQuota,
} from '../../../src/kernel/file-systems/project-quota.ts';
import { asUser } from '../../support/as-user.ts';
import { btrfs } from '../../support/btrfs.ts';
import { ext4, sharedQuota, xfs } from '../support/quota-file-system.ts';

const MIB = 1024 ** 2;
const LIMIT_BYTES = 16 * MIB;
const limits = { limitBytes: BigInt(LIMIT_BYTES), limitInodes: 100n };
/** The project of the current test: each has its own. */
let project = 4_000_000_000;
const messages = { ENOSPC: 'No space left on device', EDQUOT: 'Disk quota exceeded' } as const;

function atDirectory<T>(path: string, use: (fd: number) => T | Promise<T>): Promise<T> {
  return withDescriptor(path, constants.O_RDONLY | constants.O_DIRECTORY, use);
}

/** A world-writable directory, with a project of its own and limits. */
async function limitedDirectory(root: string): Promise<string> {
  const directory = join(root, 'directory');
  mkdirSync(directory);
  chmodSync(directory, 0o777);
  await atDirectory(directory, async (fd) => {
    await setQuota(fd, project, limits);
    await setProject(fd, project);
  });
  return directory;
}

function quotaAt(directory: string) {
  return atDirectory(directory, (fd) => quotaOf(fd, project));
}

beforeEach(() => {
  project += 1;
});

describe.each([xfs, ext4])('project quota on $name', (fileSystem) => {
  const ownDirectory = sharedQuota(fileSystem);

  test('limits read back as they were set, and appear as the size of the directory', async () => {
    const directory = await limitedDirectory(ownDirectory());
    expect(await quotaAt(directory)).toMatchObject({ ...limits, usedInodes: 1n });
    const { blocks, bsize, files } = statfsSync(directory);
    expect({ bytes: blocks * bsize, files }).toEqual({ bytes: LIMIT_BYTES, files: 100 });
  });

  test('one limit can be set without the other', async () => {
    const directory = await limitedDirectory(ownDirectory());
    for (const one of [
      { limitBytes: undefined, limitInodes: 7n },
      { limitBytes: BigInt(MIB), limitInodes: undefined },
    ]) {
      await atDirectory(directory, (fd) => setQuota(fd, project, one));
      expect(await quotaAt(directory)).toMatchObject(one);
    }
  });

  test('a limit in the middle of a sector is rounded up; a limit of zero is refused', async () => {
    const directory = await limitedDirectory(ownDirectory());
    await atDirectory(directory, async (fd) => {
      await setQuota(fd, project, { ...limits, limitBytes: limits.limitBytes - 511n });
      expect(await quotaOf(fd, project)).toMatchObject(limits);
      await expect(setQuota(fd, project, { ...limits, limitBytes: 0n })).rejects.toThrow(RangeError);
    });
  });

  test('new files in the directory belong to its project, and its other attributes stay', async () => {
    const root = ownDirectory();
    const directory = join(root, 'directory');
    mkdirSync(directory);
    execFileSync('chattr', ['+A', directory]);
    await atDirectory(directory, (fd) => setProject(fd, project));
    expect(execFileSync('lsattr', ['-d', directory], { encoding: 'utf8' }).split(' ')[0]).toContain('A');
    mkdirSync(join(directory, 'inner'));
    writeFileSync(join(directory, 'inner', 'file'), 'content');
    expect(await atDirectory(join(directory, 'inner'), projectOf)).toEqual({
      projectId: project,
      inherits: true,
    });
    expect(await withDescriptor(join(directory, 'inner', 'file'), 'r', projectOf)).toMatchObject({
      projectId: project,
    });
    expect(await atDirectory(root, projectOf)).toEqual({ projectId: 0, inherits: false });
    expect(await quotaAt(directory)).toMatchObject({ usedInodes: 3n, limitBytes: undefined });
  });

  test('an ordinary user can write up to the limit and no further', async () => {
    const directory = await limitedDirectory(ownDirectory());
    const file = join(directory, 'file');
    const { status, stderr } = asUser('head -c 20M /dev/zero > "$1"', file);
    expect(status).not.toBe(0);
    expect(stderr).toContain(messages[fileSystem.refusal]);
    expect(LIMIT_BYTES - statSync(file).size).toBeLessThanOrEqual(8192);
    expect((await quotaAt(directory))?.usedBytes).toBeLessThanOrEqual(limits.limitBytes);
    expect(statfsSync(directory).bavail).toBeLessThanOrEqual(1);
  });

  test('an ordinary user can create as many files as the limit', async () => {
    const directory = await limitedDirectory(ownDirectory());
    const { stderr } = asUser('cd "$1" && for i in $(seq 200); do : > $i || exit; done', directory);
    expect(stderr).toContain(messages[fileSystem.refusal]);
    // The directory itself counts as one.
    expect(readdirSync(directory)).toHaveLength(99);
  });

  test(`root ${fileSystem.holdsRoot ? 'is limited as well' : 'is limited only without CAP_SYS_RESOURCE'}`, async () => {
    const directory = await limitedDirectory(ownDirectory());
    const file = join(directory, 'file');
    const write = () => writeFileSync(file, Buffer.alloc(LIMIT_BYTES + MIB));
    if (fileSystem.holdsRoot) {
      expect(write).toThrow(expect.objectContaining({ errno: -errno[fileSystem.refusal] }));
    } else {
      write();
    }
    rmSync(file);
    const dropped = ['--inh-caps=-sys_resource', '--bounding-set=-sys_resource'];
    const command = ['sh', '-c', 'head -c 20M /dev/zero > "$1"', 'sh', file];
    const { stderr } = spawnSync('setpriv', [...dropped, ...command], { encoding: 'utf8' });
    expect(stderr).toContain(messages[fileSystem.refusal]);
  });

  test('raising a limit lets the next write through', async () => {
    const directory = await limitedDirectory(ownDirectory());
    const file = join(directory, 'file');
    expect(asUser('head -c 17M /dev/zero > "$1"', file).status).not.toBe(0);
    await atDirectory(directory, (fd) => setQuota(fd, project, { ...limits, limitBytes: 20n * BigInt(MIB) }));
    expect(asUser('head -c 17M /dev/zero > "$1"', file).stderr).toBe('');
  });

  test('a limit below the current usage removes nothing, and refuses new data', async () => {
    const directory = await limitedDirectory(ownDirectory());
    const file = join(directory, 'file');
    expect(asUser('head -c 8M /dev/zero > "$1"', file).stderr).toBe('');
    await atDirectory(directory, (fd) => setQuota(fd, project, { ...limits, limitBytes: BigInt(MIB) }));
    expect(statSync(file).size).toBe(8 * MIB);
    expect(asUser('head -c 1M /dev/zero >> "$1"', file).stderr).toContain(messages[fileSystem.refusal]);
    truncateSync(file, 0);
    expect(asUser('head -c 64K /dev/zero >> "$1"', file).stderr).toBe('');
  });

  test('a project without limits and files leaves no trace', async () => {
    const root = ownDirectory();
    const directory = await limitedDirectory(root);
    writeFileSync(join(directory, 'file'), Buffer.alloc(MIB));
    await atDirectory(directory, (fd) => clearQuota(fd, project));
    expect(await quotaAt(directory)).toMatchObject({ limitBytes: undefined, usedInodes: 2n });
    rmSync(directory, { recursive: true });
    // The kernel may still be freeing removed files.
    while ((await quotaAt(root)) !== undefined);
    expect(await quotaAt(root)).toBeUndefined();
  });

  test('an unused project has no quota', async () => {
    expect(await quotaAt(ownDirectory())).toBeUndefined();
  });

  test('enforced quotas are reported as enforced', async () => {
    expect(await atDirectory(ownDirectory(), isQuotaEnforced)).toBe(true);
  });

  test.each(Object.entries(fileSystem.countingOnly))('%s, it is only counted', async (_, make) => {
    await atDirectory(make(), async (fd) => {
      expect(await isQuotaEnforced(fd)).toBe(false);
      await setQuota(fd, project, limits);
      expect(await quotaOf(fd, project)).toMatchObject(limits);
    });
  });

  test.each(Object.entries(fileSystem.withoutQuota))('%s, quotas are off', async (_, make) => {
    await expectQuotaOff(make());
  });
});

test('btrfs has no projects', async () => {
  const root = btrfs();
  await expectQuotaOff(root);
  await expect(atDirectory(root, (fd) => setProject(fd, project))).rejects.toMatchObject({
    code: 'EOPNOTSUPP',
  });
});

async function expectQuotaOff(root: string): Promise<void> {
  await atDirectory(root, async (fd) => {
    expect(await isQuotaEnforced(fd)).toBe(false);
    await expect(quotaOf(fd, project)).rejects.toSatisfy(isQuotaOff);
    await expect(setQuota(fd, project, limits)).rejects.toSatisfy(isQuotaOff);
  });
}
