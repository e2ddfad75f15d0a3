import { createSubvolume, fileSystemUuid, snapshotSubvolume, subvolumeId } from '../../kernel/btrfs.ts';
import { type Qgroup, qgroupOf, removeQgroup, setQgroupLimit } from '../../kernel/btrfs-quota.ts';
import { treeBytes } from '../../kernel/copy-tree.ts';
import { syncFileSystem, withDescriptor } from '../../kernel/descriptor.ts';
import { errno, isErrno } from '../../kernel/errno.ts';
import { removeSubvolumeTree } from '../../kernel/remove-subvolume-tree.ts';
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

/** Volumes as subvolumes of btrfs, each held to its size by its own qgroup where quotas were on as it was made. */
export class Subvolume implements Backend {
  contentOf(directory: string): string {
    return dataOf(directory);
  }

  async provision(directory: string, volume: Volume): Promise<void> {
    const content = dataOf(directory);
    await withDescriptor(directory, 'r', (fd) => createSubvolume(fd, 'data'));
    await withDescriptor(content, 'r', async (fd) => {
      if (isLimited(volume)) await limit(fd, volume);
      await prepareRoot(content, fd, volume.root);
      // Syncing the directory alone does not cover the qgroup.
      await syncFileSystem(fd);
    });
  }

  async provisionCopy(
    directory: string,
    volume: Volume,
    original: Original,
    control: CopyControl,
  ): Promise<void> {
    const content = dataOf(directory);
    if (!(await isSnapshotTaken(directory, original, { readOnly: false }))) {
      await withDescriptor(directory, 'r', (fd) => createSubvolume(fd, 'data'));
      await copyDirectory(original, content, control);
    }
    await withDescriptor(content, 'r', async (fd) => {
      // A subvolume gets the limit of the one it is a snapshot of.
      if (isLimited(volume)) await limitCopy(fd, volume);
      else await unlimit(fd);
      await syncFileSystem(fd);
    });
  }

  async snapshot(directory: string, original: Original): Promise<void> {
    if (!(await isSnapshotTaken(directory, original, { readOnly: true }))) {
      throw new Error(`${original.path} is no subvolume of the file system of ${directory}`);
    }
    await withDescriptor(dataOf(directory), 'r', async (fd) => {
      await unlimit(fd);
      await syncFileSystem(fd);
    });
  }

  async destroy(directory: string): Promise<void> {
    try {
      await withDescriptor(directory, 'r', async (fd) => {
        // Newer kernels remove the qgroups of deleted subvolumes by themselves; the call then finds none.
        for (const id of await removeSubvolumeTree(fd, 'data')) await removeQgroup(fd, id);
      });
    } catch (error) {
      if (!isErrno(error, errno.ENOENT)) throw error;
    }
    await removeTree(directory);
  }

  async applyLimits(directory: string, volume: Volume): Promise<void> {
    if (isLimited(volume)) await withDescriptor(dataOf(directory), 'r', (fd) => limit(fd, volume));
  }

  async undoGrowth(directory: string, volume: Volume): Promise<bigint> {
    await this.applyLimits(directory, volume);
    return volume.capacityBytes;
  }

  async usage(directory: string, volume: Volume): Promise<VolumeUsage | undefined> {
    if (!isLimited(volume)) return undefined;
    const qgroup = await qgroupAt(directory);
    if (qgroup?.limitBytes === undefined) throw noQgroup(volume);
    const bytes = { limit: qgroup.limitBytes, used: qgroup.usedBytes };
    // btrfs makes inodes as it goes and counts none.
    return limitedUsage(directory, bytes, undefined);
  }

  async occupiedBytes(directory: string, volume: Volume): Promise<OccupiedBytes> {
    const qgroup = isLimited(volume) ? await qgroupAt(directory) : undefined;
    return { total: qgroup?.usedBytes ?? 0n, exclusive: qgroup?.exclusiveBytes ?? 0n };
  }

  lossOf(directory: string): Promise<ContentLoss | undefined> {
    return lossOfData(directory);
  }

  copyBytes(path: string, signal: AbortSignal): Promise<bigint> {
    return treeBytes(path, signal);
  }
}

function qgroupAt(directory: string): Promise<Qgroup | undefined> {
  return withDescriptor(dataOf(directory), 'r', (fd) => qgroupOf(fileSystemUuid(fd), subvolumeId(fd)));
}

/** Sets the limit of a subvolume's qgroup, and reads it back. */
async function limit(fd: number, volume: Volume): Promise<void> {
  const { capacityBytes } = volume;
  const id = subvolumeId(fd);
  try {
    await setQgroupLimit(fd, id, capacityBytes);
  } catch (error) {
    if (isErrno(error, errno.ENOTCONN, errno.EINVAL)) throw noQgroup(volume, error);
    throw error;
  }
  const { limitBytes } = (await qgroupOf(fileSystemUuid(fd), id)) ?? {};
  if (limitBytes !== capacityBytes) {
    throw new Error(`the limit of qgroup 0/${id} reads ${limitBytes} after ${capacityBytes} was set`);
  }
}

/** Limits a subvolume that has its content already, which nothing may have held to a size before. */
async function limitCopy(fd: number, volume: Volume): Promise<void> {
  const qgroup = await qgroupOf(fileSystemUuid(fd), subvolumeId(fd));
  checkFits(qgroup?.usedBytes ?? 0n, volume.capacityBytes);
  await limit(fd, volume);
}

/** Lets a subvolume hold anything; where quotas are off it does already. */
async function unlimit(fd: number): Promise<void> {
  try {
    await setQgroupLimit(fd, subvolumeId(fd), undefined);
  } catch (error) {
    if (!isErrno(error, errno.ENOTCONN, errno.EINVAL, errno.ENOENT)) throw error;
  }
}

/** Takes a snapshot of a subvolume of the same file system. @returns false where the original is none */
async function isSnapshotTaken(
  directory: string,
  { backend, path }: Original,
  how: { readOnly: boolean },
): Promise<boolean> {
  if (backend !== 'subvolume') return false;
  try {
    await withDescriptor(path, 'r', (sourceFd) =>
      withDescriptor(directory, 'r', (fd) => snapshotSubvolume(sourceFd, fd, 'data', how)),
    );
    return true;
  } catch (error) {
    if (isErrno(error, errno.EXDEV)) return false;
    throw error;
  }
}

function noQgroup({ id, pool }: Volume, cause?: unknown): VolumeError {
  const message = `volume ${quote(id)} has a qgroup limit, but quotas are off on pool ${quote(pool)} now`;
  return new VolumeError('precondition', message, { cause });
}

function isLimited({ content }: Volume): boolean {
  return content.backend === 'subvolume' && content.isLimited;
}
