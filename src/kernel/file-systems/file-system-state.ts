import { fstatSync } from 'node:fs';
import { blockDeviceBytes } from '../calls/block-device.ts';
import { readAt, withDescriptor } from '../calls/descriptor.ts';
import { statusOf } from '../calls/statx.ts';
import { uuidText } from './btrfs.ts';
import { BTRFS_SUPERBLOCK, decodeBtrfsSuperblock } from './btrfs-superblock.ts';
import { decodeExt4Superblock, EXT4_SUPERBLOCK } from './ext4-size.ts';
import { btrfsErrors } from './recorded-errors.ts';
import { fileSystemOn, type ImageFileSystem, isFileSystem } from './superblock.ts';

/** The state that a file system records on its disk, readable without mounting it. */
export interface FileSystemState {
  readonly fsType: ImageFileSystem;
  /** The size of the file system; its device must not be smaller. */
  readonly sizeBytes: bigint;
  /** The size of the file or device that it is on. */
  readonly imageBytes: bigint;
  /** The errors it has recorded, in words; undefined if there are none. */
  readonly errors: string | undefined;
}

const EXT4_HAS_JOURNAL = 0x4;
const EXT4_ERROR_STATE = 0x2;
const EXT4_EXTENTS = 0xf30a;
const JOURNAL_MAGIC = 0xc03b3998;
const JOURNAL_SUPERBLOCK_BYTES = 1024;
/** Offsets in struct ext4_super_block. */
const ext4 = { state: 58, compat: 92, journalBackup: 253, journalBlocks: 268, errorCount: 404 } as const;
/** Offsets in the part of an inode that locates its first block. */
const extents = { magic: 0, depth: 6, firstHigh: 18, firstLow: 20 } as const;
/** Offset in struct journal_superblock_s. */
const JOURNAL_ERRNO = 32;

const XFS_SUPERBLOCK_BYTES = 512;
const XFS_NEEDS_REPAIR = 0x10;
/** Offsets in struct xfs_dsb, which is big-endian. */
const xfs = { blockBytes: 4, blocks: 8, incompat: 216 } as const;

/** Offsets in struct btrfs_super_block. */
const btrfs = { flags: 56, totalBytes: 112 } as const;
const BTRFS_ERROR_FLAG = 1n << 2n;

/**
 * Reads the state of the file system on a file or block device. If the file system is mounted, read its device: the kernel
 * may write the recorded errors to the backing file much later.
 * @returns undefined if there is no file system
 */
export async function fileSystemState(image: string): Promise<FileSystemState | undefined> {
  return withDescriptor(image, 'r', async (fd) => {
    const fsType = await fileSystemOn(fd);
    if (!isFileSystem(fsType)) return undefined;
    const state = await readers[fsType](fd);
    return state && { ...state, imageBytes: await imageBytesOf(fd) };
  });
}

async function imageBytesOf(fd: number): Promise<bigint> {
  return fstatSync(fd).isBlockDevice() ? blockDeviceBytes(fd) : statusOf(fd).sizeBytes;
}

/** What the file system itself tells. */
type Recorded = Omit<FileSystemState, 'imageBytes'>;

const readers: Readonly<Record<ImageFileSystem, (fd: number) => Promise<Recorded | undefined>>> = {
  ext4: ext4State,
  xfs: xfsState,
  btrfs: btrfsState,
};

async function ext4State(fd: number): Promise<Recorded | undefined> {
  const superblock = await readAt(fd, EXT4_SUPERBLOCK.offset, EXT4_SUPERBLOCK.bytes);
  if (superblock.length < EXT4_SUPERBLOCK.bytes) return undefined;
  const geometry = decodeExt4Superblock(superblock);
  if (geometry === 'damaged') return { fsType: 'ext4', sizeBytes: 0n, errors: 'its superblock is damaged' };
  const { blocks, blockBytes } = geometry;
  const sizeBytes = blocks * BigInt(blockBytes);
  const count = superblock.readUInt32LE(ext4.errorCount);
  const isMarked = (superblock.readUInt16LE(ext4.state) & EXT4_ERROR_STATE) !== 0;
  if (count > 0 || isMarked) {
    return { fsType: 'ext4', sizeBytes, errors: `${Math.max(count, 1)} recorded in its superblock` };
  }
  // After an error only the journal may have been writable; the next mount would find the error there.
  const isAborted = await isJournalAborted(fd, superblock, blockBytes);
  return { fsType: 'ext4', sizeBytes, errors: isAborted ? 'its journal was aborted' : undefined };
}

