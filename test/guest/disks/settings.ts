import { test } from 'vitest';
import { type DiskFormat, diskFormats } from '../support/disk-format.ts';

/** How many loads meet faults on each file system: one, unless in `npm run test:disks`. */
export const loadCount = Number(process.env['DISK_LOADS'] ?? 1);

/** Whether the long form of the tests was asked for. */
export const isFull = loadCount > 1;

/** The seed of the random choices of the first load; each later one has the next number. */
export const seed = Number(process.env['DISK_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** A test that takes too long for a short run. */
export const longTest = test.skipIf(!isFull);

/** Those of tests that a short run makes on one file system only. */
export const someFormats: readonly DiskFormat[] = isFull
  ? diskFormats
  : diskFormats.filter(({ fsType }) => fsType === 'ext4');
