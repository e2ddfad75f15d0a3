import { execFileSync } from 'node:child_process';
import { statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { AccessMode } from '../../src/model/requests/capability.ts';
import type { CreateVolumeRequest } from '../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { VolumeCapability } from '../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { eventually } from './eventually.ts';
import { loopsBelow } from './scratch.ts';
import type { TestNode } from './test-node.ts';

const STAT_BLOCK_BYTES = 512;

/** A capability for a volume with a file system of its own. */
export function fileSystem(
  fs_type = '',
  mount_flags: string[] = [],
  mode: AccessMode = 'SINGLE_NODE_WRITER',
): VolumeCapability {
  return { mount: { fs_type, mount_flags }, access_mode: { mode } };
}

/** A capability for a block volume. */
export function blockDevice(mode: AccessMode = 'SINGLE_NODE_WRITER'): VolumeCapability {
  return { block: {}, access_mode: { mode } };
}

/** The parameters of an image volume with this size. */
export function image(bytes: number | bigint): Partial<CreateVolumeRequest> {
  return { parameters: { backend: 'image' }, capacity_range: { required_bytes: bytes.toString() } };
}

/** The file that holds an image or block volume. */
export function imageFile({ pool }: TestNode, volumeId: string): string {
  return join(pool, 'volumes', volumeId, 'image');
}

/** The disk usage of a file in bytes. */
export function allocatedBytes(path: string): number {
  return statSync(path).blocks * STAT_BLOCK_BYTES;
}

/** The output of df for a path, in bytes and inodes. */
export function df(path: string) {
  const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(path, { bigint: true });
  return {
    total: bsize * blocks,
    used: bsize * (blocks - bfree),
    available: bsize * bavail,
    inodes: { total: files, used: files - ffree, available: ffree },
  };
}

/** The file system, and all options, of the mount at a path. */
export function mountedAs(path: string): { fsType: string; options: string[] } {
  const words = ['--noheadings', '--raw', '--output', 'FSTYPE,OPTIONS', '--mountpoint', path];
  const [fsType = '', options = ''] = execFileSync('findmnt', words, { encoding: 'utf8' }).trim().split(' ');
  return { fsType, options: options.split(',') };
}

/** The paths of the loop devices of a node's files; each file has one at most. */
export function loopsOf({ directory }: TestNode): string[] {
  const loops = loopsBelow(directory);
  const files = loops.map(({ backingPath }) => backingPath);
  expect(new Set(files).size, files.join()).toBe(files.length);
  return loops.map(({ path }) => path);
}

/** Waits until no file of a node is attached: a scan of all devices may hold one for a moment longer. */
export async function expectNoLoops(node: TestNode): Promise<void> {
  await eventually(() => expect(loopsOf(node)).toEqual([]));
}

/**
 * Deletes a volume as a CO does, which retries while the volume is in use: after an unstage its device may still be held, by
 * a scan of all devices, or by a mount namespace that disappears some time after its last process.
 */
export async function deleteWithRetries(
  { controller }: TestNode,
  { volume_id }: { readonly volume_id: string },
): Promise<void> {
  await eventually(() => controller.DeleteVolume({ volume_id }));
}

/** The size of a block device in bytes, as reported by BLKGETSIZE64. */
export function deviceBytes(path: string): number {
  return Number(execFileSync('blockdev', ['--getsize64', path], { encoding: 'utf8' }));
}
