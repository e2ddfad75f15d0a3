import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ProjectIds } from '../backends/directory/project-ids.ts';
import { availableFileSystems } from '../backends/image/mkfs.ts';
import { withDescriptor } from '../kernel/calls/descriptor.ts';
import { errno, errnoOf, isErrno } from '../kernel/calls/errno.ts';
import { isScarcity, retried } from '../kernel/calls/passing-error.ts';
import { fileSystemName, fileSystemOf } from '../kernel/calls/statfs.ts';
import { statusOf } from '../kernel/calls/statx.ts';
import { BTRFS_MAGIC, fileSystemUuid } from '../kernel/file-systems/btrfs.ts';
import { quotaMode } from '../kernel/file-systems/btrfs-quota.ts';
import { clearQuota, isQuotaEnforced, setProject, setQuota } from '../kernel/file-systems/project-quota.ts';
import { canReflink, saysItReflinks } from '../kernel/files/reflink.ts';
import { removeTree } from '../kernel/trees/remove-tree.ts';
import type { DirectoryAbility, PoolAbilities } from '../model/ports/pool.ts';
import type { PoolLayout } from '../records/pool-layout.ts';
import { takesNoWrites } from './directory/make-layout.ts';

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
const cannotTell = [errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM, errno.EACCES];

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
  if (!(await saysItEnforces(metadata))) return false;
  const directory = join(metadata, 'quota-probe');
  let projectId: number | undefined;
  try {
    projectId = await projectIds.reserve(metadata);
    return (await totalUnderLimit(directory, projectId)) === PROBE_LIMIT_BYTES;
  } catch (error) {
    if (takesNoWrites(error)) return true;
    if (errnoOf(error) === undefined) throw error;
    return false;
  } finally {
    if (projectId !== undefined) await endProbe(directory, projectId, projectIds);
  }
}

async function saysItEnforces(metadata: string): Promise<boolean> {
  try {
    return await retried(() => withDescriptor(metadata, 'r', isQuotaEnforced));
  } catch (error) {
    if (isErrno(error, ...cannotTell)) return false;
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
async function endProbe(directory: string, projectId: number, projectIds: ProjectIds): Promise<void> {
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
    return await retried(() => canReflink(metadata), isScarcity);
  } catch (error) {
    if (!takesNoWrites(error)) throw error;
    return (await saysItReflinks(metadata)) ?? false;
  }
}

async function hasLoopDevices(): Promise<boolean> {
  try {
    await (await retried(() => open('/dev/loop-control', 'r+'), isScarcity)).close();
    return true;
  } catch (error) {
    if (isScarcity(error)) throw error;
    return false;
  }
}
