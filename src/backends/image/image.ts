import { join } from 'node:path';
import { blockDeviceBytes } from '../../kernel/calls/block-device.ts';
import { syncDescriptor, withDescriptor } from '../../kernel/calls/descriptor.ts';
import { errno, isErrno } from '../../kernel/calls/errno.ts';
import { statusOf } from '../../kernel/calls/statx.ts';
import { findLoop } from '../../kernel/devices/find-loop.ts';
import { FileSystemIdError, renewFileSystemId } from '../../kernel/file-systems/btrfs-identity.ts';
import {
  allocateAll,
  allocatedBytes,
  growSparse,
  makeSparse,
  truncateSparse,
} from '../../kernel/files/sparse-file.ts';
import { copyFile, fileSystemOn, fileSystemState } from '../../kernel/workers/file-tasks.ts';
import { removeTree } from '../../kernel/workers/tree-tasks.ts';
import { invalidValue, quote, VolumeError } from '../../model/errors.ts';
import { fullBytesOf, headerBytesOf, type SizedContent } from '../../model/objects/encryption.ts';
import { isBlock, isThick, mountedImageUse, type Volume } from '../../model/objects/volume.ts';
import type {
  Backend,
  ContentFault,
  ContentLoss,
  CopyControl,
  CopySource,
  NewContent,
  OccupiedBytes,
  StoredContent,
  VolumeUsage,
} from '../../model/ports/ports.ts';
import { wholeSectors } from '../../model/requests/capacity.ts';
import { max, min } from '../../units/bigint.ts';
import { statusUnlessMissing } from '../volume-root.ts';
import { checkMkfsOptions } from './mkfs.ts';

/**
 * Volumes as files attached as block devices: their size is exact on any file system. The file is sparse, so it takes the
 * pool's space only as it is written, and reads as zeros until then.
 */
export class Image implements Backend {
  contentOf(directory: string): string {
    return join(directory, 'image');
  }

  emptyContent(volume: Volume): NewContent {
    const { content } = volume;
    const { fsType, mkfsOptions } = mountedImageUse(content) ?? {};
    return async (directory) => {
      const path = this.contentOf(directory);
      await makeSparse(path, imageBytesOf(volume));
      if (fsType && mkfsOptions !== undefined) await checkMkfsOptions(path, fsType, mkfsOptions);
      if (isThick(content)) await allocateThick(path);
      await withDescriptor(path, 'r', syncDescriptor);
    };
  }

  async provisionCopy(
    directory: string,
    volume: Volume,
    source: CopySource,
    control: CopyControl,
  ): Promise<void> {
    const { content } = volume;
    const path = this.contentOf(directory);
    await copyImage(source, path, control, imageBytesOf(volume));
    if (isThick(content)) await allocateThick(path, { isUnshared: true, signal: control.signal });
    // The kernel takes two btrfs with the same id for one. The content of a block volume is up to its user.
    if (isBlock(content) || (await fileSystemOn(path)) !== 'btrfs') return;
    await renewId(path, 'path' in source ? source.path : path);
    await withDescriptor(path, 'r', syncDescriptor);
  }

  /** An image is its own limit. */
  async charge(): Promise<void> {}

  async snapshot(directory: string, source: CopySource, control: CopyControl): Promise<void> {
    await copyImage(source, this.contentOf(directory), control);
  }

  async destroy(directory: string): Promise<void> {
    await removeTree(directory);
  }

  async applyLimits(directory: string, volume: Volume): Promise<void> {
    const path = this.contentOf(directory);
    await growSparse(path, imageBytesOf(volume));
    if (isThick(volume.content)) await allocateThick(path);
    await withDescriptor(path, 'r', syncDescriptor);
  }

  /** An image shorter than its record has lost data, so it is not extended. */
  async restoreLimits(): Promise<boolean> {
    return false;
  }

  async recount(): Promise<undefined> {
    return undefined;
  }

  async faultsOf(): Promise<ContentFault[]> {
    return [];
  }

  async originalIn(directory: string): Promise<StoredContent> {
    return { backend: 'image', path: this.contentOf(directory) };
  }

