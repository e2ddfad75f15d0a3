import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFileSystem, withDescriptor } from '../../kernel/calls/descriptor.ts';
import { errno, isErrno } from '../../kernel/calls/errno.ts';
import {
  commitTransaction,
  createSubvolume,
  deleteSubvolume,
  isReadOnlySubvolume,
  snapshotSubvolume,
} from '../../kernel/file-systems/btrfs.ts';
import { setCompression, setNoDataCow } from '../../kernel/file-systems/btrfs-attributes.ts';
import { removeTree } from '../../kernel/workers/tree-tasks.ts';
import { subvolumeAttributes, type Volume } from '../../model/objects/volume.ts';
import type {
  ArrivingContent,
  Backend,
  ContentFault,
  ContentLoss,
  CopyControl,
  CopySource,
  NewContent,
  OccupiedBytes,
  RestoreOptions,
  StoredContent,
  VolumeUsage,
} from '../../model/ports/ports.ts';
import { checkFits } from '../../model/requests/capacity.ts';
import { copyDirectory, directoryBytes } from '../copy-directory.ts';
import { limitedUsage } from '../limited-usage.ts';
import { dataOf, lossOfData, prepareRoot, withData, withExistingData } from '../volume-root.ts';
import { isOwnSubvolume, originalData } from './data-kind.ts';
import { dataLimit, removeLimit, setLimit } from './qgroup-limit.ts';
import { cannotLimitError, enforcementFault, readOnlyFault } from './subvolume-faults.ts';

/**
 * Volumes as btrfs subvolumes, each limited to its size by its own qgroup if quotas were on when it was created. Manually
 * restored data is a plain directory and is treated as one: `dataLimit` checks before any operation.
 */
export class Subvolume implements Backend {
  contentOf(directory: string): string {
    return dataOf(directory);
  }

  emptyContent(volume: Volume): NewContent {
    return (directory) => this.makeEmpty(directory, volume);
  }

  async provisionCopy(
    directory: string,
    volume: Volume,
    source: CopySource,
    control: CopyControl,
  ): Promise<void> {
    if ('write' in source && source.isSubvolume) await receiveWritable(directory, source, control);
    else if (!(await trySnapshot(directory, source, { readOnly: false }))) {
      await withDescriptor(directory, 'r', (fd) => createSubvolume(fd, 'data'));
      await copyDirectory(source, dataOf(directory), control);
    }
    await withDescriptor(dataOf(directory), 'r', async (fd) => {
      await setAttributes(fd, volume);
      // A snapshot inherits the limit of its source.
      if (isLimited(volume)) await limitCopy(fd, directory, volume);
      else await removeLimit(fd);
      await syncFileSystem(fd);
    });
  }

  /** Nothing moves here: only a new subvolume can be limited and snapshotted. */
  async charge(): Promise<void> {}

  async snapshot(directory: string, source: CopySource, control: CopyControl): Promise<void> {
    if ('write' in source && source.isSubvolume) await source.write(directory, control);
    else if (!(await trySnapshot(directory, source, { readOnly: true }))) {
      await makeData(directory);
      await copyDirectory(source, dataOf(directory), control);
    }
    await withDescriptor(dataOf(directory), 'r', async (fd) => {
      await removeLimit(fd);
      await syncFileSystem(fd);
    });
  }

  async destroy(directory: string): Promise<void> {
    await removeTree(directory);
  }

  async applyLimits(directory: string, volume: Volume): Promise<void> {
    if (!isLimited(volume)) return;
    await withExistingData(directory, async (fd) => {
      await limit(fd, directory, volume);
      // Neither this call nor the following sync of the record writes the qgroup to disk.
      if (await isOwnSubvolume(fd)) await commitTransaction(fd);
    });
  }

  async restoreLimits(directory: string, volume: Volume, how?: RestoreOptions): Promise<boolean> {
    if (!isLimited(volume)) return false;
    return withData(directory, async (fd) => {
      const found = await dataLimit(fd);
      if (found.kind !== 'qgroup' || found.limitBytes === volume.capacityBytes) return false;
      if (!how?.isDryRun) await setLimit(fd, found.id, volume.capacityBytes);
      return true;
    });
  }

  async recount(): Promise<undefined> {
    return undefined;
  }

  async faultsOf(directory: string, volume: Volume): Promise<ContentFault[]> {
    return withData(directory, async (fd) => {
      const found = await dataLimit(fd);
      const notEnforced = isLimited(volume)
        ? await enforcementFault(fd, directory, volume, found)
        : undefined;
      const isReadOnly = found.kind !== 'directory' && isReadOnlySubvolume(fd);
      return [
        ...(notEnforced ? [notEnforced] : []),
        ...(isReadOnly ? [readOnlyFault(directory, volume)] : []),
      ];
    });
  }

  originalIn(directory: string): Promise<StoredContent> {
    return originalData(directory);
  }

