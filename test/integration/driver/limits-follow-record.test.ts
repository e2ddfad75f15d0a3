import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { fileSystemUuid, subvolumeId } from '../../../src/kernel/file-systems/btrfs.ts';
import { qgroupOf } from '../../../src/kernel/file-systems/btrfs-quota.ts';
import { btrfs } from '../../support/btrfs.ts';
import { eventually } from '../../support/eventually.ts';
import {
  everywhere,
  found,
  healthMessages,
  pastedCommand,
  repaired,
  unlimited,
} from '../../support/health.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { type Published, startedNode, type TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const volume_capability = mountCapability();
const parameters = { pool: 'btrfs' };
const sized = (mebibytes: number) => ({ parameters, capacity_range: { required_bytes: mebibytes * MIB } });
// How long background work may take before the test fails; no test waits longer than the work takes.

async function nodeOnBtrfs(quota: Parameters<typeof btrfs>[0] = 'qgroup') {
  const pool = btrfs(quota);
  const statusSocket = join(scratchDirectory(), 's');
  const flags = [`--pool=btrfs=${pool}`, `--status-socket=${statusSocket}`];
  const node = await startedNode({ flags });
  const dataOf = ({ volume_id }: { volume_id: string }) => join(pool, 'volumes', volume_id, 'data');
  return { node, pool, flags, statusSocket, dataOf };
}

