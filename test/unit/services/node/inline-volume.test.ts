import { describe, expect, test } from 'vitest';
import { newObjectId } from '../../../../src/model/objects/object-id.ts';
import { Holds } from '../../../../src/model/state/holds.ts';
import type { NodePublishVolumeRequest } from '../../../../src/rpc/generated/csi/v1/NodePublishVolumeRequest.ts';
import { parseInline } from '../../../../src/services/node/inline-volume.ts';
import { blockDevice } from '../../../support/image-node.ts';
import { mountCapability } from '../../../support/requests.ts';
import { type Gate, gateAt } from '../../model/fakes/gate.ts';
import { type FakeModelSettings, fakeNode, kubeletDir, realKubeletDir } from '../../model/fakes/model.ts';
import { nodeOf, servicesOf } from '../calls.ts';

const volume_id = 'csi-0123';
const target_path = `${kubeletDir}/target`;
const ephemeral = { 'csi.storage.k8s.io/ephemeral': 'true' };
const request = { volume_id, target_path, volume_capability: mountCapability() };

function inlineNode(settings: FakeModelSettings = {}) {
  const fake = fakeNode(settings);
  const node = nodeOf(fake.model);
  const publish = (attributes: Record<string, string> = {}, changes: NodePublishVolumeRequest = {}) =>
    node.NodePublishVolume({ ...request, volume_context: { ...ephemeral, ...attributes }, ...changes });
  return { ...fake, node, publish };
}

test('an inline volume is created by its publish, below the real directory of the kubelet, and deleted by its unpublish', async () => {
  const { model, mounts, node, publish } = inlineNode();
  const attributes = { size: '64Mi', uid: '7', gid: '8', mode: '0700', backend: 'image' };
  const ofTheKubelet = {
    'csi.storage.k8s.io/pod.name': 'p',
    'csi.storage.k8s.io/serviceAccount.tokens': '{}',
  };
  await publish({ ...attributes, ...ofTheKubelet }, { readonly: true });
  expect(model.catalogue.volumes.find(volume_id)).toMatchObject({
    capacityBytes: 64n * 1024n ** 2n,
    root: { uid: 7, gid: 8, mode: 0o700 },
    content: { backend: 'image' },
    inline: { targetPath: `${realKubeletDir}/target` },
  });
  expect(await mounts.inspect(`${realKubeletDir}/target`)).toMatchObject({ flags: { readOnly: true } });
  const { usage } = await node.NodeGetVolumeStats({ volume_id, volume_path: target_path });
  expect(usage[0]?.total).toBe(String(64n * 1024n ** 2n));
  await node.NodeUnpublishVolume({ volume_id, target_path });
  expect(model.catalogue.volumes.all()).toEqual([]);
});

test.each([
  [{}, 1024n ** 3n],
  [{ size: '1' }, 1n],
  [{ size: '1.5Ki' }, 1536n],
  [{ size: '1e6' }, 1_000_000n],
])('its size is a number of bytes or a quantity: %j', async (attributes, bytes) => {
  const { model, publish } = inlineNode();
  await publish(attributes as Record<string, string>);
  expect(model.catalogue.volumes.find(volume_id)?.capacityBytes).toBe(bytes);
});

test('of several pools it is in the one with the most room', async () => {
  const { model, fastPool, publish } = inlineNode();
  fastPool.account.limitBytes = 1024n;
  await publish({ pool: 'fast,default', size: '1Ki' });
  expect(model.catalogue.volumes.find(volume_id)?.pool).toBe('default');
});

test.each([{ pool: 'fast' }, { kind: 'fast' }])('its pool is chosen by %j', async (attributes) => {
  const { model, publish } = inlineNode();
  await publish(attributes as Record<string, string>);
  expect(model.catalogue.volumes.find(volume_id)?.pool).toBe('fast');
});

test('a volume that grows has its new size at its target', async () => {
  const { model, node, publish } = inlineNode();
  await publish({ size: '1Mi', backend: 'image' });
  const grown = { volume_id, volume_path: target_path, capacity_range: { required_bytes: 2 * 1024 ** 2 } };
  expect(await node.NodeExpandVolume(grown)).toEqual({ capacity_bytes: String(2 * 1024 ** 2) });
  expect(model.catalogue.volumes.find(volume_id)?.capacityBytes).toBe(2n * 1024n ** 2n);
});

