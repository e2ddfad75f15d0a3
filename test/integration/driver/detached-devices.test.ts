import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { found, onNode } from '../../support/health.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, imageFile, loopsOf } from '../../support/image-node.ts';
import { expectApart, PodDevice, publishVictim, victims } from '../../support/pod-device.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { startedNode, type TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const volume_capability = blockDevice();
const secret = randomBytes(MIB);

const blockOf = (node: TestNode, name: string) =>
  node.createPublished(name, volume_capability, { capacity_range: { required_bytes: 32 * MIB } });

async function written(path: string, data: Buffer): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.write(data, 0, data.length, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function beginningOf(path: string): Buffer {
  return readFileSync(path).subarray(0, MIB);
}

describe.skipIf(!isHostRoot).each(victims)('a pod that detaches its block device, beside $kind', (victim) => {
  test.each([
    { when: 'while the driver runs', between: async () => {} },
    { when: 'after the driver was killed', between: (node: TestNode) => node.stop('SIGKILL') },
  ])('cannot read or write that volume, $when', async ({ between }) => {
    const node = await startedNode({ ownProcess: true });
    const { target_path } = await blockOf(node, 'tenant');
    const pod = new PodDevice(node.directory, 'pod', target_path);
    await between(node);
    pod.detach();
    await node.restart();
    await expectApart(pod, node, await publishVictim(node, victim), victim);
  });
});

describe.skipIf(!isHostRoot)('a block volume whose device a pod detaches', () => {
  test('keeps the device while the driver runs, and health reports it', async () => {
    const node = await startedNode();
    const paths = await blockOf(node, 'tenant');
    expect(await found(node, paths)).toEqual(onNode([]));
    const pod = new PodDevice(node.directory, 'pod', paths.target_path);
    pod.detach();
    expect(await found(node, paths)).toEqual(onNode(['DetachedByOthers']));
    await pod.write(secret);
    expect(beginningOf(imageFile(node, paths.volume_id)).equals(secret)).toBe(true);
    // Staged once more, as the kubelet does after a restart, the volume keeps it permanently.
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    expect(await found(node, paths)).toEqual(onNode([]));
  });

  test('is found by a driver that starts while it is staged', async () => {
    const node = await startedNode();
    const paths = await blockOf(node, 'tenant');
    await node.restart();
    new PodDevice(node.directory, 'pod', paths.target_path).detach();
    expect(await found(node, paths)).toEqual(onNode(['DetachedByOthers']));
    expect(loopsOf(node)).toHaveLength(1);
  });

  test('is reported if it was lost, and works again after unstage and stage', async () => {
    const node = await startedNode({ ownProcess: true });
    const paths = await blockOf(node, 'tenant');
    await written(paths.target_path, secret);
    await node.stop('SIGKILL');
    new PodDevice(node.directory, 'pod', paths.target_path).detach();
    await node.start();
    expect((await found(node, paths)).nodeWithPaths).toContain('NotAttached');
    const publishing = node.node.NodePublishVolume({ ...paths, volume_capability });
    await expectRefusal(publishing, 'FAILED_PRECONDITION', 'is not staged');
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect(beginningOf(paths.target_path).equals(secret)).toBe(true);
    expect(await found(node, paths)).toEqual(onNode([]));
  });

  test('gets another device when only the stage is repeated, and its old target is not accepted', async () => {
    const node = await startedNode({ ownProcess: true });
    const paths = await blockOf(node, 'tenant');
    await node.stop('SIGKILL');
    new PodDevice(node.directory, 'pod', paths.target_path).detach();
    await node.start();
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    const publishing = node.node.NodePublishVolume({ ...paths, volume_capability });
    await expectRefusal(publishing, 'FAILED_PRECONDITION', 'shows an old device of the volume');
    expect((await found(node, paths)).nodeWithPaths).toEqual(['WrongMount']);
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await node.controller.DeleteVolume(paths);
    expect(loopsOf(node)).toEqual([]);
  });
});
