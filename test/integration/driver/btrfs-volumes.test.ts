import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { errno } from '../../../src/kernel/calls/errno.ts';
import { fileSystemUuid, subvolumeId } from '../../../src/kernel/file-systems/btrfs.ts';
import { qgroupOf } from '../../../src/kernel/file-systems/btrfs-quota.ts';
import { btrfs } from '../../support/btrfs.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const volume_capability = mountCapability();
const inPool = { parameters: { pool: 'btrfs' } };
const sized = (mebibytes: number) => ({ ...inPool, capacity_range: { required_bytes: mebibytes * MIB } });
// How long background work may take before the test fails; no test waits longer than the work takes.

/** A node with a pool on a btrfs of its own. */
async function nodeOnBtrfs(quota: Parameters<typeof btrfs>[0]) {
  const path = btrfs(quota);
  const node = testNode();
  const flags = [`--pool=btrfs=${path}`];
  const driver = await node.start({ flags });
  return { node, path, flags, driver };
}

/** Writes a file as root. @returns how many MiB fit, and the error that ended it */
function fill(path: string, mebibytes: number): { written: number; error: number | undefined } {
  const block = Buffer.alloc(MIB, 7);
  for (let written = 0; written < mebibytes; written++) {
    try {
      // Synced, so that a refusal comes now.
      writeFileSync(path, block, { flag: 'a', flush: true });
    } catch (error) {
      return { written, error: (error as NodeJS.ErrnoException).errno };
    }
  }
  return { written: mebibytes, error: undefined };
}

/** Brings the file system to disk, and the usage of qgroups up to date. */
function sync(path: string): void {
  execFileSync('btrfs', ['filesystem', 'sync', path]);
}

async function usage(node: TestNode, volume_id: string, volume_path: string) {
  const reply = await node.node.NodeGetVolumeStats({ volume_id, volume_path });
  const [bytes, ...others] = reply.usage ?? [];
  expect(others).toEqual([]);
  return { total: Number(bytes?.total), used: Number(bytes?.used), available: Number(bytes?.available) };
}

async function contextOf(node: TestNode, volume_id: string): Promise<Record<string, string>> {
  const { volume } = await node.controller.ControllerGetVolume({ volume_id });
  return volume?.volume_context ?? {};
}

describe.skipIf(!isHostRoot).each(['qgroup', 'squota'] as const)('on btrfs with quotas, %s,', (quota) => {
  test('a volume stops root at its size, keeps its data, and other volumes are not affected', async () => {
    const { node, path, driver } = await nodeOnBtrfs(quota);
    const line = { pool: 'btrfs', fileSystem: 'btrfs', directories: 'subvolume', capacityEnforced: true };
    const lines = driver
      .log()
      .split('\n')
      .filter((each) => each.includes('pool ready'));
    expect(lines.map((each) => JSON.parse(each))).toContainEqual(expect.objectContaining(line));
    const paths = await node.createPublished('full', volume_capability, sized(64));
    const other = await node.createPublished('other', volume_capability, sized(64));
    expect(await contextOf(node, paths.volume_id)).toMatchObject({
      backend: 'subvolume',
      capacityEnforced: 'true',
    });

    const file = join(paths.target_path, 'file');
    const { written, error } = fill(file, 80);
    expect(error).toBe(-errno.EDQUOT);
    // The limit is on metadata too, of which the file system keeps some for pending writes.
    expect(written).toBeGreaterThan(48);
    expect(written).toBeLessThanOrEqual(64);
    const content = readFileSync(file);
    expect(content.subarray(0, written * MIB).equals(Buffer.alloc(written * MIB, 7))).toBe(true);
    expect(fill(join(other.target_path, 'file'), 32)).toEqual({ written: 32, error: undefined });

    sync(path);
    const { total, used, available } = await usage(node, paths.volume_id, paths.target_path);
    expect(total).toBe(64 * MIB);
    expect(used).toBeGreaterThanOrEqual(written * MIB);
    expect(used).toBeLessThanOrEqual(64 * MIB);
    expect(available).toBe(total - used);
  });

  test('a volume that has grown holds that much more', async () => {
    const { node } = await nodeOnBtrfs(quota);
    const paths = await node.createPublished('grows', volume_capability, sized(64));
    const { volume_id, target_path } = paths;
    const before = fill(join(target_path, 'file'), 200);
    expect(before.error).toBe(-errno.EDQUOT);
    const expand = { volume_id, capacity_range: { required_bytes: 128 * MIB } };
    expect(await node.controller.ControllerExpandVolume(expand)).toEqual({
      capacity_bytes: `${128 * MIB}`,
      node_expansion_required: false,
    });
    expect((await usage(node, volume_id, target_path)).total).toBe(128 * MIB);
    const more = fill(join(target_path, 'file'), 200);
    expect(more.error).toBe(-errno.EDQUOT);
    expect(more.written).toBeGreaterThan(56);
    expect(before.written + more.written).toBeLessThanOrEqual(128);
  });

  test('a deleted volume leaves neither subvolume nor qgroup, and nested subvolumes are removed too', async () => {
    const { node, path } = await nodeOnBtrfs(quota);
    const paths = await node.createPublished('deleted', volume_capability, sized(64));
    const { volume_id, target_path } = paths;
    const data = join(path, 'volumes', volume_id, 'data');
    const [uuid, id] = await withDescriptor(data, 'r', async (fd) => [fileSystemUuid(fd), subvolumeId(fd)]);
    expect(await qgroupOf(uuid, id)).toMatchObject({ limitBytes: BigInt(64 * MIB) });
    for (const nested of ['nested', 'nested/deeper', 'read-only']) {
      execFileSync('btrfs', ['-q', 'subvolume', 'create', join(target_path, nested)]);
      writeFileSync(join(target_path, nested, 'file'), 'content');
    }
    execFileSync('btrfs', ['property', 'set', join(target_path, 'read-only'), 'ro', 'true']);
    await expectRefusal(node.controller.DeleteVolume(paths), 'FAILED_PRECONDITION', target_path);
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await node.controller.DeleteVolume(paths);
    await eventually(() => expect(readdirSync(join(path, '.outgoing'))).toEqual([]));
    expect(execFileSync('btrfs', ['subvolume', 'list', path], { encoding: 'utf8' })).toBe('');
    // The kernel cleans up after a commit, which would otherwise come only after half a minute.
    sync(path);
    execFileSync('btrfs', ['subvolume', 'sync', '-s', '1', path]);
    sync(path);
    await eventually(async () => expect(await qgroupOf(uuid, id)).toBeUndefined());
  });

  test('no more is reserved for volumes than the disk has, and written data was reserved before', async () => {
    const { node, path, flags } = await nodeOnBtrfs(quota);
    const room = async () => Number((await node.controller.GetCapacity(inPool)).available_capacity);
    const before = await room();
    const paths = await node.createPublished('half', volume_capability, sized(128));
    // An empty subvolume has used some KiB of its reservation.
    expect(before - (await room())).toBeGreaterThan(127 * MIB);
    await expectRefusal(node.create('too much', sized(before / MIB)), 'RESOURCE_EXHAUSTED', 'btrfs');
    const reserved = await room();
    fill(join(paths.target_path, 'file'), 64);
    sync(path);
    expect(Math.abs((await room()) - reserved)).toBeLessThan(8 * MIB);
    await node.restart({ flags });
    expect(Math.abs((await room()) - reserved)).toBeLessThan(8 * MIB);
  });

  test('the mounts of a volume are found after a restart', async () => {
    const { node, flags } = await nodeOnBtrfs(quota);
    const paths = await node.createPublished('stays', volume_capability, sized(16));
    await node.restart({ flags });
    await expectRefusal(node.controller.DeleteVolume(paths), 'FAILED_PRECONDITION', paths.target_path);
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect(await mountsBelow(paths.target_path)).toEqual([paths.target_path]);
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await node.controller.DeleteVolume(paths);
  });
});