describe('an inline publish is refused, and nothing is made,', () => {
  test.each<[string, Record<string, string>]>([
    ['volume_context: unknown parameter "colour"; expected one of pool, kind,', { colour: 'blue' }],
    ['volume_context: unknown parameter "Size"; did you mean size? expected', { Size: '1' }],
    ['volume_context: unknown parameter "constructor"', { constructor: 'x' }],
    // The provisioner, which reads these keys of a StorageClass, does not see a pod.
    ['volume_context: unknown parameter "fstype"; did you mean the fsType of the volume?', { fstype: 'xfs' }],
    ['volume_context: unknown parameter "fsType"; did you mean the fsType of the volume?', { fsType: 'xfs' }],
    ['volume_context: unknown parameter "storagePool"; did you mean pool?', { storagePool: 'fast' }],
    ['volume_context: unknown parameter "onDelete"; expected one of pool, kind,', { onDelete: 'retain' }],
    [
      'volume_context: unknown parameter "allowVolumeModeChange"; expected one of pool, kind,',
      { allowVolumeModeChange: 'true' },
    ],
    ['volume_context.size: "64 MiB" must be a size', { size: '64 MiB' }],
    ['volume_context.size: "" must be a size', { size: '' }],
    ['volume_context.size: "0" must be a size of at least one byte', { size: '0' }],
    ['volume_context.size: "-1" must be a size', { size: '-1' }],
    ['volume_context.size: "8Ei" must be a size', { size: '8Ei' }],
    ['volume_context.size: 2199023255552 exceeds the maximum volume size', { size: '2Ti' }],
    ['volume_context.pool: "slow" is an unknown pool', { pool: 'slow' }],
    [
      'volume_context.kind: "slow" must be the same as volume_context.pool, "fast"',
      { pool: 'fast', kind: 'slow' },
    ],
    ['volume_context.backend: "tape" must be one of', { backend: 'tape' }],
    ['volume_context.enforceCapacity: "yes" must be one of', { enforceCapacity: 'yes' }],
    ['volume_context.uid: "-1" must be', { uid: '-1' }],
    ['volume_context.gid: "staff" must be', { gid: 'staff' }],
    ['volume_context.mode: "0888" must be', { mode: '0888' }],
  ])('%s', async (message, attributes) => {
    const { model, mounts, publish } = inlineNode();
    await expect(publish(attributes)).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining(message),
    });
    expect(model.catalogue.volumes.all()).toEqual([]);
    expect(await mounts.inspect(`${realKubeletDir}/target`)).toEqual({ kind: 'absent' });
  });

  test.each<[string, NodePublishVolumeRequest]>([
    ['volume_id is required', { volume_id: '' }],
    ['target_path is required', { target_path: '' }],
    ['volume_capability is required', { volume_capability: null }],
    ['volume_id: .* is longer than 128 bytes', { volume_id: 'n'.repeat(129) }],
    ['volume_id: .* is longer than 128 bytes', { volume_id: '\u{1F4BE}'.repeat(33) }],
    ['target_path: "relative" must be an absolute path', { target_path: 'relative' }],
    ['target_path: .* is inside the pool', { target_path: '/pools/default/x' }],
    [
      'volume_capability.access_type: an inline volume cannot be a block volume',
      { volume_capability: blockDevice() },
    ],
    ['volume_capability.access_mode', { volume_capability: { mount: {} } }],
    ['volume_capability.mount.fs_type: "zfs"', { volume_capability: fileSystemCapability('zfs') }],
  ])('%s', async (message, changes) => {
    const { model, publish } = inlineNode();
    await expect(publish({}, changes)).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringMatching(message),
    });
    expect(model.catalogue.volumes.all()).toEqual([]);
  });

  test('when its id is not valid text, so that its record could not store it', () => {
    const received = {
      ...{ volume_id: 'lone \ud800', target_path, volume_capability: null, volume_context: ephemeral },
      ...{ publish_context: {}, staging_target_path: '', readonly: false, secrets: {} },
    };
    const held = new Holds().hold([]);
    expect(() => parseInline(fakeNode().model.settings, received, held)).toThrow(
      expect.objectContaining({ kind: 'invalid', message: expect.stringContaining('well-formed Unicode') }),
    );
  });

  test('when a long value would not fit in the reply, it is cut', async () => {
    const { publish } = inlineNode();
    await expect(publish({ size: '9'.repeat(100_000) })).rejects.toMatchObject({
      message: expect.stringMatching(/^.{1,500}$/),
    });
  });
});

