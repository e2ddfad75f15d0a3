import { blockDeviceBytes } from '../calls/block-device.ts';
import { readAt, withDescriptor } from '../calls/descriptor.ts';
import { errno, KernelError } from '../calls/errno.ts';
import { ioctl, ioctlSync } from '../calls/ioctl.ts';
import { below } from '../calls/path-handle.ts';
import { fileSystemOf } from '../calls/statfs.ts';
import { runProgram } from '../process/program.ts';
import { decodeExt4Superblock, EXT4_SUPERBLOCK, type Ext4Geometry, ext4FullBlocks } from './ext4-size.ts';
import type { ImageFileSystem } from './superblock.ts';

const EXT4_IOC_RESIZE_FS = { name: 'EXT4_IOC_RESIZE_FS', number: 0x40086610 };
const XFS_IOC_FSGEOMETRY_V1 = { name: 'XFS_IOC_FSGEOMETRY_V1', number: 0x80705864 };
const XFS_IOC_FSGROWFSDATA = { name: 'XFS_IOC_FSGROWFSDATA', number: 0x4010586e };
const BTRFS_IOC_RESIZE = { name: 'BTRFS_IOC_RESIZE', number: 0x50009403 };

/** struct xfs_fsop_geom_v1. */
const xfsGeometry = { bytes: 112, blockBytes: 0, groupBlocks: 8, inodePercent: 28, dataBlocks: 32 } as const;
// The smallest allocation group of XFS.
const XFS_MIN_GROUP_BLOCKS = 64n;
/** struct btrfs_ioctl_vol_args. */
const btrfsArguments = { bytes: 4096, name: 8 } as const;
const BTRFS_SECTOR_BYTES = 4096n;

/**
 * The smallest sizes, in bytes, to which file systems can be grown. Linux refuses to resize a btrfs to less, although it
 * mounts smaller ones.
 */
export const minimumGrownBytes: Readonly<Record<ImageFileSystem, bigint>> = {
  ext4: 0n,
  xfs: 0n,
  btrfs: 256n * 1024n ** 2n,
};

// 1: errors were found and corrected.
const E2FSCK_GOOD = [0, 1];

/** A mounted file system, as needed for growing it in addition to its root. */
export interface MountedFileSystem {
  readonly fsType: ImageFileSystem;
  /** The path of its block device. */
  readonly device: string;
}

/** Whether a mounted file system could still grow on its device. */
export async function isSmallerThanDevice(mounted: MountedFileSystem, mountRootFd: number): Promise<boolean> {
  const { size, fullSize } = await sizesOf(mounted, mountRootFd);
  return size < fullSize;
}

/**
 * Grows a mounted file system, while it is in use, to fill its device. Does nothing if it already does.
 * @throws KernelError EPERM if ext4 is grown without CAP_SYS_RESOURCE; `growUnmountedExt4` does not need it
 */
export async function growMounted(mounted: MountedFileSystem, mountRootFd: number): Promise<void> {
  const { size, fullSize } = await sizesOf(mounted, mountRootFd);
  if (size >= fullSize) return;
  // An O_PATH handle does not accept ioctl(2).
  await withDescriptor(below(mountRootFd), 'r', (fd) => growers[mounted.fsType](fd, fullSize));
}

/** Whether an unmounted ext4 file system could still grow on its device. */
export async function isExt4SmallerThanDevice(device: string): Promise<boolean> {
  const { size, fullSize } = await ext4Sizes(device);
  return size < fullSize;
}

/**
 * Checks all of an unmounted ext4 file system, and repairs what e2fsck repairs without asking. Clears the errors that it
 * has recorded. The time grows with the number of files.
 * @throws ProgramError e2fsck is not installed, or found errors that it does not repair by itself
 */
export async function checkUnmountedExt4(device: string): Promise<void> {
  await runProgram('e2fsck', ['-f', '-p', device], E2FSCK_GOOD);
}

