import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { canReflink, reportsReflink } from '../../../src/kernel/files/reflink.ts';
import { btrfs } from '../../support/btrfs.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { scratchDirectory } from '../../support/scratch.ts';

describe('canReflink', () => {
  test('memory cannot', async () => {
    const directory = scratchDirectory();
    execFileSync('mount', ['-t', 'tmpfs', 'none', directory]);
    expect(await canReflink(directory)).toBe(false);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('a missing directory is an error, not an answer', async () => {
    await expect(canReflink(join(scratchDirectory(), 'absent'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  describe.skipIf(!isHostRoot)('on disks', () => {
    test('btrfs can, and nothing is left behind', async () => {
      const directory = btrfs();
      expect(await canReflink(directory)).toBe(true);
      expect(await reportsReflink(directory)).toBe(true);
      expect(readdirSync(directory)).toEqual([]);
    });

    test.each([
      { name: 'XFS', mkfs: ['mkfs.xfs', '-q', '-K', '-m', 'reflink=1'], expected: true },
      { name: 'XFS without reflink', mkfs: ['mkfs.xfs', '-q', '-K', '-m', 'reflink=0'], expected: false },
      { name: 'ext4', mkfs: ['mkfs.ext4', '-q'], expected: false },
    ])('$name: $expected', async ({ mkfs, expected }) => {
      const directory = mountedImage({ mkfs });
      expect(await canReflink(directory)).toBe(expected);
      expect(await reportsReflink(directory)).toBe(expected);
    });
  });
});