function fileSystemCapability(fs_type: string) {
  return { mount: { fs_type }, access_mode: { mode: 'SINGLE_NODE_WRITER' as const } };
}

describe('a publish whose context does not mark it as inline', () => {
  test.each([{}, { 'csi.storage.k8s.io/ephemeral': 'false' }])(
    'is for an existing volume: %j',
    async (volume_context) => {
      const { publish } = inlineNode();
      await expect(publish({}, { volume_context })).rejects.toMatchObject({ kind: 'not-found' });
    },
  );

  test('is for an existing volume if every other publish is inline, when the context says so', async () => {
    const { publish } = inlineNode({ features: { inlineByDefault: true } });
    const volume_context = { 'csi.storage.k8s.io/ephemeral': 'false' };
    await expect(publish({}, { volume_context })).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('is inline anyway if every publish is', async () => {
    const { model, publish } = inlineNode({ features: { inlineByDefault: true } });
    await publish({}, { volume_context: {}, staging_target_path: '/staging' });
    expect(model.catalogue.volumes.find(volume_id)?.inline).toBeDefined();
  });
});

/** RPCs with their locks; the first that reaches the gate's step waits there. */
function gatedNode(gate: Gate) {
  const fake = fakeNode({ onStep: gate.onStep });
  fake.makeDirectory(`${realKubeletDir}/other`);
  const { call } = servicesOf(fake.model);
  const publish = (path = target_path) =>
    call('Node', 'NodePublishVolume', { ...request, target_path: path, volume_context: ephemeral });
  const unpublish = (path = target_path, id = volume_id) =>
    call('Node', 'NodeUnpublishVolume', { volume_id: id, target_path: path });
  const remove = () => call('Controller', 'DeleteVolume', { volume_id });
  return { ...fake, call, publish, unpublish, remove };
}

describe('an inline volume is locked by one call', () => {
  test.each(['create: content made', 'publish: target made'] as const)(
    'while it is published: at "%s"',
    async (step) => {
      const gate = gateAt(step);
      const { model, publish, unpublish, remove } = gatedNode(gate);
      const publishing = publish();
      await gate.reached;
      expect(await publish()).toBe('ABORTED');
      expect(await publish(`${kubeletDir}/other/target`)).toBe('ABORTED');
      expect(await unpublish()).toBe('ABORTED');
      expect(await unpublish(`${kubeletDir}/other/target`)).toBe('ABORTED');
      expect(await remove()).toBe('ABORTED');
      gate.open();
      expect(await publishing).toBe('OK');
      expect(await publish()).toBe('OK');
      expect(model.catalogue.volumes.all()).toHaveLength(1);
    },
  );

  test.each(['unpublish: unmounted', 'delete: renamed'] as const)(
    'while it is unpublished: at "%s"',
    async (step) => {
      const gate = gateAt(step);
      const { model, publish, unpublish, remove } = gatedNode(gate);
      expect(await publish()).toBe('OK');
      const unpublishing = unpublish();
      await gate.reached;
      expect(await publish()).toBe('ABORTED');
      expect(await unpublish(`${kubeletDir}/other/target`)).toBe('ABORTED');
      expect(await remove()).toBe('ABORTED');
      gate.open();
      expect(await unpublishing).toBe('OK');
      expect(await unpublish()).toBe('OK');
      expect(await publish()).toBe('OK');
      expect(model.catalogue.volumes.all()).toHaveLength(1);
    },
  );

  test('while an unknown id is unpublished, which may be its own', async () => {
    const gate = gateAt('unpublish: checked');
    const { publish, unpublish } = gatedNode(gate);
    const unpublishing = unpublish();
    await gate.reached;
    expect(await publish()).toBe('ABORTED');
    expect(await unpublish(target_path, newObjectId('a', 'aaaaaaaa'))).toBe('ABORTED');
    expect(await unpublish(`${kubeletDir}/other/target`, 'another')).toBe('OK');
    gate.open();
    expect(await unpublishing).toBe('OK');
  });

  test('and others are free during that', async () => {
    const gate = gateAt('create: content made');
    const { call, publish, makeDirectory } = gatedNode(gate);
    const publishing = publish();
    await gate.reached;
    makeDirectory(`${realKubeletDir}/second`);
    const second = { volume_id: 'csi-4567', target_path: `${kubeletDir}/second/target` };
    expect(
      await call('Node', 'NodePublishVolume', { ...request, ...second, volume_context: ephemeral }),
    ).toBe('OK');
    gate.open();
    expect(await publishing).toBe('OK');
  });
});
