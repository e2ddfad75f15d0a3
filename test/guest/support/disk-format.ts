import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { call, libraryCall } from '../../../src/kernel/calls/libc.ts';
import type { ImageFileSystem } from '../../../src/kernel/file-systems/superblock.ts';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { enableQuota } from '../../support/btrfs.ts';
import { mountImageIn } from '../../support/disk-image.ts';

const mountCall = libraryCall('mount', ['str', 'str', 'str', 'ulong', 'str']);

/** A file system for the disk of a pool. */
export interface DiskFormat {
  readonly fsType: ImageFileSystem;
  /** The mkfs command, to which the disk is added. */
  readonly mkfs: readonly string[];
  readonly mountOptions: readonly string[];
  /** What to do with the new file system, before it is used. */
  readonly prepare?: (mountPoint: string) => void;
}

/** Each with quotas. */
export const diskFormats: readonly DiskFormat[] = [
  {
    fsType: 'ext4',
    mkfs: ['mkfs.ext4', '-q', '-O', 'project,quota', '-E', 'quotatype=prjquota'],
    mountOptions: ['prjquota'],
  },
  { fsType: 'xfs', mkfs: ['mkfs.xfs', '-q', '-K'], mountOptions: ['prjquota'] },
  {
    fsType: 'btrfs',
    mkfs: ['mkfs.btrfs', '--quiet', '--nodiscard'],
    mountOptions: [],
    prepare: (path) => enableQuota(path, 'qgroup'),
  },
];

/** Makes a file system in the file `disk` of a directory. @returns the path of the file */
export async function makeDisk(directory: string, format: DiskFormat, sizeBytes: number): Promise<string> {
  const { mkfs, mountOptions, prepare } = format;
  const mounted = mountImageIn(directory, { mkfs, mountOptions: ['rw', ...mountOptions].join(), sizeBytes });
  prepare?.(mounted);
  await unmount(mounted);
  const disk = join(directory, 'disk');
  renameSync(join(directory, 'image'), disk);
  return disk;
}

/** Mounts a disk. The driver's own mounts override what a superblock asks for, quotas included. */
export async function mountDisk(
  device: string,
  { fsType, mountOptions }: DiskFormat,
  path: string,
): Promise<void> {
  await call(mountCall, path, device, path, fsType, 0, mountOptions.join());
}

/** Attaches a file to a loop device. @returns the path of the device */
export function attachDisk(path: string): string {
  return execFileSync('losetup', ['--find', '--show', path], { encoding: 'utf8' }).trim();
}
