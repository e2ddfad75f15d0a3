import { mkdir } from 'node:fs/promises';
import { treeBytes } from '../../kernel/copy-tree.ts';
import { syncFileSystem, withDescriptor } from '../../kernel/descriptor.ts';
import { errno, isErrno } from '../../kernel/errno.ts';
import { eventually } from '../../kernel/eventually.ts';
import {
  clearQuota,
  isQuotaEnforced,
  isQuotaOff,
  type ProjectQuota,
  quotaOf,
  setProject,
  setQuota,
} from '../../kernel/project-quota.ts';
import { removeTree } from '../../kernel/remove-tree.ts';
import { checkFits } from '../../volume/capacity.ts';
import { quote, VolumeError } from '../../volume/errors.ts';
import type {
  Backend,
  ContentLoss,
  CopyControl,
  OccupiedBytes,
  Original,
  VolumeUsage,
} from '../../volume/ports.ts';
import type { Volume } from '../../volume/volume.ts';
import { copyDirectory } from '../copy-directory.ts';
import { limitedUsage } from '../limited-usage.ts';
import { dataOf, lossOfData, prepareRoot } from '../volume-root.ts';
import { PlainDirectory } from './plain-directory.ts';
import type { ProjectIds } from './project-ids.ts';

const BYTES_FOR_EACH_INODE = 4096n;
const LEAST_INODES = 4096n;
// A limit is kept in whole blocks.
const LARGEST_BLOCK_BYTES = 4096n;

/**
 * Volumes as directories of XFS or ext4, each a project of its own with a quota. Everything made in the directory
 * inherits the project. The limit is on inodes as well: on ext4 their number is fixed, and one volume could
 * take those of all.
 */
export class QuotaDirectory implements Backend {
  private readonly projectIds: ProjectIds;

  constructor(projectIds: ProjectIds) {
    this.projectIds = projectIds;
  }

  contentOf(directory: string): string {
    return dataOf(directory);
  }

  async provision(directory: string, volume: Volume): Promise<void> {
    const content = dataOf(directory);
    await mkdir(content, { mode: 0o700 });
    await withDescriptor(content, 'r', async (fd) => {
      await limit(fd, volume);
      await setProject(fd, projectIdOf(volume));
      await prepareRoot(content, fd, volume.root);
    });
  }

  async provisionCopy(
    directory: string,
    volume: Volume,
    original: Original,
    control: CopyControl,
  ): Promise<void> {
    const content = dataOf(directory);
    await mkdir(content, { mode: 0o700 });
    await withDescriptor(content, 'r', async (fd) => {
      await checkEnforced(fd, volume);
      await setProject(fd, projectIdOf(volume));
      // What filled its volume to the last byte may need a little more for metadata here, so the limit comes after.
      await copyDirectory(original, content, control);
      checkFits((await quotaOf(fd, projectIdOf(volume)))?.usedBytes ?? 0n, volume.capacityBytes);
      await limit(fd, volume);
      await syncFileSystem(fd);
    });
  }

  /** Without a project: a snapshot does not grow. */
  snapshot(directory: string, original: Original, control: CopyControl): Promise<void> {
    return new PlainDirectory().snapshot(directory, original, control);
  }

  async destroy(directory: string, volume?: Volume): Promise<void> {
    if (!volume) return removeTree(directory);
    const projectId = projectIdOf(volume);
    await removeTree(dataOf(directory));
    await onDisk(directory, async (fd) => {
      // The file system gives space back in the background; a process with a file open still uses the rest.
      const isUnused = await eventually(async () => isEmpty(await quotaOf(fd, projectId)));
      if (!isUnused)
        throw new Error(`project ${projectId} of ${quote(volume.id)} still uses space on the disk`);
      await clearQuota(fd, projectId);
    });
    this.projectIds.release(projectId);
    await removeTree(directory);
  }

