import { chmodSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withCapabilities } from '../../support/capabilities.ts';
import { fromSnapshot, snapshotOf } from '../../support/copies.ts';
import { programs } from '../../support/driver-process.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, fileSystem, image } from '../../support/image-node.ts';
import { mountCapability } from '../../support/requests.ts';
import { makeRichTree } from '../../support/rich-tree.ts';
import { startedNode, type TestNode } from '../../support/test-node.ts';
import { listTree } from '../../support/tree-listing.ts';

const MIB = 1024 ** 2;
const needed = ['SYS_ADMIN', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'MKNOD', 'SETFCAP'] as const;

/** A driver with no capabilities but those in docs/explanation/security.md. */
async function limitedNode(): Promise<TestNode> {
  const { program, env } = withCapabilities(...needed);
  return startedNode({ program: [...program, programs.driver], env });
}

async function end(
  { node, controller }: TestNode,
  paths: Parameters<TestNode['node']['NodeUnpublishVolume']>[0],
) {
  await node.NodeUnpublishVolume(paths);
  await node.NodeUnstageVolume(paths);
  await controller.DeleteVolume(paths);
}

describe.skipIf(!isHostRoot)('with the documented capabilities', () => {
  test('a directory volume can be used, and files of any kind in it are copied', async () => {
    const node = await limitedNode();
    const parameters = { uid: '1234', gid: '4321', mode: '2770' };
    const source = await node.createPublished('source', mountCapability(), { parameters });
    await makeRichTree(source.target_path);
    const ofGroup = join(source.target_path, 'of the group');
    writeFileSync(ofGroup, '');
    chownSync(ofGroup, 1234, 4321);
    chmodSync(ofGroup, 0o2755);
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    const copy = await node.createPublished('copy', mountCapability(), fromSnapshot(snapshot_id));
    expect(statSync(ofGroup).mode & 0o7777).toBe(0o2755);
    expect(await listTree(copy.target_path)).toEqual(await listTree(source.target_path));
    await end(node, copy);
    await end(node, source);
  });

  test.each(['ext4', 'xfs', 'btrfs'])('an image with %s can be used, and copied', async (fsType) => {
    const node = await limitedNode();
    const paths = await node.createPublished('a', fileSystem(fsType), image(320 * MIB));
    writeFileSync(join(paths.target_path, 'file'), 'content', { flush: true });
    const { snapshot_id } = await snapshotOf(node, paths.volume_id);
    await end(
      node,
      await node.createPublished('copy', fileSystem(fsType), {
        ...image(320 * MIB),
        ...fromSnapshot(snapshot_id),
      }),
    );
    await end(node, paths);
  });

  test('a block volume can be used, and grows', async () => {
    const node = await limitedNode();
    const paths = await node.createPublished('a', blockDevice());
    const capacity_range = { required_bytes: 8 * MIB };
    await node.controller.ControllerExpandVolume({ ...paths, capacity_range });
    await node.node.NodeExpandVolume({ ...paths, volume_path: paths.target_path });
    await end(node, paths);
  });
});
