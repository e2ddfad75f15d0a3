import { closeSync, constants, mkdirSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFileSystem } from '../../src/backends/image/mkfs.ts';
import { attachLoop } from '../../src/kernel/devices/loop.ts';
import type { LoopDevice } from '../../src/kernel/devices/loop-list.ts';
import type { ImageFileSystem } from '../../src/kernel/file-systems/superblock.ts';
import { makeSparse } from '../../src/kernel/files/sparse-file.ts';
import { runProgram } from '../../src/kernel/process/program.ts';
import { btrfs } from './btrfs.ts';
import { mountedImage } from './disk-image.ts';
import { imageDirectory, MIB, mounted, opened } from './loop.ts';

const POOL_BYTES = 4 * 1024 ** 3;
const IMAGE_BYTES = 512n * MIB;

export const reflinkPools = ['xfs', 'btrfs'] as const;

/** A file system for one test that can share blocks between files. @returns where it is mounted */
export function reflinkPool(kind: (typeof reflinkPools)[number] = 'xfs'): string {
  return kind === 'btrfs'
    ? btrfs('off', POOL_BYTES)
    : mountedImage({ mkfs: ['mkfs.xfs', '-q', '-m', 'reflink=1'], sizeBytes: POOL_BYTES });
}

/** An image with a new file system, made as the driver makes it. @returns its path */
export async function formattedImage(
  directory: string,
  fsType: ImageFileSystem,
  bytes = IMAGE_BYTES,
): Promise<string> {
  const path = join(directory, 'image');
  await makeSparse(path, bytes);
  await makeFileSystem(path, fsType);
  return path;
}

/** Mounts an image for one test, on a loop device that is detached with the mount. */
export async function mountImage(
  path: string,
  fsType: ImageFileSystem,
  { options = [], attrSet = 0 }: { options?: string[]; attrSet?: number } = {},
): Promise<{ target: string; device: LoopDevice }> {
  const target = join(imageDirectory(), 'target');
  mkdirSync(target);
  const { device, fd } = await attachLoop(opened(path), { autoclear: true });
  try {
    const all = fsType === 'xfs' ? ['nouuid', ...options] : options;
    await mounted(device, fsType, target, { options: all, attrSet });
  } finally {
    closeSync(fd);
  }
  return { target, device };
}

/** Copies an image in one step, at one instant, sharing its blocks. */
export async function cloneImage(path: string, copy: string): Promise<string> {
  await copyFile(path, copy, constants.COPYFILE_FICLONE_FORCE);
  return copy;
}

const checks = {
  ext4: ['e2fsck', '-f', '-n'],
  xfs: ['xfs_repair', '-n'],
  btrfs: ['btrfs', 'check'],
} as const;

/** Expects the check of an unmounted file system to find nothing. */
export async function expectClean(path: string, fsType: ImageFileSystem): Promise<void> {
  const [program, ...words] = checks[fsType];
  await runProgram(program, [...words, path]);
}
