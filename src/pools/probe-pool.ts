import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ProjectIds } from '../backends/directory/project-ids.ts';
import { availableFileSystems } from '../backends/image/mkfs.ts';
import { withDescriptor } from '../kernel/calls/descriptor.ts';
import { errno, errnoOf, isErrno } from '../kernel/calls/errno.ts';
import { fileSystemName, fileSystemOf } from '../kernel/calls/statfs.ts';
import { statusOf } from '../kernel/calls/statx.ts';
import { isResourceShortage, retry } from '../kernel/calls/transient-error.ts';
import { BTRFS_MAGIC, fileSystemUuid } from '../kernel/file-systems/btrfs.ts';
import { quotaMode } from '../kernel/file-systems/btrfs-quota.ts';
import { clearQuota, isQuotaEnforced, setProject, setQuota } from '../kernel/file-systems/project-quota.ts';
import { canReflink, reportsReflink } from '../kernel/files/reflink.ts';
import { removeTree } from '../kernel/workers/tree-tasks.ts';
import { Account } from '../model/objects/account.ts';
import type { DirectoryAbility, PoolAbilities } from '../model/ports/pool.ts';
import type { PoolLayout } from '../records/pool-layout.ts';
import { isUnwritableError } from './directory/make-layout.ts';

/** The file system of a pool, and what it can do. */
export interface PoolProbe {
  /** `xfs`, `ext4`, … */
  readonly fileSystem: string;
  /** What enforces the size of directories: project quota, a kind of btrfs quota, or nothing. */
  readonly quota: 'project' | 'qgroup' | 'squota' | 'none';
  readonly abilities: PoolAbilities;
}

const PROBE_LIMIT_BYTES = 8n * 1024n ** 2n;
const PROBE_LIMIT_INODES = 1024n;

/** The errors of a file system or kernel that has no projects, or does not let the driver use them. */
const noQuotaNumbers = [errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM, errno.EACCES];

/** Identifies the disk of a pool: btrfs has a device number per subvolume, but one UUID. */
export function diskOf(root: string): Promise<string> {
  return withDescriptor(root, 'r', async (fd) =>
    (await fileSystemOf(fd)).magic === BTRFS_MAGIC ? fileSystemUuid(fd) : statusOf(fd).device,
  );
}

/** Determines what a pool can do, by trying it if nothing else is reliable. */
export async function probePool({ root, metadata }: PoolLayout, projectIds: ProjectIds): Promise<PoolProbe> {
  const { magic } = await withDescriptor(root, 'r', fileSystemOf);
  const isBtrfs = magic === BTRFS_MAGIC;
  const quota = isBtrfs ? await btrfsQuota(root) : await projectQuota(metadata, projectIds);
  const limited: DirectoryAbility = quota === 'project' ? { backend: 'quota' } : { backend: 'directory' };
  const directories: DirectoryAbility = isBtrfs
    ? { backend: 'subvolume', isLimited: quota !== 'none' }
    : limited;
  return {
    fileSystem: fileSystemName(magic),
    quota,
    abilities: {
      directories,
      hasImages: availableFileSystems().length > 0 && (await hasLoopDevices()),
      sharesBlocks: await canShareBlocks(metadata),
    },
  };
}

async function btrfsQuota(root: string): Promise<'qgroup' | 'squota' | 'none'> {
  const mode = await quotaMode(await withDescriptor(root, 'r', fileSystemUuid));
  return mode === 'off' ? 'none' : mode;
}

async function projectQuota(metadata: string, projectIds: ProjectIds): Promise<'project' | 'none'> {
  return (await hasProjectQuota(metadata, projectIds)) ? 'project' : 'none';
}

/**
 * Whether project limits are enforced. The kernel's answer is not enough, since a file system may report limits as
 * enforced and yet ignore them. So this sets a limit and checks the total space that the directory reports. If the disk
 * accepts no writes now, the kernel's answer is used: assuming no quotas would make the pool's next volumes unlimited.
 */
async function hasProjectQuota(metadata: string, projectIds: ProjectIds): Promise<boolean> {
  if (!(await reportsEnforcement(metadata))) return false;
  const directory = join(metadata, 'quota-probe');
  let projectId: number | undefined;
  try {
    projectId = await projectIds.reserve(metadata);
    return (await totalUnderLimit(directory, projectId)) === PROBE_LIMIT_BYTES;
  } catch (error) {
    if (isUnwritableError(error)) return true;
    if (errnoOf(error) === undefined) throw error;
    return false;
  } finally {
    if (projectId !== undefined) await cleanUpProbe(directory, projectId, projectIds);
  }
}

async function reportsEnforcement(metadata: string): Promise<boolean> {
  try {
    return await retry(() => withDescriptor(metadata, 'r', isQuotaEnforced));
  } catch (error) {
    if (isErrno(error, ...noQuotaNumbers)) return false;
    throw error;
  }
}

async function totalUnderLimit(directory: string, projectId: number): Promise<bigint> {
  // Left by a crash.
  await removeTree(directory);
  await mkdir(directory, { mode: 0o700 });
  return withDescriptor(directory, 'r', async (fd) => {
    await setQuota(fd, projectId, { limitBytes: PROBE_LIMIT_BYTES, limitInodes: PROBE_LIMIT_INODES });
    await setProject(fd, projectId);
    return (await fileSystemOf(fd)).totalBytes;
  });
}

/** If the disk accepts no writes, the next probe removes what remains. */
async function cleanUpProbe(directory: string, projectId: number, projectIds: ProjectIds): Promise<void> {
  try {
    await removeTree(directory);
    await withDescriptor(dirname(directory), 'r', (fd) => clearQuota(fd, projectId));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
  projectIds.release(projectId);
}

/**
 * A file system that accepts no writes now is asked for its features; if it does not report them, assume no sharing.
 */
async function canShareBlocks(metadata: string): Promise<boolean> {
  try {
    return await retry(() => canReflink(metadata), isResourceShortage);
  } catch (error) {
    if (!isUnwritableError(error)) throw error;
    return (await reportsReflink(metadata)) ?? false;
  }
}

async function hasLoopDevices(): Promise<boolean> {
  try {
    await (await retry(() => open('/dev/loop-control', 'r+'), isResourceShortage)).close();
    return true;
  } catch (error) {
    if (isResourceShortage(error)) throw error;
    return false;
  }
}

/** The state shared by the pools on one disk. */
export interface Disk {
  /** The bytes reserved on it for volumes with an enforced size. */
  readonly account: Account;
  readonly projectIds: ProjectIds;
}

/** The disks of all pools. */
export class Disks {
  private readonly byKey = new Map<string, Disk>();

  /** @param key from `diskOf` */
  get(key: string): Disk {
    const disk = this.byKey.get(key) ?? { account: new Account(undefined), projectIds: new ProjectIds() };
    this.byKey.set(key, disk);
    return disk;
  }
}
