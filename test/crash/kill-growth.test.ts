import { statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isHostRoot } from '../support/host-root.ts';
import {
  blockDevice,
  deviceBytes,
  df,
  fileSystem,
  image,
  imageFile,
  loopsOf,
} from '../support/image-node.ts';
import { StoppableNode } from './stoppable-node.ts';

const MIB = 1024 ** 2;
const smaller = 320 * MIB;
const larger = 640 * MIB;

describe.skipIf(!isHostRoot).each(['ext4', 'xfs', 'btrfs'] as const)('a volume with %s', (fsType) => {
  const volume_capability = fileSystem(fsType);

  test('that has grown fills its image at the next stage, after a kill during its mount', async () => {
    const { node, stoppable } = await startedNode();
    const paths = await node.createStaged('a', volume_capability, image(smaller));
    await node.node.NodeUnstageVolume(paths);
    const capacity_range = { required_bytes: larger };
    await node.controller.ControllerExpandVolume({ volume_id: paths.volume_id, capacity_range });
    const stage = () => node.node.NodeStageVolume({ ...paths, volume_capability });
    await stoppable.dieAt('stage: file system mounted', stage);
    await stoppable.start();
    await stage();
    expect(Number(df(paths.staging_target_path).total)).toBeGreaterThan(0.8 * larger);
  });
});

describe.skipIf(!isHostRoot).each(['ext4', 'block'] as const)('an image that has grown (%s)', (use) => {
  const volume_capability = use === 'block' ? blockDevice() : fileSystem(use);

  test('before a kill, but not in its record, provides only the recorded size', async () => {
    const { node, stoppable } = await startedNode();
    const paths = await node.createPublished('a', volume_capability, image(smaller));
    const { volume_id } = paths;
    const file = imageFile(node, volume_id);
    const capacity_range = { required_bytes: larger };
    const expand = () => node.controller.ControllerExpandVolume({ volume_id, capacity_range });
    await stoppable.dieAt('expand: content grown', expand);
    await stoppable.start();
    expect(statSync(file).size).toBe(larger);

    // While attached, it does not see more; nor does a newly attached device.
    const expansion = { volume_id, volume_path: paths.target_path };
    expect(await node.node.NodeExpandVolume(expansion)).toEqual({ capacity_bytes: String(smaller) });
    expect(loopsOf(node).map(deviceBytes)).toEqual([smaller]);
    await stoppable.dieAt('expand: content grown', expand);
    await stoppable.start();
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    expect(loopsOf(node).map(deviceBytes)).toEqual([smaller]);
    expect(statSync(file).size).toBe(smaller);

    // The CO's retry still succeeds.
    expect(await expand()).toMatchObject({ capacity_bytes: String(larger) });
  });
});

async function startedNode() {
  const stoppable = new StoppableNode(undefined);
  await stoppable.start();
  return { stoppable, node: stoppable.test };
}
