import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { unmount } from '../../src/kernel/mounts/bind-mount.ts';
import { reflinkPool } from '../support/copied-image.ts';
import { mountedImage } from '../support/disk-image.ts';
import { eventually } from '../support/eventually.ts';
import { isHostRoot } from '../support/host-root.ts';
import { fileSystem, image } from '../support/image-node.ts';
import { loopsBelow, mountsBelow } from '../support/scratch.ts';
import { expectInOrder, type SyncingWriter, syncingWriter } from '../support/syncing-writer.ts';
import type { Published } from '../support/test-node.ts';
import { thawAtEnd } from '../support/thaw-mounts.ts';
import { StoppableNode } from './stoppable-node.ts';

const MIB = 1024 ** 2;
// In 16 MiB ext4 has a thousand inodes, which the writer uses up on a fast machine.
const sizes = { ext4: 256 * MIB, xfs: 300 * MIB, btrfs: 256 * MIB } as const;
const fsTypes = ['ext4', 'xfs', 'btrfs'] as const;
type FsType = (typeof fsTypes)[number];

// Keeps the current mounts, also after they are unmounted here.
const inOwnNamespace = { through: ['unshare', '--mount', '--propagation', 'private'] };

/** A node with a published image volume, in a pool that shares no blocks, and a process that writes to it. */
async function writtenVolume(fsType: FsType, how?: Parameters<typeof syncingWriter>[1]) {
  const node = new StoppableNode(undefined);
  await node.start();
  const paths = await node.test.createPublished('source', fileSystem(fsType), image(sizes[fsType]));
  const writer = syncingWriter(paths.target_path, how);
  thawAtEnd(node.pool);
  await writer.rounds(3);
  return { node, paths, writer };
}

/** Kills the driver while the volume is frozen. @returns how much had been synced by then */
async function dieFrozen(
  node: StoppableNode,
  { volume_id }: Published,
  writer: SyncingWriter,
): Promise<number> {
  await node.dieAt('freeze: frozen', () => snapshot(node, volume_id));
  await eventually(() => expect(writer.state()).toBe('D'));
  expect(marks(node)).toEqual([volume_id]);
  return writer.syncedCount();
}

async function snapshot({ test: { controller } }: StoppableNode, source_volume_id: string): Promise<string> {
  const { snapshot } = await controller.CreateSnapshot({ name: 'snapshot', source_volume_id });
  return snapshot?.snapshot_id ?? '';
}

function marks({ pool }: StoppableNode): string[] {
  return readdirSync(join(pool, '.csi-hostpath', 'frozen'));
}

/** Restores a snapshot, and expects it to have everything that was synced before it was made. */
async function expectRestored(
  { test: node }: StoppableNode,
  snapshot_id: string,
  fsType: FsType,
  syncedCount: number,
) {
  const volume_content_source = { snapshot: { snapshot_id } };
  const request = { ...image(sizes[fsType]), volume_content_source };
  const restored = await node.createPublished('restored', fileSystem(fsType), request);
  expectInOrder(restored.target_path, syncedCount);
}

describe.skipIf(!isHostRoot)('when the driver is killed while a file system is frozen,', () => {
  test.each(fsTypes)('the next start first thaws %s, and the writer goes on', async (fsType) => {
    const { node, paths, writer } = await writtenVolume(fsType);
    const synced = await dieFrozen(node, paths, writer);
    const driver = await node.start();
    await node.expectTidy();
    await writer.rounds(3);
    const messages = driver
      .log()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(messages[0]).toMatchObject({
      msg: 'thawed a file system left frozen',
      wasFrozen: true,
    });
    await node.expectTidy();
    const restored = await snapshot(node, paths.volume_id);
    await writer.rounds(3);
    await writer.end();
    expectInOrder(paths.target_path, writer.syncedCount());
    await expectRestored(node, restored, fsType, synced);
  });

  test.each(fsTypes)('%s is thawed also when only another mount namespace sees it', async (fsType) => {
    const { node, paths, writer } = await writtenVolume(fsType, inOwnNamespace);
    await dieFrozen(node, paths, writer);
    for (const path of [paths.target_path, paths.staging_target_path]) await unmount(path);
    expect(await mountsBelow(node.test.directory)).toEqual([]);
    await node.start();
    await node.expectTidy();
    await writer.rounds(3);
    await writer.end();
    // The namespace and its mounts disappear some time after its last process has ended.
    await eventually(() => expect(loopsBelow(node.pool)).toEqual([]));
    const volume_capability = fileSystem(fsType);
    await node.test.node.NodeStageVolume({ ...paths, volume_capability });
    expectInOrder(paths.staging_target_path, writer.syncedCount());
  });

  test('it is thawed even if it is no longer mounted anywhere, and its device is detached', async () => {
    const { node, paths, writer } = await writtenVolume('ext4');
    await writer.end();
    await node.dieAt('freeze: frozen', () => snapshot(node, paths.volume_id));
    for (const path of [paths.target_path, paths.staging_target_path]) await unmount(path);
    expect(loopsBelow(node.pool)).toHaveLength(1);
    await node.start();
    expect(loopsBelow(node.pool)).toEqual([]);
    await node.expectTidy();
    await node.test.node.NodeStageVolume({ ...paths, volume_capability: fileSystem('ext4') });
    expectInOrder(paths.staging_target_path, writer.syncedCount());
  });

  test('all file systems of a group are thawed', async () => {
    const node = new StoppableNode(reflinkPool());
    await node.start();
    const volumes = await publishedImages(node, ['one', 'two', 'three']);
    const writers = volumes.map(({ target_path }) => syncingWriter(target_path));
    thawAtEnd(node.pool);
    for (const writer of writers) await writer.rounds(3);
    const group = { name: 'group', source_volume_ids: volumes.map(({ volume_id }) => volume_id) };
    await node.dieAt('freeze: frozen', () => node.test.groupController.CreateVolumeGroupSnapshot(group));
    for (const writer of writers) await eventually(() => expect(writer.state()).toBe('D'));
    await node.start();
    await node.expectTidy();
    for (const writer of writers) await writer.rounds(3);
    const { group_snapshot } = await node.test.groupController.CreateVolumeGroupSnapshot(group);
    expect(group_snapshot?.snapshots).toHaveLength(3);
  });
});