describe.skipIf(!isHostRoot)('on btrfs without quotas', () => {
  test('a volume is a subvolume without an enforced size, and reports that', async () => {
    const { node, path, driver } = await nodeOnBtrfs('off');
    const line = { pool: 'btrfs', directories: 'subvolume', capacityEnforced: false };
    const lines = driver
      .log()
      .split('\n')
      .filter((each) => each.includes('pool ready'));
    expect(lines.map((each) => JSON.parse(each))).toContainEqual(expect.objectContaining(line));
    const paths = await node.createPublished('open', volume_capability, sized(16));
    expect(await contextOf(node, paths.volume_id)).toMatchObject({
      backend: 'subvolume',
      capacityEnforced: 'false',
    });
    expect(fill(join(paths.target_path, 'file'), 32)).toEqual({ written: 32, error: undefined });
    const { usage: reported = [] } = await node.node.NodeGetVolumeStats({
      ...paths,
      volume_path: paths.target_path,
    });
    expect(Number(reported[0]?.total)).toBeGreaterThan(16 * MIB);
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await node.controller.DeleteVolume(paths);
    await eventually(() => expect(readdirSync(join(path, '.outgoing'))).toEqual([]));
    expect(execFileSync('btrfs', ['subvolume', 'list', path], { encoding: 'utf8' })).toBe('');
  });

  test('a volume with enforceCapacity=required is an image, and cannot be a directory', async () => {
    const { node, path } = await nodeOnBtrfs('off');
    const required = { ...sized(64), parameters: { pool: 'btrfs', enforceCapacity: 'required' } };
    const paths = await node.createPublished('required', volume_capability, required);
    expect(await contextOf(node, paths.volume_id)).toMatchObject({
      backend: 'image',
      capacityEnforced: 'true',
    });
    expect(existsSync(join(path, 'volumes', paths.volume_id, 'image'))).toBe(true);
    expect(fill(join(paths.target_path, 'file'), 80).error).toBe(-errno.ENOSPC);
    const parameters = { ...required.parameters, backend: 'directory' };
    const directory = node.create('directory', { ...required, parameters });
    await expectRefusal(directory, 'INVALID_ARGUMENT', 'parameters.backend');
    const { available_capacity } = await node.controller.GetCapacity({ parameters });
    expect(available_capacity).toBe('0');
  });
});
