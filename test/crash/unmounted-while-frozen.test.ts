import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { unmount } from '../../src/kernel/mounts/bind-mount.ts';
import { isHostRoot } from '../support/host-root.ts';
import { fileSystem, image } from '../support/image-node.ts';
import { expectInOrder, syncingWriter } from '../support/syncing-writer.ts';
import { thawAtEnd } from '../support/thaw-mounts.ts';
import { StoppableNode } from './stoppable-node.ts';

const MIB = 1024 ** 2;
const sizes = { ext4: 256 * MIB, xfs: 300 * MIB, btrfs: 256 * MIB } as const;
type FsType = keyof typeof sizes;

/** A volume at two targets, with a writer in the second; copies of it freeze through the first, which is found first. */
async function publishedTwice({ test: node }: StoppableNode, name: string, fsType: FsType) {
  const capability = fileSystem(fsType);
  const first = await node.createPublished(name, capability, image(sizes[fsType]));
  const second = { ...first, target_path: node.newPath() };
  await node.node.NodePublishVolume({ ...second, volume_capability: capability });
  await node.node.NodeStageVolume({ ...first, volume_capability: capability });
  const writer = syncingWriter(second.target_path);
  return { volume_id: first.volume_id, first, second, writer };
}

async function startedNode(): Promise<StoppableNode> {
  const node = new StoppableNode(undefined);
  await node.start();
  return node;
}

describe.skipIf(!isHostRoot)('a file system that is frozen for a copy', () => {
  test.each(['ext4', 'xfs', 'btrfs'] as const)(
    'is thawed when its target is unpublished during the copy: %s',
    async (fsType) => {
      const node = await startedNode();
      const { volume_id, first, second, writer } = await publishedTwice(node, 'source', fsType);
      thawAtEnd(node.pool);
      await writer.rounds(3);
      const { controller, node: nodeService } = node.test;
      let synced = 0;
      const snapshot = await node.whileHeldAt(
        'freeze: frozen',
        () => controller.CreateSnapshot({ name: 'snapshot', source_volume_id: volume_id }),
        async () => {
          synced = writer.syncedCount();
          await nodeService.NodeUnpublishVolume(first);
          expect(existsSync(first.target_path)).toBe(false);
        },
      );
      expect(snapshot).toMatchObject({ status: 'fulfilled', value: { snapshot: { ready_to_use: true } } });
      await node.expectTidy();
      await writer.rounds(3);
      await writer.end();
      const snapshot_id = snapshot.status === 'fulfilled' ? (snapshot.value.snapshot?.snapshot_id ?? '') : '';
      const restored = await node.test.createPublished('restored', fileSystem(fsType), {
        ...image(sizes[fsType]),
        volume_content_source: { snapshot: { snapshot_id } },
      });
      expectInOrder(restored.target_path, synced);
      await nodeService.NodeUnpublishVolume(second);
      await nodeService.NodeUnstageVolume(first);
      await controller.DeleteVolume({ volume_id });
    },
  );

  test('is thawed when all its mounts are unmounted during the copy, and its device is detached', async () => {
    const node = await startedNode();
    const { volume_id, first, second, writer } = await publishedTwice(node, 'source', 'ext4');
    thawAtEnd(node.pool);
    await writer.rounds(1);
    await writer.end();
    const paths = [first.target_path, second.target_path, first.staging_target_path];
    const snapshot = await node.whileHeldAt(
      'freeze: frozen',
      () => node.test.controller.CreateSnapshot({ name: 'snapshot', source_volume_id: volume_id }),
      async () => {
        for (const path of paths) await unmount(path);
      },
    );
    expect(snapshot).toMatchObject({ status: 'fulfilled' });
    await node.expectTidy();
    for (const target of [first, second]) await node.test.node.NodeUnpublishVolume(target);
    await node.test.node.NodeUnstageVolume(first);
    await node.test.controller.DeleteVolume({ volume_id });
  });

  test('is thawed with the others of its group, also those that are unmounted during the copy', async () => {
    const node = await startedNode();
    const volumes = [
      await publishedTwice(node, 'one', 'ext4'),
      await publishedTwice(node, 'two', 'ext4'),
      await publishedTwice(node, 'three', 'ext4'),
    ];
    thawAtEnd(node.pool);
    for (const { writer } of volumes) await writer.rounds(3);
    const source_volume_ids = volumes.map(({ volume_id }) => volume_id);
    const group = await node.whileHeldAt(
      'freeze: frozen',
      () => node.test.groupController.CreateVolumeGroupSnapshot({ name: 'group', source_volume_ids }),
      async () => {
        for (const { first } of volumes.slice(0, 2)) await unmount(first.target_path);
      },
    );
    expect(group).toMatchObject({
      status: 'fulfilled',
      value: { group_snapshot: { ready_to_use: true } },
    });
    await node.expectTidy();
    for (const { first, writer } of volumes) {
      await writer.rounds(3);
      await node.test.node.NodeUnpublishVolume(first);
    }
  });

  test('is thawed at once when the driver is stopped, and its mark is removed', async () => {
    const node = await startedNode();
    const { volume_id, writer } = await publishedTwice(node, 'source', 'ext4');
    thawAtEnd(node.pool);
    await writer.rounds(3);
    const snapshot = await node.whileHeldAt(
      'freeze: frozen',
      () => node.test.controller.CreateSnapshot({ name: 'snapshot', source_volume_id: volume_id }),
      async () => {
        void node.test.stop();
        // The copy hangs here; the driver does not wait for it.
        await writer.rounds(3);
        await node.expectThawed();
      },
    );
    expect(snapshot).toMatchObject({ status: 'rejected' });
  });
});
