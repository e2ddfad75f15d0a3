import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { everywhere, found } from '../support/health.ts';
import { isHostRoot } from '../support/host-root.ts';
import { fileSystem, image, imageFile } from '../support/image-node.ts';
import { thawAtEnd } from '../support/thaw-mounts.ts';
import { StoppableNode } from './stoppable-node.ts';

const sizes = { ext4: 16, xfs: 300, btrfs: 128 } as const;
const fsTypes = ['ext4', 'xfs', 'btrfs'] as const;

/** A node with a published volume, and a snapshot of it that may be made. */
async function publishedNode(fsType: keyof typeof sizes) {
  const node = new StoppableNode(undefined);
  await node.start();
  const request = image(sizes[fsType] * 1024 ** 2);
  const paths = await node.test.createPublished('a', fileSystem(fsType), request);
  thawAtEnd(node.pool);
  const snapshot = () =>
    node.test.controller.CreateSnapshot({ name: 'snapshot', source_volume_id: paths.volume_id });
  return { node, paths, snapshot };
}

test.skipIf(!isHostRoot).each(fsTypes)(
  'a file system of %s that could not be thawed at start is thawed by the next health check',
  async (fsType) => {
    const { node, paths, snapshot } = await publishedNode(fsType);
    await node.dieAt('freeze: frozen', snapshot);
    // A start that does not find the image at its place cannot find the frozen file system.
    const file = imageFile(node.test, paths.volume_id);
    renameSync(file, `${file}.away`);
    symlinkSync(`${file}.away`, file);
    const driver = await node.start();
    expect(driver.log()).toContain('cannot thaw a file system left frozen');
    rmSync(file);
    renameSync(`${file}.away`, file);
    expect(await found(node.test, paths)).toEqual(everywhere([]));
    expect(driver.log()).toContain('"wasFrozen":true');
    await node.expectTidy();
  },
);

test.skipIf(!isHostRoot)(
  'a file system is reported as frozen while neither a start nor a health check can thaw it',
  async () => {
    const { node, paths, snapshot } = await publishedNode('ext4');
    await node.dieAt('freeze: frozen', snapshot);
    const driver = await node.start({ withoutSysAdmin: true });
    expect(driver.log()).toContain('cannot thaw a file system left frozen');
    expect(await found(node.test, paths)).toEqual(everywhere(['Frozen']));
  },
);

test.skipIf(!isHostRoot)(
  'a mark without a frozen file system is removed by a health check, mounted or not',
  async () => {
    const { node, paths } = await publishedNode('ext4');
    const leaveMark = () => writeFileSync(join(node.pool, '.csi-hostpath', 'frozen', paths.volume_id), '');
    const { volume_id } = paths;
    for (const look of [
      () => node.test.controller.ControllerGetVolumeHealth({ volume_id }),
      () => node.test.controller.ControllerListVolumeHealth({}),
      () => node.test.node.NodeGetVolumeHealth({ volume_id }),
    ]) {
      leaveMark();
      await look();
      await node.expectThawed();
    }
    await node.test.node.NodeUnpublishVolume(paths);
    await node.test.node.NodeUnstageVolume(paths);
    leaveMark();
    expect((await node.test.controller.ControllerGetVolumeHealth({ volume_id })).volume_health).toMatchObject(
      {
        health_statuses: [],
      },
    );
    await node.expectThawed();
  },
);

test.skipIf(!isHostRoot)('a file system that is frozen for a running copy is healthy', async () => {
  const { node, paths, snapshot } = await publishedNode('ext4');
  for (const step of ['freeze: marked', 'freeze: frozen', 'freeze: thawed'] as const) {
    const look = async () => expect(await found(node.test, paths), step).toEqual(everywhere([]));
    expect(await node.whileHeldAt(step, snapshot, look)).toMatchObject({ status: 'fulfilled' });
    await node.test.controller.DeleteSnapshot({
      snapshot_id: (await snapshot()).snapshot?.snapshot_id ?? '',
    });
  }
});