  async undoGrowth(directory: string, volume: Volume): Promise<bigint> {
    const { content, capacityBytes } = volume;
    const wantedBytes = imageBytesOf(volume);
    const sizeBytes = await undoGrowth(this.contentOf(directory), wantedBytes);
    return sizeBytes > wantedBytes ? sizeBytes - headerBytesOf(content) : capacityBytes;
  }

  /** A mounted image's file system reports its own space. */
  async usage(directory: string, { capacityBytes, content }: Volume): Promise<VolumeUsage | undefined> {
    if (!isBlock(content)) return undefined;
    const allocated = await allocatedBytes(this.contentOf(directory));
    const used = min(allocated, capacityBytes);
    return { bytes: { total: capacityBytes, used, available: capacityBytes - used }, inodes: undefined };
  }

  async occupiedBytes(directory: string): Promise<OccupiedBytes> {
    return { total: await allocatedBytes(this.contentOf(directory)), exclusive: undefined };
  }

  async lossOf(directory: string, sized: SizedContent): Promise<ContentLoss | undefined> {
    const status = await statusUnlessMissing(this.contentOf(directory));
    if (status?.type !== 'file') return { kind: 'missing' };
    if (status.sizeBytes >= fullBytesOf(sized)) return undefined;
    return { kind: 'truncated', sizeBytes: max(0n, status.sizeBytes - headerBytesOf(sized.content)) };
  }

  copyBytes(path: string): Promise<bigint> {
    return allocatedBytes(path);
  }
}

/** The size of the image of a volume, in bytes. */
function imageBytesOf(volume: Volume): bigint {
  return wholeSectors(fullBytesOf(volume));
}

/** @throws VolumeError invalid: the file system of the pool cannot do that */
async function allocateThick(...args: Parameters<typeof allocateAll>): Promise<void> {
  try {
    await allocateAll(...args);
  } catch (error) {
    if (!isErrno(error, errno.EOPNOTSUPP)) throw error;
    const why = 'is impossible here: the file system of the pool cannot allocate space in advance';
    throw invalidValue('provisioning', 'thick', why);
  }
}

async function copyImage(
  source: CopySource,
  path: string,
  control: CopyControl,
  minBytes?: bigint,
): Promise<void> {
  if (!('write' in source)) {
    await copyFile(source.path, path, control, minBytes);
    return;
  }
  const sizeBytes = wholeSectors(source.sizeBytes);
  if (source.base) await copyFile(source.base.path, path, control, sizeBytes);
  else await makeSparse(path, sizeBytes);
  await source.write(path, control);
}

/** @throws VolumeError precondition: the original's btrfs is damaged, or of a kind that the driver does not make */
async function renewId(path: string, original: string): Promise<void> {
  try {
    await renewFileSystemId(path);
  } catch (error) {
    if (!(error instanceof FileSystemIdError)) throw error;
    const message = `cannot copy the btrfs in ${quote(original)}: ${error.reason}`;
    throw new VolumeError('precondition', message, { cause: error });
  }
}

/**
 * Truncates an image if certainly nothing is lost: its device, if it has one, and its file system do not reach beyond the
 * new size, and nothing was ever written there.
 * @returns the resulting size in bytes
 */
async function undoGrowth(path: string, bytes: bigint): Promise<bigint> {
  const sizeBytes = await withDescriptor(path, 'r', (fd) => statusOf(fd).sizeBytes);
  if (sizeBytes <= bytes) return sizeBytes;
  const device = await withDescriptor(path, 'r', findLoop);
  if (device && (await blockDeviceBytes(device.path)) > bytes) return sizeBytes;
  // Nothing tells how far a file system in an encrypted container reaches.
  if (!device && (await fileSystemOn(path)) === 'luks2') return sizeBytes;
  // If there is a device, its file system does not reach beyond the device.
  if (!device && ((await fileSystemState(path))?.sizeBytes ?? 0n) > bytes) return sizeBytes;
  return truncateSparse(path, bytes);
}