  async applyLimits(directory: string, volume: Volume): Promise<void> {
    await withDescriptor(directory, 'r', (fd) => limit(fd, volume));
  }

  async undoGrowth(directory: string, volume: Volume): Promise<bigint> {
    await this.applyLimits(directory, volume);
    return volume.capacityBytes;
  }

  async usage(directory: string, volume: Volume): Promise<VolumeUsage> {
    const quota = await withDescriptor(directory, 'r', async (fd) => {
      await checkEnforced(fd, volume);
      return quotaOf(fd, projectIdOf(volume));
    });
    const { limitBytes, limitInodes, usedBytes = 0n, usedInodes = 0n } = quota ?? {};
    if (limitBytes === undefined || limitInodes === undefined) throw noQuota(volume);
    const inodes = { limit: limitInodes, used: usedInodes };
    return limitedUsage(directory, { limit: limitBytes, used: usedBytes }, inodes);
  }

  async occupiedBytes(directory: string, volume: Volume): Promise<OccupiedBytes> {
    let quota: ProjectQuota | undefined;
    await onDisk(directory, async (fd) => {
      quota = await quotaOf(fd, projectIdOf(volume));
    });
    return { total: quota?.usedBytes ?? 0n, exclusive: undefined };
  }

  lossOf(directory: string): Promise<ContentLoss | undefined> {
    return lossOfData(directory);
  }

  copyBytes(path: string, signal: AbortSignal): Promise<bigint> {
    return treeBytes(path, signal);
  }
}

/** Sets the limit of a volume's project, and reads it back: some kernels accept what they do not keep. */
async function limit(fd: number, volume: Volume): Promise<void> {
  const projectId = projectIdOf(volume);
  const { capacityBytes } = volume;
  const limitInodes = inodeLimitOf(volume);
  await checkEnforced(fd, volume);
  await setQuota(fd, projectId, { limitBytes: capacityBytes, limitInodes });
  const read = await quotaOf(fd, projectId);
  const isKept =
    read?.limitBytes !== undefined &&
    read.limitBytes >= capacityBytes &&
    read.limitBytes - capacityBytes < LARGEST_BLOCK_BYTES &&
    read.limitInodes === limitInodes;
  if (isKept) return;
  const wanted = `${capacityBytes} bytes and ${limitInodes} inodes`;
  throw new Error(
    `the limits of project ${projectId} read ${read?.limitBytes} and ${read?.limitInodes} after ${wanted} were set`,
  );
}

function inodeLimitOf({ capacityBytes, mutable }: Volume): bigint {
  const bySize = capacityBytes / BYTES_FOR_EACH_INODE;
  return mutable.inodeLimit ?? (bySize < LEAST_INODES ? LEAST_INODES : bySize);
}

/** @throws VolumeError precondition: the disk is mounted so that it counts projects, or not even that */
async function checkEnforced(fd: number, volume: Volume): Promise<void> {
  if (!(await isQuotaEnforced(fd))) throw noQuota(volume);
}

function noQuota({ id, pool }: Volume): VolumeError {
  const message = `volume ${quote(id)} has a project quota, but pool ${quote(pool)} is mounted without one now`;
  return new VolumeError('precondition', message);
}

/** Works on the disk of a volume; without quotas in force there is nothing to take back, and nothing is counted. */
async function onDisk(directory: string, use: (fd: number) => Promise<void>): Promise<void> {
  try {
    await withDescriptor(directory, 'r', use);
  } catch (error) {
    if (!isQuotaOff(error) && !isErrno(error, errno.ENOENT)) throw error;
  }
}

function isEmpty(quota: ProjectQuota | undefined): boolean {
  return quota === undefined || (quota.usedBytes === 0n && quota.usedInodes === 0n);
}

function projectIdOf({ id, content }: Volume): number {
  if (content.backend !== 'quota') throw new Error(`volume ${quote(id)} has no project`);
  return content.projectId;
}