/** The limit of the subvolume that contains a path, in MiB. */
function limitAt(path: string): Promise<number | undefined> {
  return withDescriptor(path, 'r', async (fd) => {
    const limitBytes = (await qgroupOf(fileSystemUuid(fd), subvolumeId(fd)))?.limitBytes;
    return limitBytes === undefined ? undefined : Number(limitBytes) / MIB;
  });
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Replaces subvolumes with plain directories, as restoring single files does. */
function restoreByHand(...paths: string[]): void {
  for (const path of paths) {
    run('cp', '-aT', path, `${path}.copy`);
    run('btrfs', 'subvolume', 'delete', path);
    renameSync(`${path}.copy`, path);
  }
}

async function stage(node: TestNode, paths: Published): Promise<void> {
  await node.node.NodeStageVolume({ ...paths, volume_capability });
}

async function takeDown(node: TestNode, paths: Published): Promise<void> {
  await node.node.NodeUnpublishVolume(paths);
  await node.node.NodeUnstageVolume(paths);
}

async function totalOf(node: TestNode, { volume_id, staging_target_path }: Published): Promise<number> {
  const reply = await node.node.NodeGetVolumeStats({ volume_id, volume_path: staging_target_path });
  return Number(reply.usage?.[0]?.total) / MIB;
}

describe.skipIf(!isHostRoot)('on btrfs', () => {
  test.each(['qgroup', 'squota'] as const)(
    'an expansion survives a power loss once it is acknowledged: %s',
    async (quota) => {
      const { node, pool, flags, dataOf } = await nodeOnBtrfs(quota);
      const paths = await node.createStaged('grows', volume_capability, sized(16));
      await node.controller.ControllerExpandVolume({ ...paths, ...sized(24) });
      // A power loss leaves only what has reached the disk so far.
      const image = join(pool, '..', 'image');
      run('cp', '--sparse=always', image, `${image}.lost`);
      await node.stop();
      run('umount', paths.staging_target_path);
      run('umount', pool);
      run('mount', '-o', 'loop', `${image}.lost`, pool);
      expect(await limitAt(dataOf(paths))).toBe(24);
      await node.start({ flags });
      await stage(node, paths);
      expect(await totalOf(node, paths)).toBe(24);
    },
  );

  test('a limit that differs from the record is corrected at start and stage, and logged', async () => {
    const { node, pool, flags, dataOf } = await nodeOnBtrfs();
    const paths = await node.createStaged('a', volume_capability, sized(16));
    await node.stop();
    run('btrfs', 'qgroup', 'limit', '8M', dataOf(paths));
    const driver = await node.start({ flags });
    await eventually(async () => expect(await limitAt(dataOf(paths))).toBe(16));
    await eventually(() => expect(driver.log()).toContain('limit restored from the record'));
    await node.node.NodeUnstageVolume(paths);

    run('btrfs', 'quota', 'disable', pool);
    const expand = () => node.controller.ControllerExpandVolume({ ...paths, ...sized(24) });
    await expectRefusal(expand(), 'UNAVAILABLE', 'quotas are off on pool "btrfs"');
    await stage(node, paths);
    expect((await found(node, paths)).controller).toEqual(unlimited);
    run('bash', '-ec', await pastedCommand(node, paths));
    expect(await limitAt(dataOf(paths))).toBeUndefined();
    expect(await healthMessages(node, paths)).toEqual([expect.stringContaining('has lost its limit')]);
    await stage(node, paths);
    expect(await limitAt(dataOf(paths))).toBe(16);
    expect((await found(node, paths)).controller).toEqual([]);
  });

  test('usage that btrfs itself calls inconsistent is reported, and correct again after a rescan', async () => {
    const { node, pool, dataOf } = await nodeOnBtrfs();
    const paths = await node.createPublished('a', volume_capability, sized(16));
    writeFileSync(join(paths.target_path, 'file'), Buffer.alloc(MIB), { flush: true });
    await node.controller.CreateSnapshot({ name: 's', source_volume_id: paths.volume_id });
    run('btrfs', 'filesystem', 'sync', pool);
    const id = await withDescriptor(dataOf(paths), 'r', subvolumeId);
    run('btrfs', 'qgroup', 'create', '1/0', pool);
    run('btrfs', 'qgroup', 'assign', '--no-rescan', `0/${id}`, '1/0', pool);
    expect(await found(node, paths)).toEqual(everywhere(unlimited));
    run('bash', '-ec', await pastedCommand(node, paths));
    expect(await found(node, paths)).toEqual(everywhere([]));
  });

  test('a subvolume that was received is read-only, and can be made writable', async () => {
    const { node, dataOf } = await nodeOnBtrfs();
    const paths = await node.createStaged('a', volume_capability, sized(16));
    run('btrfs', 'property', 'set', '-t', 'subvol', dataOf(paths), 'ro', 'true');
    expect((await found(node, paths)).controller).toEqual(['UnexpectedlyReadOnly']);
    await node.controller.ControllerExpandVolume({ ...paths, ...sized(24) });
    expect(await limitAt(dataOf(paths))).toBe(24);
    run('bash', '-ec', await pastedCommand(node, paths));
    expect((await found(node, paths)).controller).toEqual([]);
    writeFileSync(join(paths.staging_target_path, 'file'), 'content');
  });
});

describe.skipIf(!isHostRoot)('data that was restored by hand on btrfs with quotas', () => {
  async function restoredVolume() {
    const { node, pool, flags, statusSocket, dataOf } = await nodeOnBtrfs();
    const paths = await node.createPublished('a', volume_capability, sized(16));
    writeFileSync(join(paths.target_path, 'file'), 'content');
    run('chown', '1000:2000', paths.target_path);
    run('chmod', '2751', paths.target_path);
    await takeDown(node, paths);
    return { node, pool, flags, statusSocket, dataOf, paths };
  }

  test('works in every call like a plain directory, sets no limit on its surroundings, and can be deleted', async () => {
    const { node, pool, flags, dataOf, paths } = await restoredVolume();
    const { snapshot } = await node.controller.CreateSnapshot({
      name: 's',
      source_volume_id: paths.volume_id,
    });
    const snapshot_id = snapshot?.snapshot_id ?? '';
    const group = await node.groupController.CreateVolumeGroupSnapshot({
      name: 'g',
      source_volume_ids: [paths.volume_id],
    });
    const { group_snapshot_id = '', snapshots = [] } = group.group_snapshot ?? {};
    const member = snapshots[0]?.snapshot_id ?? '';
    await node.stop();
    restoreByHand(
      dataOf(paths),
      join(pool, 'snapshots', snapshot_id, 'data'),
      join(pool, 'groups', group_snapshot_id, member, 'data'),
    );
    const nested = join(dataOf(paths), 'some', 'directory');
    run('mkdir', '-p', nested);
    run('btrfs', 'subvolume', 'create', join(nested, 'nested'));
    run('btrfs', 'subvolume', 'create', join(nested, 'nested', 'read-only'));
    run('btrfs', 'property', 'set', '-t', 'subvol', join(nested, 'nested', 'read-only'), 'ro', 'true');
    await node.start({ flags });
    await stage(node, paths);
    expect(readFileSync(join(paths.staging_target_path, 'file'), 'utf8')).toBe('content');
    expect(await totalOf(node, paths)).toBe(512);
    const grown = await node.controller.ControllerExpandVolume({ ...paths, ...sized(24) });
    expect(Number(grown.capacity_bytes)).toBe(24 * MIB);
    await node.controller.CreateSnapshot({ name: 's2', source_volume_id: paths.volume_id });
    const sources = [
      { volume: { volume_id: paths.volume_id } },
      { snapshot: { snapshot_id } },
      { snapshot: { snapshot_id: member } },
    ];
    for (const [index, volume_content_source] of sources.entries()) {
      const copy = await node.create(`copy-${index}`, { ...sized(32), volume_content_source });
      expect(readFileSync(join(dataOf({ volume_id: copy }), 'file'), 'utf8')).toBe('content');
      expect(await limitAt(dataOf({ volume_id: copy }))).toBe(32);
      await node.controller.DeleteVolume({ volume_id: copy });
    }
    expect(await limitAt(pool)).toBeUndefined();
    await node.node.NodeUnstageVolume(paths);
    await node.controller.DeleteVolume(paths);
    await node.groupController.DeleteVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids: [member] });
    const { entries } = await node.controller.ListSnapshots({});
    for (const { snapshot: each } of entries)
      await node.controller.DeleteSnapshot({ snapshot_id: each?.snapshot_id ?? '' });
    await eventually(() => expect(readdirSync(join(pool, '.outgoing'))).toEqual([]));
    expect(execFileSync('btrfs', ['subvolume', 'list', pool], { encoding: 'utf8' })).toBe('');
  });

  test('is reported as not enforced, and is enforced again after the reported command', async () => {
    const { node, statusSocket, dataOf, paths } = await restoredVolume();
    restoreByHand(dataOf(paths));
    const before = statSync(dataOf(paths));
    expect((await found(node, paths)).controller).toEqual(unlimited);
    const [message] = await healthMessages(node, paths);
    expect(message).toContain('its data is a plain directory, not a subvolume');
    expect(await pastedCommand(node, paths)).toBe('csi-hostpath check --repair');
    expect(await repaired(statusSocket)).toMatch(/^repaired: volume a\n/);
    expect(readdirSync(join(dataOf(paths), '..')).sort()).toEqual(['data', 'volume.json']);
    await stage(node, paths);
    expect(await limitAt(dataOf(paths))).toBe(16);
    expect((await found(node, paths)).controller).toEqual([]);
    expect(readFileSync(join(paths.staging_target_path, 'file'), 'utf8')).toBe('content');
    const { uid, gid, mode } = statSync(paths.staging_target_path);
    expect([uid, gid, mode]).toEqual([before.uid, before.gid, before.mode]);
    expect(await totalOf(node, paths)).toBe(16);
  });

  test('and moved to a file system without subvolumes, is used, copied and deleted like a directory', async () => {
    const { node, pool, paths } = await restoredVolume();
    await node.stop();
    const moved = join(scratchDirectory(), 'moved');
    run('cp', '-a', pool, moved);
    const other = await startedNode({ flags: [`--pool=btrfs=${moved}`] });
    const staged = { ...paths, staging_target_path: other.newStaging() };
    await stage(other, staged);
    expect(readFileSync(join(staged.staging_target_path, 'file'), 'utf8')).toBe('content');
    expect((await found(other, staged)).controller).toEqual(unlimited);
    expect(await totalOf(other, staged)).toBeGreaterThan(16);
    await other.controller.ControllerExpandVolume({ ...staged, ...sized(24) });
    await other.controller.CreateSnapshot({ name: 's', source_volume_id: paths.volume_id });
    const volume_content_source = { volume: { volume_id: paths.volume_id } };
    const copy = await other.create('copy', { ...sized(32), volume_content_source });
    expect(existsSync(join(moved, 'volumes', copy, 'data', 'file'))).toBe(true);
    await other.node.NodeUnstageVolume(staged);
    await other.controller.DeleteVolume(staged);
    await eventually(() => expect(readdirSync(join(moved, '.outgoing'))).toEqual([]));
  });
});
