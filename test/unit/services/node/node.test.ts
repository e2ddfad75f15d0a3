import { describe, expect, test } from 'vitest';
import type { NodePublishVolumeRequest } from '../../../../src/rpc/generated/csi/v1/NodePublishVolumeRequest.ts';
import { mountCapability } from '../../../support/requests.ts';
import { fakeNode, here, kubeletDir, realKubeletDir } from '../../model/fakes/model.ts';
import { nodeOf } from '../calls.ts';

const staging_target_path = `${kubeletDir}/staging`;
const target_path = `${kubeletDir}/target`;
const realStaging = `${realKubeletDir}/staging`;
const realTarget = `${realKubeletDir}/target`;
const volume_capability = mountCapability();

async function nodeWithVolume() {
  const fake = fakeNode();
  const { id: volume_id } = await fake.addVolume();
  fake.makeDirectory(realStaging);
  const node = nodeOf(fake.model);
  const stage = (changes: NodePublishVolumeRequest = {}) =>
    node.NodeStageVolume({ volume_id, staging_target_path, volume_capability, ...changes });
  const publish = (changes: NodePublishVolumeRequest = {}) =>
    node.NodePublishVolume({ volume_id, staging_target_path, target_path, volume_capability, ...changes });
  return { ...fake, node, volume_id, stage, publish };
}

test('the node declares exactly its capabilities', async () => {
  const { capabilities } = await nodeOf(fakeNode().model).NodeGetCapabilities({});
  const types = [
    'STAGE_UNSTAGE_VOLUME',
    'GET_VOLUME_STATS',
    'SINGLE_NODE_MULTI_WRITER',
    'GET_VOLUME_HEALTH',
    'GET_STORAGE_HEALTH',
    'EXPAND_VOLUME',
  ];
  expect(capabilities.map(({ rpc }) => rpc?.type)).toEqual(types);
});

test.each([
  [here, { segments: here }],
  [undefined, null],
])('the node returns its id, its limit and its topology: %j', async (topology, accessible_topology) => {
  expect(await nodeOf(fakeNode({ topology, volumeLimit: 7 }).model).NodeGetInfo({})).toEqual({
    node_id: 'node-1',
    max_volumes_per_node: '7',
    accessible_topology,
  });
});

test('a volume is staged, published, unpublished and unstaged below the real directory of the kubelet', async () => {
  const { mounts, node, volume_id, stage, publish } = await nodeWithVolume();
  expect(await stage()).toEqual({});
  expect((await mounts.inspect(realStaging)).kind).toBe('mounted');
  expect(await publish({ readonly: true })).toEqual({});
  expect(await mounts.inspect(realTarget)).toMatchObject({ kind: 'mounted', flags: { readOnly: true } });
  expect(await node.NodeUnpublishVolume({ volume_id, target_path })).toEqual({});
  expect((await mounts.inspect(realTarget)).kind).toBe('absent');
  expect(await node.NodeUnstageVolume({ volume_id, staging_target_path })).toEqual({});
  expect((await mounts.inspect(realStaging)).kind).toBe('directory');
});

test('mount flags of the capability are applied to stage and publish', async () => {
  const { mounts, stage, publish } = await nodeWithVolume();
  await stage({ volume_capability: mountCapability('SINGLE_NODE_WRITER', ['noexec', 'suid', 'dev']) });
  await publish({ volume_capability: mountCapability('SINGLE_NODE_WRITER', ['noexec', 'nosuid']) });
  expect(await mounts.inspect(realStaging)).toMatchObject({
    flags: { noExec: true, noSuid: false, noDev: false },
  });
  expect(await mounts.inspect(realTarget)).toMatchObject({
    flags: { noExec: true, noSuid: true, noDev: true },
  });
});

test('set-user-id programs and devices are disabled, unless requested otherwise', async () => {
  const { mounts, node, volume_id, stage, publish } = await nodeWithVolume();
  const restricted = { flags: { noSuid: true, noDev: true } };
  await stage();
  await publish();
  expect(await mounts.inspect(realStaging)).toMatchObject(restricted);
  expect(await mounts.inspect(realTarget)).toMatchObject(restricted);
  await node.NodeUnpublishVolume({ volume_id, target_path });
  await node.NodeUnstageVolume({ volume_id, staging_target_path });
  const volume_capability = mountCapability('SINGLE_NODE_WRITER', ['suid', 'dev']);
  await stage({ volume_capability });
  await publish({ volume_capability });
  expect(await mounts.inspect(realStaging)).toMatchObject({ flags: { noSuid: false, noDev: false } });
  expect(await mounts.inspect(realTarget)).toMatchObject({ flags: { noSuid: false, noDev: false } });
});

type Calls = Awaited<ReturnType<typeof nodeWithVolume>>['node'];

// Every one of its fields has a mistake.
const wrong = {
  volume_id: 'nobody',
  staging_target_path: 'relative',
  target_path: 'relative',
  volume_path: 'relative',
  volume_capability: { mount: { mount_flags: ['bogus'] } },
};
const call = (node: Calls, method: keyof Calls, request: object) =>
  (node[method] as (request: object) => Promise<object>)(request);

test.each([
  ['NodeStageVolume', ['volume_id', 'staging_target_path', 'volume_capability']],
  ['NodePublishVolume', ['volume_id', 'target_path', 'volume_capability']],
  ['NodeUnstageVolume', ['volume_id', 'staging_target_path']],
  ['NodeUnpublishVolume', ['volume_id', 'target_path']],
  ['NodeGetVolumeStats', ['volume_id', 'volume_path']],
] as const)('%s reports a missing field before anything else: %j', async (method, fields) => {
  const { node } = await nodeWithVolume();
  for (const field of fields) {
    await expect(call(node, method, { ...wrong, [field]: undefined })).rejects.toMatchObject({
      kind: 'invalid',
      message: `${field} is required`,
    });
  }
});

