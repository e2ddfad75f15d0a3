import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { withPath } from '../../src/kernel/calls/path-handle.ts';
import { attachLoop } from '../../src/kernel/devices/loop.ts';
import { type LoopDevice, listLoops } from '../../src/kernel/devices/loop-list.ts';
import type { ImageFileSystem } from '../../src/kernel/file-systems/superblock.ts';
import { makeSparse } from '../../src/kernel/files/sparse-file.ts';
import { mountFileSystem } from '../../src/kernel/mounts/file-system-mount.ts';
import { runProgram } from '../../src/kernel/process/program.ts';
import { newDirectory, removeWithMounts } from './scratch.ts';

export const MIB = 1024n ** 2n;
export const GIB = 1024n ** 3n;

/** A directory for one test, removed afterwards with all mounts below it and the loop devices of files in it. */
export function imageDirectory(): string {
  const directory = newDirectory();
  onTestFinished(async () => {
    // The program does not wait; a mounted device is detached from its file when it is unmounted.
    const loops = listLoops().filter((loop) => loop.backingPath.startsWith(`${directory}/`));
    for (const loop of loops) await runProgram('losetup', ['--detach', loop.path]);
    await removeWithMounts(directory);
  });
  return directory;
}

/** A new blank image, open, in a directory of `imageDirectory`. */
export async function newImage(
  bytes: bigint,
  directory = imageDirectory(),
): Promise<{ path: string; fd: number; directory: string }> {
  const path = join(directory, 'image');
  await makeSparse(path, bytes);
  return { path, fd: opened(path), directory };
}

/** Opens a file for one test. */
export function opened(path: string, flags = 'r+'): number {
  const fd = openSync(path, flags);
  onTestFinished(() => closeSync(fd));
  return fd;
}

/** Attaches an image, for as long as it is mounted or the test detaches it. */
export async function attached(imageFd: number): Promise<LoopDevice> {
  const { device, fd } = await attachLoop(imageFd, { autoclear: false });
  closeSync(fd);
  return device;
}

/** Makes a file system in an image with the defaults of mkfs. */
export async function makeFileSystem(path: string, fsType: ImageFileSystem): Promise<void> {
  await runProgram(`mkfs.${fsType}`, ['-q', path]);
}

/** Mounts a device at an existing directory. */
export function mounted(
  device: LoopDevice,
  fsType: ImageFileSystem,
  path: string,
  { options = [], attrSet = 0 }: { options?: string[]; attrSet?: number } = {},
): Promise<number> {
  const spec = { device: device.path, fsType, options, attrSet };
  return withPath(path, (fd) => mountFileSystem(spec, fd));
}
