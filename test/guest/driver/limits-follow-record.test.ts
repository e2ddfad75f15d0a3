import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { projectOf, quotaOf } from '../../../src/kernel/file-systems/project-quota.ts';
import { editedRecord } from '../../support/edited-record.ts';
import { eventually } from '../../support/eventually.ts';
import { everywhere, found, healthMessages, pastedCommand, repaired } from '../../support/health.ts';
import { mountCapability } from '../../support/requests.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { type Published, startedNode, type TestNode } from '../../support/test-node.ts';
import { ext4, xfs } from '../support/quota-file-system.ts';

const MIB = 1024 ** 2;
const volume_capability = mountCapability();
const parameters = { pool: 'q' };
const sized = (mebibytes: number) => ({ parameters, capacity_range: { required_bytes: mebibytes * MIB } });
// How long background work may take before the test fails; no test waits longer than the work takes.
const modify = '--enable-controller-modify-volume';

async function nodeWithQuota(pool: string) {
  const statusSocket = join(scratchDirectory(), 's');
  const flags = [`--pool=q=${pool}`, modify, `--status-socket=${statusSocket}`];
  const node = await startedNode({ flags });
  const dataOf = ({ volume_id }: { volume_id: string }) => join(pool, 'volumes', volume_id, 'data');
  return { node, pool, flags, statusSocket, dataOf };
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** The project in a volume's record. */
function projectIn(pool: string, { volume_id }: Published): number {
  const record = JSON.parse(readFileSync(join(pool, 'volumes', volume_id, 'volume.json'), 'utf8'));
  return record.content.projectId;
}

/** The limits of a project, in MiB and inodes. */
async function limitsOf(pool: string, projectId: number) {
  const quota = await withDescriptor(pool, 'r', (fd) => quotaOf(fd, projectId));
  return { mebibytes: Number(quota?.limitBytes ?? 0n) / MIB, inodes: Number(quota?.limitInodes ?? 0n) };
}

/** Replaces a volume's data with a copy, as restoring single files does. */
function restoreByHand(data: string): void {
  run('cp', '-aT', data, `${data}.copy`);
  rmSync(data, { recursive: true });
  renameSync(`${data}.copy`, data);
}

async function totalOf(node: TestNode, { volume_id, staging_target_path }: Published): Promise<number> {
  const reply = await node.node.NodeGetVolumeStats({ volume_id, volume_path: staging_target_path });
  return Number(reply.usage?.[0]?.total) / MIB;
}

describe.each([xfs, ext4])('with a quota on $name', ({ name, withQuota }) => {
  test('limits survive a power loss once they are acknowledged', async () => {
    const { node, pool } = await nodeWithQuota(withQuota());
    const made = await node.createStaged('made', volume_capability, sized(16));
    const grown = await node.createStaged('grown', volume_capability, sized(16));
    await node.controller.ControllerModifyVolume({ ...grown, mutable_parameters: { inodeLimit: '5000' } });
    await node.controller.ControllerExpandVolume({ ...grown, ...sized(24) });
    // A power loss leaves only what has reached the disk so far.
    const image = join(pool, '..', 'image');
    run('cp', '--sparse=always', image, `${image}.lost`);
    await node.stop();
    for (const path of [made.staging_target_path, grown.staging_target_path, pool]) run('umount', path);
    run('mount', '-o', 'loop,prjquota', `${image}.lost`, pool);
    expect(await limitsOf(pool, projectIn(pool, made))).toEqual({ mebibytes: 16, inodes: 4096 });
    expect(await limitsOf(pool, projectIn(pool, grown))).toEqual({ mebibytes: 24, inodes: 5000 });
  });

  test('a limit that differs from the record is corrected at start and stage, and empty data gets its project', async () => {
    const { node, pool, flags, dataOf } = await nodeWithQuota(withQuota());
    const paths = await node.createStaged('a', volume_capability, sized(16));
    const empty = await node.createStaged('empty', volume_capability, sized(16));
    const project = projectIn(pool, paths);
    await node.node.NodeUnstageVolume(empty);
    await node.stop();
    const set = (limits: string) => run('xfs_quota', '-f', '-x', '-c', `limit -p ${limits} ${project}`, pool);
    set('bhard=8m ihard=10');
    restoreByHand(dataOf(empty));
    const driver = await node.start({ flags });
    const right = { mebibytes: 16, inodes: 4096 };
    await eventually(async () => expect(await limitsOf(pool, project)).toEqual(right));
    await eventually(async () =>
      expect(await withDescriptor(dataOf(empty), 'r', projectOf)).toEqual({
        projectId: projectIn(pool, empty),
        inherits: true,
      }),
    );
    await eventually(() => expect(driver.log()).toContain('limit restored from the record'));
    set('bhard=0 bsoft=0 ihard=0 isoft=0');
    expect(await healthMessages(node, paths)).toEqual([expect.stringContaining('has lost its limits')]);
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    expect(await limitsOf(pool, project)).toEqual(right);
    expect(await healthMessages(node, paths)).toEqual([]);
  });

  test('data restored by hand can be used, and is limited again after one command', async () => {
    const { node, pool, flags, statusSocket, dataOf } = await nodeWithQuota(withQuota());
    const paths = await node.createPublished('a b', volume_capability, sized(16));
    writeFileSync(join(paths.target_path, 'file'), Buffer.alloc(4 * MIB), { flush: true });
    run('mkdir', join(paths.target_path, 'directory'));
    run('ln', '-s', 'file', join(paths.target_path, 'directory', 'link'));
    run('mkfifo', join(paths.target_path, 'directory', 'fifo'));
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await node.stop();
    restoreByHand(dataOf(paths));
    await node.start({ flags });
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect(await found(node, paths)).toEqual(everywhere(['CapacityNotEnforced']));
    expect(await totalOf(node, paths)).toBeGreaterThan(100);
    await node.controller.ControllerExpandVolume({ ...paths, ...sized(24) });
    const volume_content_source = { volume: { volume_id: paths.volume_id } };
    const clone = await node.create('clone', { ...sized(24), volume_content_source });
    expect(statSync(join(dataOf({ volume_id: clone }), 'file')).size).toBe(4 * MIB);

    // While pods use it.
    expect(await pastedCommand(node, paths)).toBe('csi-hostpath check --repair');
    expect(await repaired(statusSocket)).toMatch(/^repaired: volume a b\n/);
    expect(await found(node, paths)).toEqual(everywhere([]));
    expect(await totalOf(node, paths)).toBe(24);
    expect(await limitsOf(pool, projectIn(pool, paths))).toEqual({ mebibytes: 24, inodes: 6144 });
    const used = (await withDescriptor(pool, 'r', (fd) => quotaOf(fd, projectIn(pool, paths))))?.usedBytes;
    expect(used).toBeGreaterThanOrEqual(BigInt(4 * MIB));
    run('mv', join(paths.target_path, 'file'), join(paths.target_path, 'directory'));
  });

  test(`data in a foreign project can be deleted, and the limits of both projects stay: ${name}`, async () => {
    const { node, pool, flags, dataOf } = await nodeWithQuota(withQuota());
    const paths = await node.createStaged('a', volume_capability, sized(16));
    const other = await node.createStaged('other', volume_capability, sized(32));
    writeFileSync(join(other.staging_target_path, 'file'), 'content', { flush: true });
    await node.node.NodeUnstageVolume(paths);
    await node.stop();
    // As after copying a pool on its own disk: the record names a project that counts other files.
    const project = projectIn(pool, other);
    const record = join(pool, 'volumes', paths.volume_id, 'volume.json');
    const text = editedRecord(readFileSync(record, 'utf8'), (before) =>
      before.replace(`${projectIn(pool, paths)}`, `${project}`),
    );
    restoreByHand(dataOf(paths));
    writeFileSync(record, text);
    writeFileSync(join(dataOf(paths), 'file'), 'content');
    await node.start({ flags });
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    await node.controller.ControllerExpandVolume({ ...paths, ...sized(48) });
    expect((await limitsOf(pool, project)).mebibytes).toBe(32);
    expect(await healthMessages(node, paths)).toEqual([expect.stringContaining('which other files use')]);
    await node.node.NodeUnstageVolume(paths);
    await node.controller.DeleteVolume(paths);
    const { outgoing } = { outgoing: join(pool, '.outgoing') };
    await eventually(() => expect(execFileSync('ls', [outgoing], { encoding: 'utf8' })).toBe(''));
    expect((await limitsOf(pool, project)).mebibytes).toBe(32);
  });
});