describe.skipIf(!isHostRoot)('a freeze mark from an earlier driver', () => {
  test('is removed if its volume no longer exists', async () => {
    const { node, paths, writer } = await writtenVolume('ext4');
    await writer.end();
    await node.dieAt('freeze: marked', () => snapshot(node, paths.volume_id));
    expect(marks(node)).toEqual([paths.volume_id]);
    for (const path of [paths.target_path, paths.staging_target_path]) await unmount(path);
    rmSync(join(node.pool, 'volumes', paths.volume_id), { recursive: true });
    await node.start();
    await node.expectTidy();
    expect((await node.test.controller.ListVolumes({})).entries).toEqual([]);
  });

  test('is harmless if its file system was thawed since', async () => {
    const { node, paths, writer } = await writtenVolume('ext4');
    await node.dieAt('freeze: thawed', () => snapshot(node, paths.volume_id));
    expect(marks(node)).toEqual([paths.volume_id]);
    await writer.rounds(3);
    const driver = await node.start();
    await node.expectTidy();
    await writer.rounds(3);
    expect(driver.log()).toContain('"wasFrozen":false');
    const synced = writer.syncedCount();
    await expectRestored(node, await snapshot(node, paths.volume_id), 'ext4', synced);
  });
});

describe.skipIf(!isHostRoot)('a group in which one snapshot cannot be made', () => {
  test('leaves no member when the image of the third is missing, and succeeds once it is back', async () => {
    const node = new StoppableNode(reflinkPool());
    await node.start();
    const { group, third, expectNone } = await groupOfThree(node);
    const file = join(node.pool, 'volumes', third.volume_id, 'image');
    const result = await node.whileHeldAt('freeze: frozen', group, () => renameSync(file, `${file}.away`));
    expect(result).toMatchObject({ status: 'rejected' });
    await expectNone();
    renameSync(`${file}.away`, file);
    expect((await group()).group_snapshot?.snapshots).toHaveLength(3);
  });

  test('leaves no member when the pool is full, and succeeds once there is room', async () => {
    const pool = mountedImage({ mkfs: ['mkfs.ext4', '-q', '-m', '0'], sizeBytes: 400 * MIB });
    const node = new StoppableNode(pool);
    await node.start();
    const { group, expectNone } = await groupOfThree(node);
    const filler = join(pool, 'filler');
    // Space for one copy, and part of the second.
    const keptBytes = 20 * MIB;
    const result = await node.whileHeldAt('freeze: frozen', group, () => {
      const { bavail, bsize } = statfsSync(pool);
      execFileSync('fallocate', ['--length', String(bavail * bsize - keptBytes), filler]);
    });
    expect(result).toMatchObject({ status: 'rejected', reason: { code: status.RESOURCE_EXHAUSTED } });
    await expectNone();
    rmSync(filler);
    expect((await group()).group_snapshot?.snapshots).toHaveLength(3);
  });
});

async function publishedImages(
  { test: node, poolName }: StoppableNode,
  names: readonly string[],
): Promise<Published[]> {
  const volumes: Published[] = [];
  for (const name of names) {
    const request = { ...image(32 * MIB), parameters: { backend: 'image', pool: poolName } };
    volumes.push(await node.createPublished(name, fileSystem('ext4'), request));
  }
  return volumes;
}

/** Three published volumes with data, and how a group snapshot of them is made. */
async function groupOfThree(node: StoppableNode) {
  const volumes = await publishedImages(node, ['one', 'two', 'three']);
  const [, , third] = volumes;
  if (!third) throw new Error('there is no third volume');
  for (const { target_path } of volumes) {
    writeFileSync(join(target_path, 'file'), Buffer.alloc(12 * MIB, 1), { flush: true });
  }
  const source_volume_ids = volumes.map(({ volume_id }) => volume_id);
  return {
    third,
    group: () => node.test.groupController.CreateVolumeGroupSnapshot({ name: 'group', source_volume_ids }),
    async expectNone() {
      expect((await node.test.controller.ListSnapshots({})).entries).toEqual([]);
      expect(readdirSync(join(node.pool, 'groups'))).toEqual([]);
      await node.expectTidy();
      for (const { target_path } of volumes)
        writeFileSync(join(target_path, 'after'), 'not hindered', { flush: true });
    },
  };
}
