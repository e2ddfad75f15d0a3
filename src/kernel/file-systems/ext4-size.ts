/** The current and the possible size of an ext4 file system. */

/** Every ext4 has a superblock at this offset, of this size. */
export const EXT4_SUPERBLOCK = { offset: 1024, bytes: 1024 } as const;

// 64 KiB blocks.
const LARGEST_BLOCK_SIZE_LOG = 6;
const INCOMPAT_64BIT = 0x80;
const RO_COMPAT_SPARSE_SUPER = 0x01;
// The blocks for files that resize2fs and mke2fs require in the last block group.
const MIN_LAST_GROUP_BLOCKS = 50;

/** The superblock's data about sizes. */
export interface Ext4Geometry {
  readonly blockBytes: number;
  readonly blocks: bigint;
  readonly firstBlock: number;
  readonly blocksPerGroup: number;
  readonly inodeTableBlocks: number;
  readonly reservedTableBlocks: number;
  readonly descriptorBytes: number;
  /** Whether only some groups have a copy of the superblock. */
  readonly hasSparseSuper: boolean;
}

/** @returns `damaged` if its sizes are impossible for ext4 */
export function decodeExt4Superblock(superblock: Buffer): Ext4Geometry | 'damaged' {
  const blockSizeLog = superblock.readUInt32LE(24);
  const blocksPerGroup = superblock.readUInt32LE(32);
  if (blockSizeLog > LARGEST_BLOCK_SIZE_LOG || blocksPerGroup === 0) return 'damaged';
  const blockBytes = 1024 << blockSizeLog;
  const is64Bit = (superblock.readUInt32LE(96) & INCOMPAT_64BIT) !== 0;
  const highBlocks = is64Bit ? BigInt(superblock.readUInt32LE(336)) << 32n : 0n;
  const inodesBytes = superblock.readUInt32LE(40) * superblock.readUInt16LE(88);
  return {
    blockBytes,
    blocks: highBlocks | BigInt(superblock.readUInt32LE(4)),
    firstBlock: superblock.readUInt32LE(20),
    blocksPerGroup,
    inodeTableBlocks: Math.ceil(inodesBytes / blockBytes),
    reservedTableBlocks: superblock.readUInt16LE(206),
    descriptorBytes: is64Bit ? superblock.readUInt16LE(254) : 32,
    hasSparseSuper: (superblock.readUInt32LE(100) & RO_COMPAT_SPARSE_SUPER) !== 0,
  };
}

/**
 * The number of blocks of a file system that fills its device. A last block group with room for little more than its own
 * tables is left out, so this may be less than the device has, by less than a group.
 */
export function ext4FullBlocks(geometry: Ext4Geometry, deviceBytes: bigint): bigint {
  const { blockBytes, firstBlock, blocksPerGroup, inodeTableBlocks } = geometry;
  const blocks = deviceBytes / BigInt(blockBytes);
  const lastGroup = Number((blocks - BigInt(firstBlock)) / BigInt(blocksPerGroup));
  const blocksInLast = Number((blocks - BigInt(firstBlock)) % BigInt(blocksPerGroup));
  if (lastGroup === 0 || blocksInLast === 0) return blocks;
  // Two bitmaps and the inode table; in some groups also the superblock and the group descriptors.
  const copies = hasSuperblock(geometry, lastGroup) ? tableBlocks(geometry, lastGroup + 1) : 0;
  const isTooSmall = blocksInLast < 2 + inodeTableBlocks + copies + MIN_LAST_GROUP_BLOCKS;
  return isTooSmall ? blocks - BigInt(blocksInLast) : blocks;
}

function tableBlocks({ blockBytes, descriptorBytes, reservedTableBlocks }: Ext4Geometry, groups: number) {
  return 1 + Math.ceil((groups * descriptorBytes) / blockBytes) + reservedTableBlocks;
}

// Groups 0 and 1, and the powers of 3, 5 and 7.
function hasSuperblock({ hasSparseSuper }: Ext4Geometry, group: number): boolean {
  return !hasSparseSuper || group <= 1 || [3, 5, 7].some((base) => isPowerOf(base, group));
}

function isPowerOf(base: number, value: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}