test.each(['NodeStageVolume', 'NodePublishVolume', 'NodeGetVolumeStats'] as const)(
  '%s reports an unknown volume, or a damaged one, before a mistake in the form',
  async (method) => {
    const { model, node } = await nodeWithVolume();
    await expect(call(node, method, wrong)).rejects.toMatchObject({ kind: 'not-found' });
    model.catalogue.volumes.addDamaged({ id: 'nobody', pool: 'default', reason: 'it is empty' });
    await expect(call(node, method, wrong)).rejects.toMatchObject({ kind: 'damaged' });
  },
);

describe('a request is refused', () => {
  test.each([
    ['invalid', 'staging_target_path: ', { staging_target_path: 'relative' }],
    ['invalid', 'staging_target_path: ', { staging_target_path: '/pools/default/x' }],
    ['invalid', 'volume_capability.access_mode', { volume_capability: { mount: {} } }],
    [
      'invalid',
      'volume_capability.mount.mount_flags',
      { volume_capability: mountCapability('SINGLE_NODE_WRITER', ['x']) },
    ],
    [
      'precondition',
      'volume_capability: the volume is a mount volume, not a block volume',
      { volume_capability: { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' as const } } },
    ],
  ])('as %s when a stage has a wrong %s', async (kind, message, changes) => {
    const { stage } = await nodeWithVolume();
    await expect(stage(changes)).rejects.toMatchObject({ kind, message: expect.stringContaining(message) });
  });

  test.each([
    ['precondition', 'staging_target_path is required', { staging_target_path: '' }],
    ['precondition', 'is not staged', {}],
    ['invalid', 'target_path: ', { target_path: 'relative' }],
    ['invalid', 'target_path: ', { target_path: '/pools/default/volumes/x' }],
    ['invalid', 'volume_capability.access_mode', { volume_capability: { mount: {} } }],
    [
      'precondition',
      'volume_capability: the volume is a mount volume, not a block volume',
      { volume_capability: { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' as const } } },
    ],
  ])('as %s when a publish has a wrong %s', async (kind, message, changes) => {
    const { publish } = await nodeWithVolume();
    await expect(publish(changes)).rejects.toMatchObject({ kind, message: expect.stringContaining(message) });
  });

  test('when a path to unmount is not absolute or in a pool', async () => {
    const { node, volume_id } = await nodeWithVolume();
    for (const path of ['relative', '/pools/default']) {
      const unstaged = node.NodeUnstageVolume({ volume_id, staging_target_path: path });
      await expect(unstaged).rejects.toMatchObject({ kind: 'invalid' });
      const unpublished = node.NodeUnpublishVolume({ volume_id, target_path: path });
      await expect(unpublished).rejects.toMatchObject({ kind: 'invalid' });
    }
  });
});

test('a target with foreign files is left, mounted on or not, and removed when it is empty', async () => {
  const { mounts, node, volume_id, stage, publish } = await nodeWithVolume();
  await stage();
  mounts.tree.makeDirectory(realTarget);
  mounts.tree.makeFile(`${realTarget}/precious`, 'content');
  await publish();
  const unpublish = () => node.NodeUnpublishVolume({ volume_id, target_path });
  for (let time = 0; time < 2; time++) {
    await expect(unpublish()).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringMatching(`^target_path: .*${realTarget}.* is not empty`),
    });
    expect((await mounts.inspect(realTarget)).kind).toBe('directory');
    expect((await mounts.inspect(`${realTarget}/precious`)).kind).toBe('file');
  }
  mounts.tree.remove(`${realTarget}/precious`);
  expect(await unpublish()).toEqual({});
  expect((await mounts.inspect(realTarget)).kind).toBe('absent');
});

test('unpublish and unstage work for a volume that is no longer known', async () => {
  const { mounts, model, node, volume_id, stage, publish } = await nodeWithVolume();
  await stage();
  await publish();
  const volume = model.catalogue.volumes.find(volume_id);
  if (volume) model.catalogue.volumes.remove(volume);
  await node.NodeUnpublishVolume({ volume_id, target_path });
  await node.NodeUnstageVolume({ volume_id, staging_target_path });
  expect((await mounts.inspect(realStaging)).kind).toBe('directory');
});

describe('NodeGetVolumeStats', () => {
  test('returns bytes and inodes where the volume is staged or published', async () => {
    const { mounts, node, volume_id, stage, publish } = await nodeWithVolume();
    await stage();
    await publish();
    mounts.space = {
      bytes: { total: 10n ** 18n + 1n, used: 2n, available: 3n },
      inodes: { total: 4n, used: 5n, available: 6n },
    };
    for (const volume_path of [staging_target_path, target_path]) {
      const { usage } = await node.NodeGetVolumeStats({ volume_id, volume_path });
      expect(usage).toEqual([
        { unit: 'BYTES', total: '1000000000000000001', used: '2', available: '3' },
        { unit: 'INODES', total: '4', used: '5', available: '6' },
      ]);
    }
  });

  test.each(['relative', '/elsewhere', target_path])('is not found at %s', async (volume_path) => {
    const { node, volume_id, stage } = await nodeWithVolume();
    await stage();
    await expect(node.NodeGetVolumeStats({ volume_id, volume_path })).rejects.toMatchObject({
      kind: 'not-found',
    });
  });
});
