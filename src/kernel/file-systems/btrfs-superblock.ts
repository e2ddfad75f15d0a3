import { crc32c } from './crc32c.ts';

/** The offsets and size of btrfs's superblock copies. Those beyond the end of a device do not exist. */
export const BTRFS_SUPERBLOCK = { offsets: [2 ** 16, 2 ** 26, 2 ** 38], bytes: 4096 } as const;

const MAGIC = Buffer.from('_BHRfS_M');
const CRC32C = 0;
const INCOMPAT_METADATA_UUID = 1n << 10n;

/** struct btrfs_super_block. */
const layout = {
  checksum: 0,
  afterChecksum: 32,
  fsid: 32,
  offset: 48,
  magic: 64,
  incompatFlags: 188,
  checksumType: 196,
  metadataUuid: 571,
} as const;
const UUID_BYTES = 16;

/** A valid copy of the superblock, as the kernel would accept it. */
export interface BtrfsSuperblock {
  /** The file system's id. */
  readonly fsid: Buffer;
  /** The id stored in each of its blocks. Equal to `fsid` unless the fsid was changed. */
  readonly metadataUuid: Buffer;
}

/**
 * Decodes a copy of the superblock from its offset.
 * @returns `damaged` if it is not a superblock or not intact; `unknown checksum` if that cannot be determined
 */
export function decodeBtrfsSuperblock(
  block: Buffer,
  offset: number,
): BtrfsSuperblock | 'damaged' | 'unknown checksum' {
  if (block.length < BTRFS_SUPERBLOCK.bytes || !slice(block, layout.magic, MAGIC.length).equals(MAGIC)) {
    return 'damaged';
  }
  if (block.readUInt16LE(layout.checksumType) !== CRC32C) return 'unknown checksum';
  if (block.readUInt32LE(layout.checksum) !== checksumOf(block)) return 'damaged';
  if (block.readBigUInt64LE(layout.offset) !== BigInt(offset)) return 'damaged';
  const fsid = slice(block, layout.fsid, UUID_BYTES);
  const hasMetadataUuid = (block.readBigUInt64LE(layout.incompatFlags) & INCOMPAT_METADATA_UUID) !== 0n;
  return { fsid, metadataUuid: hasMetadataUuid ? slice(block, layout.metadataUuid, UUID_BYTES) : fsid };
}

/** The same copy with another fsid. The id stored in the file system's blocks stays valid. */
export function withFsid(block: Buffer, { metadataUuid }: BtrfsSuperblock, fsid: Buffer): Buffer {
  const renewed = Buffer.from(block);
  metadataUuid.copy(renewed, layout.metadataUuid);
  fsid.copy(renewed, layout.fsid);
  const flags = renewed.readBigUInt64LE(layout.incompatFlags) | INCOMPAT_METADATA_UUID;
  renewed.writeBigUInt64LE(flags, layout.incompatFlags);
  renewed.writeUInt32LE(checksumOf(renewed), layout.checksum);
  return renewed;
}

function checksumOf(block: Buffer): number {
  return crc32c(block.subarray(layout.afterChecksum, BTRFS_SUPERBLOCK.bytes));
}

function slice(block: Buffer, offset: number, bytes: number): Buffer {
  return block.subarray(offset, offset + bytes);
}
