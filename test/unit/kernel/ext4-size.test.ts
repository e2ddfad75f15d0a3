import { expect, test } from 'vitest';
import {
  decodeExt4Superblock,
  type Ext4Geometry,
  ext4FullBlocks,
} from '../../../src/kernel/file-systems/ext4-size.ts';

const geometry: Ext4Geometry = {
  blockBytes: 4096,
  blocks: 262_144n,
  firstBlock: 0,
  blocksPerGroup: 32_768,
  inodeTableBlocks: 512,
  reservedTableBlocks: 127,
  descriptorBytes: 64,
  hasSparseSuper: true,
};

function fullBlocks(blocks: bigint): bigint {
  return ext4FullBlocks(geometry, blocks * 4096n + 4095n);
}

test('whole groups are filled', () => {
  expect(fullBlocks(262_144n)).toBe(262_144n);
});

test('a last group needs space for its tables and some more', () => {
  // Group 8, without a copy of the superblock: 2 + 512 + 50.
  expect(fullBlocks(262_144n + 563n)).toBe(262_144n);
  expect(fullBlocks(262_144n + 564n)).toBe(262_144n + 564n);
});

test.each([1n, 3n, 5n, 7n, 9n, 25n, 27n, 49n])('group %i also holds copies', (group) => {
  // 1 + 1 + 127 more.
  const before = group * 32_768n;
  expect(fullBlocks(before + 692n)).toBe(before);
  expect(fullBlocks(before + 693n)).toBe(before + 693n);
});

test('the only group is used, however small it is', () => {
  expect(fullBlocks(100n)).toBe(100n);
});

test.each([
  ['a block size above 64 KiB', 24, 7],
  ['an overflowing block size', 24, 0xffffffff],
  ['no blocks in a group', 32, 0],
])('a superblock with %s is damaged', (_, offset, value) => {
  const superblock = Buffer.alloc(1024);
  superblock.writeUInt32LE(32_768, 32);
  expect(decodeExt4Superblock(superblock)).not.toBe('damaged');
  superblock.writeUInt32LE(value, offset);
  expect(decodeExt4Superblock(superblock)).toBe('damaged');
});

test('64-bit sizes in a superblock are read', () => {
  const superblock = Buffer.alloc(1024);
  superblock.writeUInt32LE(5, 4);
  superblock.writeUInt32LE(2, 24);
  superblock.writeUInt32LE(32_768, 32);
  superblock.writeUInt32LE(8192, 40);
  superblock.writeUInt16LE(256, 88);
  superblock.writeUInt32LE(0x80, 96);
  superblock.writeUInt32LE(1, 100);
  superblock.writeUInt16LE(127, 206);
  superblock.writeUInt16LE(64, 254);
  superblock.writeUInt32LE(1, 336);
  expect(decodeExt4Superblock(superblock)).toEqual({ ...geometry, blocks: 2n ** 32n + 5n });
});
