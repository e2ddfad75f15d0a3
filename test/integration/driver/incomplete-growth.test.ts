import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { hasCapability } from '../../../src/kernel/process/capabilities.ts';
import { everywhere, found } from '../../support/health.ts';
import { isHostRoot } from '../../support/host-root.ts';
import {
  blockDevice,
  deviceBytes,
  df,
  expectNoLoops,
  fileSystem,
  image,
  imageFile,
  loopsOf,
} from '../../support/image-node.ts';
import { refusalOf } from '../../support/refusal.ts';
import { type Published, startedNode, type TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const smaller = 320 * MIB;
const larger = 640 * MIB;
const grown = { capacity_range: { required_bytes: larger } };

const canGrowExt4Online = await hasCapability('SYS_RESOURCE');

/** Keeps the record of a volume from being replaced. */
function holdRecord({ pool }: TestNode, { volume_id }: Pick<Published, 'volume_id'>): () => void {
  const path = join(pool, 'volumes', volume_id, 'volume.json.new');
  mkdirSync(path);
  return () => rmdirSync(path);
}

async function roomOf({ controller }: TestNode): Promise<string> {
  return (await controller.GetCapacity({})).available_capacity;
}

describe.skipIf(!isHostRoot).each(['ext4', 'xfs', 'block'] as const)('an expansion of %s', (use) => {
  const capability = use === 'block' ? blockDevice() : fileSystem(use);

  test('that cannot be recorded is undone: image, device and available capacity are as before', async () => {
    const node = await startedNode({ flags: ['--capacity=default=1Gi'] });
    const paths = await node.createPublished('a', capability, image(smaller));
    const { volume_id, target_path: volume_path } = paths;
    const file = imageFile(node, volume_id);
    const room = await roomOf(node);
    const release = holdRecord(node, paths);
    await refusalOf(node.controller.ControllerExpandVolume({ volume_id, ...grown }));
    await refusalOf(node.node.NodeExpandVolume({ volume_id, volume_path, ...grown }));
    release();
    expect(statSync(file).size).toBe(smaller);
    expect(await roomOf(node)).toBe(room);
    // A repeated growth finds nothing to do.
    await node.node.NodeExpandVolume({ volume_id, volume_path });
    await node.node.NodeStageVolume({ ...paths, volume_capability: capability });
    expect(loopsOf(node).map(deviceBytes)).toEqual([smaller]);
    expect(await found(node, paths)).toEqual(everywhere([]));

    const { capacity_bytes } = await node.controller.ControllerExpandVolume({ volume_id, ...grown });
    expect(capacity_bytes).toBe(String(larger));
    expect(Number(await roomOf(node))).toBe(Number(room) - (larger - smaller));
    // The node still has to do its part.
    expect(await found(node, paths)).toEqual(everywhere(['ExpansionIncomplete']));
    await node.node.NodeExpandVolume({ volume_id, volume_path });
    expect(loopsOf(node).map(deviceBytes)).toEqual([larger]);
  });
});

describe.skipIf(!isHostRoot).each(['xfs', 'btrfs'] as const)('a volume with %s', (fsType) => {
  test('that was mounted before its image grew is reported, and grows when it is staged again', async () => {
    const node = await startedNode();
    const volume_capability = fileSystem(fsType);
    const paths = await node.createStaged('a', volume_capability, image(smaller));
    const { volume_id, staging_target_path } = paths;
    await node.node.NodeUnstageVolume(paths);
    await expectNoLoops(node);
    await node.controller.ControllerExpandVolume({ volume_id, ...grown });
    // An unstaged volume grows at its next stage, so there is nothing to report.
    expect((await found(node, paths)).controller).toEqual([]);
    // As after a driver dies between the two.
    execFileSync('mount', ['-o', 'loop', imageFile(node, volume_id), staging_target_path]);
    onTestFinished(() => void execFileSync('umount', [staging_target_path]));
    await node.restart();
    expect((await found(node, paths)).controller).toEqual(['ExpansionIncomplete']);
    const stage = () => node.node.NodeStageVolume({ ...paths, volume_capability });
    await stage();
    const { total } = df(staging_target_path);
    expect(Number(total)).toBeGreaterThan(0.8 * larger);
    expect((await found(node, paths)).controller).toEqual([]);
    await stage();
    expect(df(staging_target_path).total).toBe(total);
  });
});

describe.skipIf(!isHostRoot)('a volume whose file system could not grow yet', () => {
  test('because it is mounted read-only is reported', async () => {
    const node = await startedNode();
    const paths = await node.createStaged('a', fileSystem('xfs'), image(smaller));
    await node.node.NodeUnstageVolume(paths);
    await node.controller.ControllerExpandVolume({ volume_id: paths.volume_id, ...grown });
    const volume_capability = fileSystem('xfs', ['ro']);
    for (const _ of ['once', 'again']) await node.node.NodeStageVolume({ ...paths, volume_capability });
    expect((await found(node, paths)).controller).toEqual(['ExpansionIncomplete']);
  });

  test.skipIf(canGrowExt4Online)(
    'because the driver cannot grow ext4 while it is mounted is reported',
    async () => {
      const node = await startedNode();
      const paths = await node.createPublished('a', fileSystem('ext4'), image(smaller));
      const { volume_id, target_path: volume_path } = paths;
      await node.controller.ControllerExpandVolume({ volume_id, ...grown });
      await node.node.NodeExpandVolume({ volume_id, volume_path });
      expect(await found(node, paths)).toEqual(everywhere(['ExpansionIncomplete']));
    },
  );
});
