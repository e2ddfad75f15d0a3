import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { HealthReason } from '../../../src/model/objects/finding.ts';
import { fromSnapshot, fromVolume, takeDown } from '../../support/copies.ts';
import { eventually } from '../../support/eventually.ts';
import { failFileSystem } from '../../support/fail-file-system.ts';
import { found } from '../../support/health.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, fileSystem, image, imageFile } from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { loopsBelow, mountsBelow } from '../../support/scratch.ts';
import { type Published, TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const sizes = { ext4: 64 * MIB, xfs: 300 * MIB, btrfs: 128 * MIB, block: 16 * MIB } as const;
type Use = keyof typeof sizes;

const capabilityFor = (use: Use) => (use === 'block' ? blockDevice() : fileSystem(use));

let node: TestNode;
let count = 0;

beforeAll(async () => {
  node = new TestNode();
  await node.start();
  return () => node.dispose();
});

/** A unique name among the volumes, snapshots and groups of these tests. */
const newName = () => `name-${++count}`;

async function publishedImage(use: Use) {
  const paths = await node.createPublished(newName(), capabilityFor(use), image(sizes[use]));
  return { paths, file: imageFile(node, paths.volume_id) };
}

async function takenDown(paths: Published): Promise<void> {
  await takeDown(node, paths);
  await expectDetached(paths);
}

/** Waits until the image is attached to no device. */
async function expectDetached({ volume_id }: Published): Promise<void> {
  const file = imageFile(node, volume_id);
  const attached = () => loopsBelow(node.directory).filter(({ backingPath }) => backingPath === file);
  await eventually(() => expect(attached()).toEqual([]));
}

/** An unstaged image that was in use. */
async function unstagedImage(use: Use) {
  const parts = await publishedImage(use);
  await takenDown(parts.paths);
  return parts;
}

const stage = (paths: Published, use: Use) =>
  node.node.NodeStageVolume({ ...paths, volume_capability: capabilityFor(use) });

const snapshot = ({ volume_id }: Published) =>
  node.controller.CreateSnapshot({ source_volume_id: volume_id, name: newName() });

const group = ({ volume_id }: Published) =>
  node.groupController.CreateVolumeGroupSnapshot({ source_volume_ids: [volume_id], name: newName() });

const restored = (use: Use, source: ReturnType<typeof fromVolume>) =>
  node.create(newName(), { ...image(sizes[use]), volume_capabilities: [capabilityFor(use)], ...source });

/** Expects every copy of the volume to be refused, and nothing to be left of the attempts. */
async function expectNoCopies(paths: Published, use: Use, text: string): Promise<void> {
  const { volume_id: source_volume_id } = paths;
  await expectRefusal(snapshot(paths), 'FAILED_PRECONDITION', text);
  await expectRefusal(group(paths), 'FAILED_PRECONDITION', text);
  await expectRefusal(restored(use, fromVolume(source_volume_id)), 'FAILED_PRECONDITION', text);
  expect((await node.controller.ListSnapshots({ source_volume_id })).entries).toEqual([]);
}

async function reasonsOf({ volume_id }: Published): Promise<string[]> {
  const { volume_health } = await node.controller.ControllerGetVolumeHealth({ volume_id });
  return (volume_health?.health_statuses ?? []).map(({ reason }) => reason);
}

const errors: HealthReason = 'FileSystemErrors';

describe.skipIf(!isHostRoot)('ext4 with a recorded error', () => {
  test('is reported and not copied, mounted or not, and is checked at the next stage', async () => {
    const { paths } = await publishedImage('ext4');
    writeFileSync(join(paths.target_path, 'file'), 'hello');
    execFileSync('sync', ['-f', paths.target_path]);
    await failFileSystem(paths.target_path);
    const { controller, list, nodeWithPaths } = await found(node, paths);
    expect([controller, list]).toEqual([[errors], [errors]]);
    expect(nodeWithPaths).toContain(errors);
    await expectNoCopies(paths, 'ext4', 'has errors');

    await takenDown(paths);
    expect(await reasonsOf(paths)).toEqual([errors]);
    await expectNoCopies(paths, 'ext4', 'has errors');

    await stage(paths, 'ext4');
    expect(readFileSync(join(paths.staging_target_path, 'file'), 'utf8')).toBe('hello');
    writeFileSync(join(paths.staging_target_path, 'second'), 'writable again');
    expect(await reasonsOf(paths)).toEqual([]);
    expect((await snapshot(paths)).snapshot?.ready_to_use).toBe(true);
  });

  test('in its journal alone is checked as well', async () => {
    const { paths, file } = await publishedImage('ext4');
    await failFileSystem(paths.target_path);
    await takenDown(paths);
    for (const value of ['state 1', 'error_count 0']) {
      execFileSync('debugfs', ['-w', '-R', `set_super_value ${value}`, file], { stdio: 'ignore' });
    }
    expect(await reasonsOf(paths)).toEqual([errors]);
    await stage(paths, 'ext4');
    expect(await reasonsOf(paths)).toEqual([]);
  });

  test('that is still mounted elsewhere is neither checked nor mounted again', async () => {
    const { paths, file } = await publishedImage('ext4');
    const elsewhere = node.newStaging();
    execFileSync('mount', ['--bind', paths.staging_target_path, elsewhere]);
    await failFileSystem(paths.target_path);
    await takeDown(node, paths);
    await expectRefusal(stage(paths, 'ext4'), 'FAILED_PRECONDITION', 'it is in use through /dev/loop');
    execFileSync('umount', [elsewhere]);
    await expectDetached(paths);
    await stage(paths, 'ext4');
    expect(await reasonsOf(paths)).toEqual([]);
    expect(statSync(file).size).toBe(sizes.ext4);
  });

  test('that cannot be repaired automatically is not mounted, until it is repaired by hand', async () => {
    const { paths, file } = await unstagedImage('ext4');
    // No root directory: e2fsck does not recreate that without a question.
    for (const command of ['clri <2>', 'set_super_value state 2']) {
      execFileSync('debugfs', ['-w', '-R', command, file], { stdio: 'ignore' });
    }
    for (const _ of ['once', 'again']) {
      await expectRefusal(stage(paths, 'ext4'), 'FAILED_PRECONDITION', `e2fsck -f ${file}`);
    }
    expect(await mountsBelow(paths.staging_target_path)).toEqual([]);
    await expectDetached(paths);
    expect(await reasonsOf(paths)).toEqual([errors]);
    spawnSync('e2fsck', ['-f', '-y', file]);
    await stage(paths, 'ext4');
    expect(await reasonsOf(paths)).toEqual([]);
  });
});

describe.skipIf(!isHostRoot)('XFS', () => {
  test('that needs repair is reported, and neither mounted nor copied', async () => {
    const { paths, file } = await unstagedImage('xfs');
    const mark = ['-x', '-c', 'sb 0', '-c', 'write features_incompat 0x1b', file];
    execFileSync('xfs_db', mark, { stdio: 'ignore' });
    expect(await reasonsOf(paths)).toEqual([errors]);
    await expectRefusal(stage(paths, 'xfs'), 'FAILED_PRECONDITION', `xfs_repair ${file}`);
    await expectNoCopies(paths, 'xfs', 'has errors');
    execFileSync('xfs_repair', [file], { stdio: 'ignore' });
    await stage(paths, 'xfs');
    expect(await reasonsOf(paths)).toEqual([]);
  });

  test('that has shut down is not copied', async () => {
    const { paths } = await publishedImage('xfs');
    execFileSync('xfs_io', ['-x', '-c', 'shutdown', paths.target_path]);
    await expectRefusal(snapshot(paths), 'FAILED_PRECONDITION', paths.volume_id);
  });
});

test.skipIf(!isHostRoot)('btrfs with damaged data is reported, and not copied', async () => {
  const { paths, file } = await publishedImage('btrfs');
  writeFileSync(join(paths.target_path, 'file'), 'precious '.repeat(20_000));
  await takenDown(paths);
  const offset = readFileSync(file).indexOf('precious precious');
  const fd = openSync(file, 'r+');
  writeSync(fd, 'X', offset);
  closeSync(fd);
  await stage(paths, 'btrfs');
  expect(() => readFileSync(join(paths.staging_target_path, 'file'))).toThrow('EIO');
  expect(await reasonsOf(paths)).toEqual([errors]);
  await expectNoCopies(paths, 'btrfs', 'corruption_errs');
});

describe.skipIf(!isHostRoot).each(Object.keys(sizes) as Use[])('an image (%s) that was truncated', (use) => {
  test('cannot be staged, expanded or copied, and stays reported', async () => {
    const { paths, file } = await unstagedImage(use);
    const { volume_id } = paths;
    truncateSync(file, sizes[use] - MIB);
    await expectRefusal(stage(paths, use), 'FAILED_PRECONDITION', 'is truncated to');
    const capacity_range = { required_bytes: 2 * sizes[use] };
    const expansion = node.controller.ControllerExpandVolume({ volume_id, capacity_range });
    await expectRefusal(expansion, 'FAILED_PRECONDITION', 'is truncated to');
    await expectNoCopies(paths, use, 'is truncated to');
    expect(statSync(file).size).toBe(sizes[use] - MIB);
    expect(await reasonsOf(paths)).toEqual(['ImageTruncated']);
    await node.controller.DeleteVolume({ volume_id });
  });

  test('while in use cannot be expanded or copied, and its device stays unchanged', async () => {
    const { paths, file } = await publishedImage(use);
    const { volume_id, target_path: volume_path } = paths;
    truncateSync(file, sizes[use] - MIB);
    await expectRefusal(stage(paths, use), 'FAILED_PRECONDITION', 'is truncated to');
    const expansion = { volume_id, volume_path, capacity_range: { required_bytes: 2 * sizes[use] } };
    await expectRefusal(node.node.NodeExpandVolume(expansion), 'FAILED_PRECONDITION', 'is truncated to');
    await expectRefusal(snapshot(paths), 'FAILED_PRECONDITION', 'is truncated to');
    expect(await reasonsOf(paths)).toEqual(['ImageTruncated']);
  });

  test('after it was made as a snapshot cannot be restored', async () => {
    const { paths } = await unstagedImage(use);
    const { snapshot: made } = await snapshot(paths);
    const { snapshot_id = '' } = made ?? {};
    truncateSync(join(node.pool, 'snapshots', snapshot_id, 'image'), sizes[use] - MIB);
    const restore = restored(use, fromSnapshot(snapshot_id));
    await expectRefusal(restore, 'FAILED_PRECONDITION', snapshot_id);
    await node.controller.DeleteSnapshot({ snapshot_id });
  });
});