async function isJournalAborted(fd: number, superblock: Buffer, blockBytes: number): Promise<boolean> {
  const hasJournal = (superblock.readUInt32LE(ext4.compat) & EXT4_HAS_JOURNAL) !== 0;
  // The superblock has a copy of the part of the journal's inode that locates its blocks.
  if (!hasJournal || superblock.readUInt8(ext4.journalBackup) !== 1) return false;
  const block = firstBlock(superblock.subarray(ext4.journalBlocks));
  // A damaged copy may point anywhere; the kernel uses the inode itself.
  if (block === undefined || !Number.isSafeInteger(block * blockBytes)) return false;
  const journal = await readAt(fd, block * blockBytes, JOURNAL_SUPERBLOCK_BYTES);
  if (journal.length < JOURNAL_SUPERBLOCK_BYTES || journal.readUInt32BE(0) !== JOURNAL_MAGIC) return false;
  return journal.readInt32BE(JOURNAL_ERRNO) !== 0;
}

function firstBlock(inodeBlocks: Buffer): number | undefined {
  if (inodeBlocks.readUInt16LE(extents.magic) !== EXT4_EXTENTS) return inodeBlocks.readUInt32LE(0);
  if (inodeBlocks.readUInt16LE(extents.depth) !== 0) return undefined;
  return inodeBlocks.readUInt16LE(extents.firstHigh) * 2 ** 32 + inodeBlocks.readUInt32LE(extents.firstLow);
}

async function xfsState(fd: number): Promise<Recorded | undefined> {
  const superblock = await readAt(fd, 0, XFS_SUPERBLOCK_BYTES);
  if (superblock.length < XFS_SUPERBLOCK_BYTES) return undefined;
  const sizeBytes = superblock.readBigUInt64BE(xfs.blocks) * BigInt(superblock.readUInt32BE(xfs.blockBytes));
  const needsRepair = (superblock.readUInt32BE(xfs.incompat) & XFS_NEEDS_REPAIR) !== 0;
  return { fsType: 'xfs', sizeBytes, errors: needsRepair ? 'it is marked as needing repair' : undefined };
}

async function btrfsState(fd: number): Promise<Recorded | undefined> {
  const [offset] = BTRFS_SUPERBLOCK.offsets;
  const read = async () => {
    const block = await readAt(fd, offset, BTRFS_SUPERBLOCK.bytes);
    return { block, superblock: decodeBtrfsSuperblock(block, offset) };
  };
  let { block, superblock } = await read();
  // It may have been read while it was being written.
  if (superblock === 'damaged') ({ block, superblock } = await read());
  if (superblock === 'damaged') {
    return { fsType: 'btrfs', sizeBytes: 0n, errors: 'its superblock is damaged' };
  }
  const sizeBytes = block.readBigUInt64LE(btrfs.totalBytes);
  const isMarked = (block.readBigUInt64LE(btrfs.flags) & BTRFS_ERROR_FLAG) !== 0n;
  const marked = isMarked ? 'recorded in its superblock' : undefined;
  if (marked !== undefined || superblock === 'unknown checksum')
    return { fsType: 'btrfs', sizeBytes, errors: marked };
  // A copy of a file system has the same id, so only the mounted device has these counters.
  const errors = fstatSync(fd).isBlockDevice() ? await btrfsErrors(uuidText(superblock.fsid)) : undefined;
  return { fsType: 'btrfs', sizeBytes, errors };
}