  async undoGrowth(directory: string, volume: Volume): Promise<bigint> {
    await this.applyLimits(directory, volume);
    return volume.capacityBytes;
  }

  async usage(directory: string, volume: Volume): Promise<VolumeUsage | undefined> {
    if (!isLimited(volume)) return undefined;
    const found = await withData(directory, dataLimit);
    if (found.kind === 'quotas-off') throw cannotLimitError(directory, volume, found);
    if (found.kind !== 'qgroup' || found.limitBytes === undefined) return undefined;
    const bytes = { limit: found.limitBytes, used: found.usedBytes };
    // btrfs creates inodes on demand and has no inode count.
    return limitedUsage(directory, bytes, undefined);
  }

  async occupiedBytes(directory: string, volume: Volume): Promise<OccupiedBytes> {
    if (!isLimited(volume)) return { total: 0n, exclusive: 0n };
    const found = await withData(directory, dataLimit);
    if (found.kind !== 'qgroup') return { total: 0n, exclusive: 0n };
    return { total: found.usedBytes, exclusive: found.exclusiveBytes };
  }

  lossOf(directory: string): Promise<ContentLoss | undefined> {
    return lossOfData(directory);
  }

  copyBytes(path: string, signal: AbortSignal): Promise<bigint> {
    return directoryBytes(path, signal);
  }

  private async makeEmpty(directory: string, volume: Volume): Promise<void> {
    const content = dataOf(directory);
    await withDescriptor(directory, 'r', (fd) => createSubvolume(fd, 'data'));
    await withDescriptor(content, 'r', async (fd) => {
      if (isLimited(volume)) await limit(fd, directory, volume);
      await setAttributes(fd, volume);
      await prepareRoot(content, fd, volume.root);
      // Syncing only the directory does not cover the qgroup.
      await syncFileSystem(fd);
    });
  }
}

/** New files in the root directory, and in directories made in it, get these attributes; those of a copy keep theirs. */
async function setAttributes(fd: number, { content }: Volume): Promise<void> {
  const { compression, noDataCow } = subvolumeAttributes(content) ?? {};
  if (compression === undefined && !noDataCow) return;
  // Manually restored data may be on another file system.
  if (!(await isOwnSubvolume(fd))) return;
  if (compression !== undefined) setCompression(fd, compression);
  else setNoDataCow(fd);
}

/** Sets the limit of a volume's data, unless the data is a plain directory, which cannot have one. */
async function limit(fd: number, directory: string, volume: Volume): Promise<void> {
  const found = await dataLimit(fd);
  switch (found.kind) {
    case 'directory':
      return;
    case 'quotas-off':
    case 'no-qgroup':
      throw cannotLimitError(directory, volume, found);
    case 'qgroup':
      await setLimit(fd, found.id, volume.capacityBytes);
  }
}

/** Limits a subvolume that already has content, which may exceed the limit. */
async function limitCopy(fd: number, directory: string, volume: Volume): Promise<void> {
  const found = await dataLimit(fd);
  checkFits(found.kind === 'qgroup' ? found.usedBytes : 0n, volume.capacityBytes);
  await limit(fd, directory, volume);
}

/** Receives a subvolume, which is read-only, and makes a writable one of it. */
async function receiveWritable(
  directory: string,
  { write }: ArrivingContent,
  control: CopyControl,
): Promise<void> {
  const received = join(directory, 'received');
  await mkdir(received, { mode: 0o700 });
  await write(received, control);
  await withDescriptor(received, 'r', async (receivedFd) => {
    await withDescriptor(dataOf(received), 'r', (sourceFd) =>
      withDescriptor(directory, 'r', (fd) => snapshotSubvolume(sourceFd, fd, 'data', { readOnly: false })),
    );
    await deleteSubvolume(receivedFd, 'data');
  });
  await rmdir(received);
}

/** Makes an empty subvolume. If the pool has been moved to another type of file system, the copy makes a directory. */
async function makeData(directory: string): Promise<void> {
  try {
    await withDescriptor(directory, 'r', (fd) => createSubvolume(fd, 'data'));
  } catch (error) {
    if (!isErrno(error, errno.ENOTTY)) throw error;
  }
}

/** Takes a snapshot of a subvolume on the same file system. @returns false if the original is not such a subvolume */
async function trySnapshot(
  directory: string,
  source: CopySource,
  how: { readOnly: boolean },
): Promise<boolean> {
  if ('write' in source || source.backend !== 'subvolume') return false;
  try {
    await withDescriptor(source.path, 'r', (sourceFd) =>
      withDescriptor(directory, 'r', (fd) => snapshotSubvolume(sourceFd, fd, 'data', how)),
    );
    return true;
  } catch (error) {
    // The original lies on another file system, or the pool is no longer on btrfs.
    if (isErrno(error, errno.EXDEV, errno.ENOTTY)) return false;
    throw error;
  }
}

function isLimited({ content }: Volume): boolean {
  return content.backend === 'subvolume' && content.isLimited;
}
