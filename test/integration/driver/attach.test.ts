import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { VolumeCapability } from '../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice } from '../../support/image-node.ts';
import { expectRefusal, outcomeOf } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { startedNode, type TestNode } from '../../support/test-node.ts';

const LIMIT = 8;
const flags = ['--enable-attach', `--attach-limit=${LIMIT}`];
const node_id = 'node-1';

function attach(node: TestNode, volume_id: string, changes: object = {}) {
  const volume_capability = mountCapability();
  return node.controller.ControllerPublishVolume({ volume_id, node_id, volume_capability, ...changes });
}

/** The nodes that volumes are published to, according to ListVolumes. */
async function published(node: TestNode): Promise<Record<string, string[]>> {
  const { entries = [] } = await node.controller.ListVolumes({});
  return Object.fromEntries(
    entries.map(({ volume, status }) => [volume?.volume_id ?? '', status?.published_node_ids ?? []]),
  );
}

test('a volume is attached, staged and published, and no trace is left after all that is undone', async () => {
  const node = await startedNode({ flags: [...flags, '--check-volume-lifecycle'] });
  const volume_id = await node.create('a');
  const volume_capability = mountCapability();
  const staging_target_path = node.newStaging();
  const target_path = node.newPath();
  const stage = { volume_id, staging_target_path, volume_capability };
  await expectRefusal(node.node.NodeStageVolume(stage), 'FAILED_PRECONDITION', 'ControllerPublishVolume');
  await attach(node, volume_id);
  await node.node.NodeStageVolume(stage);
  await node.node.NodePublishVolume({ ...stage, target_path });
  writeFileSync(join(target_path, 'file'), 'kept');

  const detach = () => node.controller.ControllerUnpublishVolume({ volume_id, node_id });
  const unstage = () => node.node.NodeUnstageVolume({ volume_id, staging_target_path });
  await expectRefusal(detach(), 'FAILED_PRECONDITION', 'still mounted');
  await expectRefusal(unstage(), 'FAILED_PRECONDITION', target_path);
  await node.node.NodeUnpublishVolume({ volume_id, target_path });
  await unstage();
  await expectRefusal(node.controller.DeleteVolume({ volume_id }), 'FAILED_PRECONDITION', node_id);
  await detach();
  await detach();
  await node.controller.DeleteVolume({ volume_id });
});

test('attachments are remembered after a restart, and count against the limit', async () => {
  const node = await startedNode({ flags, ownProcess: true });
  expect((await node.node.NodeGetInfo({})).max_volumes_per_node).toBe(String(LIMIT));
  const ids = [];
  for (let index = 0; index <= LIMIT; index++) ids.push(await node.create(`v${index}`));
  const [last = '', ...others] = ids;
  for (const volume_id of others) await attach(node, volume_id);
  const expected = Object.fromEntries(ids.map((id) => [id, id === last ? [] : [node_id]]));
  expect(await published(node)).toEqual(expected);
  await node.stop('SIGKILL');
  await node.start({ flags });
  expect(await published(node)).toEqual(expected);
  await expectRefusal(attach(node, last), 'RESOURCE_EXHAUSTED', 'attach-limit');
  await expectRefusal(attach(node, others[0] ?? '', { readonly: true }), 'ALREADY_EXISTS', 'writable as');
  await node.controller.ControllerUnpublishVolume({ volume_id: others[0] ?? '' });
  await attach(node, last);
});

test('when many volumes are attached at once, exactly as many as the limit succeed', async () => {
  const node = await startedNode({ flags });
  const ids = await Promise.all(Array.from({ length: 3 * LIMIT }, (_, index) => node.create(`v${index}`)));
  const outcomes = await Promise.all(ids.map((volume_id) => outcomeOf(attach(node, volume_id))));
  expect(outcomes.filter((outcome) => outcome === 'OK')).toHaveLength(LIMIT);
  const refusals = outcomes.flatMap((outcome) => (outcome === 'OK' ? [] : [outcome.code]));
  expect(refusals).toEqual(Array.from({ length: 2 * LIMIT }, () => 'RESOURCE_EXHAUSTED'));
  const nodes = Object.values(await published(node)).flat();
  expect(nodes).toEqual(Array.from({ length: LIMIT }, () => node_id));
});

describe('a volume that is attached read-only cannot be written to, whatever the other calls ask for', () => {
  async function publishedReadOnly(capability: VolumeCapability, changes: object = {}) {
    const node = await startedNode({ flags });
    const volume_id = await node.create('a', { volume_capabilities: [capability], ...changes });
    const volume_capability = capability;
    await attach(node, volume_id, { volume_capability, readonly: true });
    const paths = { staging_target_path: node.newStaging(), target_path: node.newPath() };
    await node.node.NodeStageVolume({ volume_id, volume_capability, ...paths });
    await node.node.NodePublishVolume({ volume_id, volume_capability, ...paths });
    return paths.target_path;
  }

  test('as a directory', async () => {
    const target = await publishedReadOnly(mountCapability());
    expect(() => writeFileSync(join(target, 'file'), 'x')).toThrow('EROFS');
  });

  test.skipIf(!isHostRoot)('as a block device', async () => {
    const target = await publishedReadOnly(blockDevice());
    const fd = openSync(target, 'r+');
    try {
      expect(() => writeSync(fd, 'x')).toThrow('EPERM');
    } finally {
      closeSync(fd);
    }
    expect(readFileSync(target)).toHaveLength(1024 ** 2);
  });
});

test('without the flag the driver serves neither call, and forgets existing attachments', async () => {
  const node = await startedNode({ flags });
  const volume_id = await node.create('a');
  await attach(node, volume_id);
  await node.restart();
  expect(await published(node)).toEqual({ [volume_id]: [] });
  await expectRefusal(attach(node, volume_id), 'UNIMPLEMENTED');
  await node.controller.DeleteVolume({ volume_id });
});