/** Checks an unmounted ext4 file system, repairs it where possible, and grows it to fill its device. */
export async function growUnmountedExt4(device: string): Promise<void> {
  // resize2fs requires a check first.
  await checkUnmountedExt4(device);
  await runProgram('resize2fs', [device]);
}

/** Sizes in the unit of the grow request: blocks, or bytes for btrfs. */
interface Sizes {
  readonly size: bigint;
  readonly fullSize: bigint;
}

function sizesOf({ fsType, device }: MountedFileSystem, mountRootFd: number): Promise<Sizes> {
  switch (fsType) {
    case 'ext4':
      return ext4Sizes(device);
    case 'xfs':
      return xfsSizes(device, mountRootFd);
    case 'btrfs':
      return btrfsSizes(device, mountRootFd);
  }
}

// A mounted ext4 keeps its superblock in the page cache of the device, so reading it there is accurate.
async function ext4Sizes(device: string): Promise<Sizes> {
  const geometry = await withDescriptor(device, 'r', readExt4Geometry);
  return { size: geometry.blocks, fullSize: ext4FullBlocks(geometry, await blockDeviceBytes(device)) };
}

async function readExt4Geometry(fd: number): Promise<Ext4Geometry> {
  const geometry = decodeExt4Superblock(await readAt(fd, EXT4_SUPERBLOCK.offset, EXT4_SUPERBLOCK.bytes));
  if (geometry !== 'damaged') return geometry;
  throw new KernelError('read', errno.EUCLEAN, 'the superblock of ext4');
}

async function xfsSizes(device: string, mountRootFd: number): Promise<Sizes> {
  const geometry = await withDescriptor(below(mountRootFd), 'r', readXfsGeometry);
  const groupBlocks = BigInt(geometry.readUInt32LE(xfsGeometry.groupBlocks));
  const blocks = (await blockDeviceBytes(device)) / BigInt(geometry.readUInt32LE(xfsGeometry.blockBytes));
  const blocksInLast = blocks % groupBlocks;
  const fullSize = blocksInLast < XFS_MIN_GROUP_BLOCKS ? blocks - blocksInLast : blocks;
  return { size: geometry.readBigUInt64LE(xfsGeometry.dataBlocks), fullSize };
}

function readXfsGeometry(fd: number): Buffer {
  const geometry = Buffer.alloc(xfsGeometry.bytes);
  ioctlSync(fd, XFS_IOC_FSGEOMETRY_V1, geometry);
  return geometry;
}

async function btrfsSizes(device: string, mountRootFd: number): Promise<Sizes> {
  const deviceBytes = await blockDeviceBytes(device);
  const wholeBytes = deviceBytes - (deviceBytes % BTRFS_SECTOR_BYTES);
  const size = (await fileSystemOf(mountRootFd)).totalBytes;
  return { size, fullSize: wholeBytes < minimumGrownBytes.btrfs ? size : wholeBytes };
}

const growers: Readonly<Record<ImageFileSystem, (fd: number, fullSize: bigint) => Promise<void>>> = {
  async ext4(fd, fullSize) {
    const blocks = Buffer.alloc(8);
    blocks.writeBigUInt64LE(fullSize);
    await ioctl(fd, EXT4_IOC_RESIZE_FS, blocks);
  },

  async xfs(fd, fullSize) {
    const request = Buffer.alloc(16);
    request.writeBigUInt64LE(fullSize, 0);
    // The request also sets the share of space that inodes may take.
    request.writeUInt32LE(readXfsGeometry(fd).readUInt32LE(xfsGeometry.inodePercent), 8);
    await ioctl(fd, XFS_IOC_FSGROWFSDATA, request);
  },

  async btrfs(fd) {
    const request = Buffer.alloc(btrfsArguments.bytes);
    request.write('max', btrfsArguments.name);
    const answer = await ioctl(fd, BTRFS_IOC_RESIZE, request);
    // A positive result: another exclusive operation, such as a balance, is in progress.
    if (answer > 0) throw new KernelError('BTRFS_IOC_RESIZE', errno.EBUSY, `descriptor ${fd}`);
  },
};
