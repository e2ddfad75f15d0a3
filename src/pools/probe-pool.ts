import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProjectIds } from '../backends/directory/project-ids.ts';
import { availableFileSystems } from '../backends/image/mkfs.ts';
import { BTRFS_MAGIC, fileSystemUuid } from '../kernel/btrfs.ts';
import { quotaMode } from '../kernel/btrfs-quota.ts';
import { withDescriptor } from '../kernel/descriptor.ts';
import { errnoOf } from '../kernel/errno.ts';
import { clearQuota, setProject, setQuota } from '../kernel/project-quota.ts';
import { canReflink } from '../kernel/reflink.ts';
import { removeTree } from '../kernel/remove-tree.ts';
import { fileSystemName, fileSystemOf } from '../kernel/statfs.ts';
import { statusOf } from '../kernel/statx.ts';
import type { PoolLayout } from '../records/pool-layout.ts';
import type { DirectoryAbility, PoolAbilities } from '../volume/pool.ts';

/** What the file system of a pool is, and what it can do. */
export interface PoolProbe {
  /** `xfs`, `ext4`, … */
  readonly fileSystem: string;
  /** What holds directories to their size: project quota, a kind of btrfs quota, or nothing. */
  readonly quota: 'project' | 'qgroup' | 'squota' | 'none';
  readonly abilities: PoolAbilities;
}

const PROBE_LIMIT_BYTES = 8n * 1024n ** 2n;
const PROBE_LIMIT_INODES = 1024n;

/** What tells the disk of a pool from others: btrfs has a device number for each subvolume, but one uuid. */
export function diskOf(root: string): Promise<string> {
  return withDescriptor(root, 'r', async (fd) =>
    (await fileSystemOf(fd)).magic === BTRFS_MAGIC ? fileSystemUuid(fd) : statusOf(fd).device,
  );
}

/** Finds out what a pool can do, by doing it where nothing else is sure. */
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
      sharesBlocks: await canReflink(metadata),
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
 * Whether limits of projects are in force. A file system may accept them and not keep them, so one is set, and the
 * space of the directory looked at.
 */
async function hasProjectQuota(metadata: string, projectIds: ProjectIds): Promise<boolean> {
  const directory = join(metadata, 'quota-probe');
  try {
    const projectId = await projectIds.reserve(metadata);
    // What a crash has left.
    await removeTree(directory);
    await mkdir(directory, { mode: 0o700 });
    const total = await withDescriptor(directory, 'r', async (fd) => {
      await setQuota(fd, projectId, { limitBytes: PROBE_LIMIT_BYTES, limitInodes: PROBE_LIMIT_INODES });
      await setProject(fd, projectId);
      return (await fileSystemOf(fd)).totalBytes;
    });
    await removeTree(directory);
    await withDescriptor(metadata, 'r', (fd) => clearQuota(fd, projectId));
    projectIds.release(projectId);
    return total === PROBE_LIMIT_BYTES;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    await removeTree(directory);
    return false;
  }
}

async function hasLoopDevices(): Promise<boolean> {
  try {
    await (await open('/dev/loop-control', 'r+')).close();
    return true;
  } catch {
    return false;
  }
}
