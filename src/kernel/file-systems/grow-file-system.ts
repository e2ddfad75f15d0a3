import { blockDeviceBytes } from '../calls/block-device.ts';
import { withDescriptor } from '../calls/descriptor.ts';
import { errno, KernelError } from '../calls/errno.ts';
import { ioctl, ioctlNow } from '../calls/ioctl.ts';
import { below } from '../calls/path-handle.ts';
import { fileSystemOf } from '../calls/statfs.ts';
import { runProgram } from '../process/program.ts';
import { decodeExt4Superblock, EXT4_SUPERBLOCK, type Ext4Geometry, ext4FullBlocks } from './ext4-size.ts';
import { type ImageFileSystem, readAt } from './superblock.ts';

const EXT4_IOC_RESIZE_FS = { name: 'EXT4_IOC_RESIZE_FS', number: 0x40086610 };
const XFS_IOC_FSGEOMETRY_V1 = { name: 'XFS_IOC_FSGEOMETRY_V1', number: 0x80705864 };
const XFS_IOC_FSGROWFSDATA = { name: 'XFS_IOC_FSGROWFSDATA', number: 0x4010586e };
const BTRFS_IOC_RESIZE = { name: 'BTRFS_IOC_RESIZE', number: 0x50009403 };

/** struct xfs_fsop_geom_v1. */
const xfsGeometry = { bytes: 112, blockBytes: 0, groupBlocks: 8, inodePercent: 28, dataBlocks: 32 } as const;
// XFS makes no smaller allocation group.
const XFS_LEAST_GROUP_BLOCKS = 64n;
/** struct btrfs_ioctl_vol_args. */
const btrfsArguments = { bytes: 4096, name: 8 } as const;
const BTRFS_SECTOR_BYTES = 4096n;

/**
 * The smallest sizes that file systems can be grown to, in bytes. Linux refuses to change the size of a btrfs to less,
 * although it mounts one that is smaller.
 */
export const leastGrownBytes: Readonly<Record<ImageFileSystem, bigint>> = {
  ext4: 0n,
  xfs: 0n,
  btrfs: 256n * 1024n ** 2n,
};

// 1: errors were found and mended.
const E2FSCK_GOOD = [0, 1];

/** What growing needs to know of a mounted file system, beside its root. */
export interface MountedFileSystem {
  readonly fsType: ImageFileSystem;
  /** The path of the block device it lies on. */
  readonly device: string;
}

/** Whether a mounted file system does not fill its device, as far as it could. */
export async function isSmallerThanDevice(mounted: MountedFileSystem, mountRootFd: number): Promise<boolean> {
  const { size, fullSize } = await sizesOf(mounted, mountRootFd);
  return size < fullSize;
}

/**
 * Grows a mounted file system, while it is used, to fill its device. One that does already is left as it is.
 * @throws KernelError EPERM where ext4 is grown without CAP_SYS_RESOURCE; `growUnmountedExt4` needs none
 */
export async function growMounted(mounted: MountedFileSystem, mountRootFd: number): Promise<void> {
  const { size, fullSize } = await sizesOf(mounted, mountRootFd);
  if (size >= fullSize) return;
  // The handle of a path takes no requests.
  await withDescriptor(below(mountRootFd), 'r', (fd) => growers[mounted.fsType](fd, fullSize));
}

/** Whether an ext4 file system that is not mounted does not fill its device, as far as it could. */
export async function isExt4SmallerThanDevice(device: string): Promise<boolean> {
  const { size, fullSize } = await ext4Sizes(device);
  return size < fullSize;
}

/**
 * Checks all of an ext4 file system that is not mounted, and mends what can be mended without a question. What it has
 * recorded of errors is gone afterwards. It takes longer the more files there are.
 * @throws ProgramError e2fsck is not installed, or found what it does not mend by itself
 */
export async function checkUnmountedExt4(device: string): Promise<void> {
  await runProgram('e2fsck', ['-f', '-p', device], E2FSCK_GOOD);
}

/** Checks an ext4 file system that is not mounted, mends what can be mended, and grows it to fill its device. */
export async function growUnmountedExt4(device: string): Promise<void> {
  // resize2fs wants to see a check first.
  await checkUnmountedExt4(device);
  await runProgram('resize2fs', [device]);
}

/** Sizes in the unit that the file system is grown by: blocks, or bytes for btrfs. */
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

// A mounted ext4 keeps its superblock in the page cache of the device, so what is read there is true.
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
  const fullSize = blocksInLast < XFS_LEAST_GROUP_BLOCKS ? blocks - blocksInLast : blocks;
  return { size: geometry.readBigUInt64LE(xfsGeometry.dataBlocks), fullSize };
}

function readXfsGeometry(fd: number): Buffer {
  const geometry = Buffer.alloc(xfsGeometry.bytes);
  ioctlNow(fd, XFS_IOC_FSGEOMETRY_V1, geometry);
  return geometry;
}

async function btrfsSizes(device: string, mountRootFd: number): Promise<Sizes> {
  const deviceBytes = await blockDeviceBytes(device);
  const wholeBytes = deviceBytes - (deviceBytes % BTRFS_SECTOR_BYTES);
  const size = (await fileSystemOf(mountRootFd)).totalBytes;
  return { size, fullSize: wholeBytes < leastGrownBytes.btrfs ? size : wholeBytes };
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
    // The share of space that inodes may take is set along with the size.
    request.writeUInt32LE(readXfsGeometry(fd).readUInt32LE(xfsGeometry.inodePercent), 8);
    await ioctl(fd, XFS_IOC_FSGROWFSDATA, request);
  },

  async btrfs(fd) {
    const request = Buffer.alloc(btrfsArguments.bytes);
    request.write('max', btrfsArguments.name);
    const answer = await ioctl(fd, BTRFS_IOC_RESIZE, request);
    // A positive answer: another of the operations that exclude each other, such as a balance, is under way.
    if (answer > 0) throw new KernelError('BTRFS_IOC_RESIZE', errno.EBUSY, `descriptor ${fd}`);
  },
};
