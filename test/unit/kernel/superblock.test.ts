import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fileSystemOn } from '../../../src/kernel/file-systems/superblock.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

function fileWith(offset: number, content: Buffer | string): string {
  const path = join(temporaryDirectory(), 'image');
  writeFileSync(path, Buffer.concat([Buffer.alloc(offset), Buffer.from(content)]));
  return path;
}

test.each([
  ['ext4', 1080, Buffer.from([0x53, 0xef])],
  ['xfs', 0, 'XFSB'],
  ['btrfs', 0x10040, '_BHRfS_M'],
])('%s is recognised by its magic', async (fsType, offset, magic) => {
  expect(await fileSystemOn(fileWith(offset, magic))).toBe(fsType);
});

test('other data is unknown, even if it ends before a magic', async () => {
  expect(await fileSystemOn(fileWith(0, 'XFS'))).toBe('unknown');
  expect(await fileSystemOn(fileWith(100_000, 'content'))).toBe('unknown');
});

test('a file without data is blank', async () => {
  const path = fileWith(0, '');
  expect(await fileSystemOn(path)).toBe('blank');
  truncateSync(path, 1024 ** 3);
  expect(await fileSystemOn(path)).toBe('blank');
});
