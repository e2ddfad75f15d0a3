import { describe, expect, test } from 'vitest';
import type { OnStep } from '../../../src/model/steps.ts';
import { mountCapability } from '../../support/requests.ts';
import { stageVolume } from '../model/fakes/calls.ts';
import { gateAt } from '../model/fakes/gate.ts';
import { fakeNode, kubeletDir, realKubeletDir } from '../model/fakes/model.ts';
import { capability } from '../model/fakes/requests.ts';
import { servicesOf } from './calls.ts';

const volume_capability = mountCapability('SINGLE_NODE_MULTI_WRITER');
const staging_target_path = '/staging';

/** A node with a staged volume, whose RPCs are called with their locks. */
async function stagedNode(onStep?: OnStep) {
  const node = fakeNode(onStep ? { onStep } : {});
  const volume = await node.addVolume();
  node.makeDirectory('/pod');
  await stageVolume(node.model, volume, node.makeDirectory(staging_target_path), capability());
  const { call } = servicesOf(node.model);
  const common = { volume_id: volume.id, volume_capability, staging_target_path };
  return {
    ...node,
    create: (name: string) =>
      call('Controller', 'CreateVolume', { name, volume_capabilities: [volume_capability] }),
    remove: (volume_id = volume.id) => call('Controller', 'DeleteVolume', { volume_id }),
    get: () => call('Controller', 'ControllerGetVolume', { volume_id: volume.id }),
    stage: (path = staging_target_path) =>
      call('Node', 'NodeStageVolume', { ...common, staging_target_path: path }),
    unstage: () => call('Node', 'NodeUnstageVolume', { volume_id: volume.id, staging_target_path }),
    publish: (target_path: string) => call('Node', 'NodePublishVolume', { ...common, target_path }),
    unpublish: (target_path: string) =>
      call('Node', 'NodeUnpublishVolume', { volume_id: volume.id, target_path }),
  };
}

test('all 36 RPCs of the five services exist', () => {
  const { services } = servicesOf(fakeNode().model);
  expect([...services.keys()]).toEqual(
    ['Identity', 'Controller', 'Node', 'GroupController', 'SnapshotMetadata'].map((name) => `csi.v1.${name}`),
  );
  const rpcs = [...services.values()].flatMap(({ implementation }) => Object.keys(implementation));
  expect(rpcs).toHaveLength(36);
});

test.each([
  ['Controller', 'ControllerPublishVolume'],
  ['Controller', 'ControllerModifyVolume'],
] as const)(
  'an RPC that the driver does not implement answers UNIMPLEMENTED: %s.%s',
  async (service, method) => {
    expect(await servicesOf(fakeNode().model).call(service, method, {})).toBe('UNIMPLEMENTED');
  },
);

test('a disabled expansion answers UNIMPLEMENTED', async () => {
  const { call } = servicesOf(fakeNode({ expansion: { byController: false, byNode: false } }).model);
  expect(await call('Controller', 'ControllerExpandVolume', {})).toBe('UNIMPLEMENTED');
  expect(await call('Node', 'NodeExpandVolume', {})).toBe('UNIMPLEMENTED');
});

describe('while a volume is being created', () => {
  test('its name is taken, and other names are free', async () => {
    const gate = gateAt('create: content made');
    const { model, pool, fastPool } = fakeNode({ onStep: gate.onStep });
    const { call } = servicesOf(model);
    const create = (name: string) =>
      call('Controller', 'CreateVolume', { name, volume_capabilities: [volume_capability] });
    const first = create('new');
    await gate.reached;
    expect(await create('new')).toBe('ABORTED');
    expect(await create('other')).toBe('OK');
    gate.open();
    expect(await first).toBe('OK');
    expect(await create('new')).toBe('OK');
    const stored = [
      ...(await pool.records.volumes.load()).found,
      ...(await fastPool.records.volumes.load()).found,
    ];
    expect(stored.map(({ name }) => name).sort()).toEqual(['new', 'other']);
  });
});

describe('while a volume is being deleted', () => {
  test('every other change to it is refused, it can be read, and other volumes are free', async () => {
    const gate = gateAt('delete: renamed');
    const node = await stagedNode(gate.onStep);
    expect(await node.unstage()).toBe('OK');
    const deleting = node.remove();
    await gate.reached;
    expect(await node.remove()).toBe('ABORTED');
    expect(await node.stage()).toBe('ABORTED');
    expect(await node.publish('/pod/target')).toBe('ABORTED');
    expect(await node.get()).toBe('OK');
    expect(await node.create('other')).toBe('OK');
    gate.open();
    expect(await deleting).toBe('OK');
    expect(await node.stage()).toBe('NOT_FOUND');
  });
});

describe('while a volume is being published', () => {
  test('its target is taken, other targets are free, and the volume stays as it is', async () => {
    const gate = gateAt('publish: target made');
    const node = await stagedNode(gate.onStep);
    const publishing = node.publish('/pod/target');
    await gate.reached;
    expect(await node.publish('/pod/target')).toBe('ABORTED');
    expect(await node.unpublish('/pod/target')).toBe('ABORTED');
    expect(await node.unstage()).toBe('ABORTED');
    expect(await node.remove()).toBe('ABORTED');
    expect(await node.publish('/pod/other')).toBe('OK');
    expect(await node.unpublish('/pod/other')).toBe('OK');
    gate.open();
    expect(await publishing).toBe('OK');
  });

  test.each([
    ['a slash at the end', '/pod/target', '/pod/target/'],
    ['a slash too many', '/pod/target', '/pod//target'],
    ['the kubelet’s other name', `${kubeletDir}/target`, `${realKubeletDir}/target`],
  ])('its target under another spelling is the same target: %s', async (_, one, other) => {
    const gate = gateAt('publish: target made');
    const node = await stagedNode(gate.onStep);
    const first = node.publish(one);
    await gate.reached;
    await node.publish(other);
    gate.open();
    expect(await first).toBe('OK');
    const real = node.model.settings.mountPaths.resolve('target_path', one);
    const mounted = (await node.mounts.list()).filter(({ path }) => path === real);
    expect(mounted).toHaveLength(1);
  });
});

describe('while a volume is being unstaged', () => {
  test('it can be neither staged nor published, at any path', async () => {
    const gate = gateAt('unstage: checked');
    const node = await stagedNode(gate.onStep);
    const unstaging = node.unstage();
    await gate.reached;
    expect(await node.stage()).toBe('ABORTED');
    expect(await node.stage(node.makeDirectory('/elsewhere'))).toBe('ABORTED');
    expect(await node.publish('/pod/target')).toBe('ABORTED');
    gate.open();
    expect(await unstaging).toBe('OK');
    expect(await node.stage()).toBe('OK');
  });
});
