import { describe, expect, test } from 'vitest';
import { newObjectId } from '../../../../src/model/objects/object-id.ts';
import { type FakeModelSettings, fakeNode } from '../../model/fakes/model.ts';
import { controllerOf, servicesOf } from '../calls.ts';

const volume_capability = { mount: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } } as const;
const node_id = 'node-1';

async function nodeWithVolume(settings: FakeModelSettings = {}) {
  const node = fakeNode({ ...settings, features: { attach: true } });
  const { id: volume_id } = await node.addVolume();
  return { ...node, volume_id, controller: controllerOf(node.model) };
}

describe('ControllerPublishVolume', () => {
  test('attaches, can be repeated, and is listed in the published nodes until it is undone', async () => {
    const { controller, volume_id } = await nodeWithVolume();
    const published = async () => [
      (await controller.ControllerGetVolume({ volume_id })).status?.published_node_ids,
      (await controller.ListVolumes({})).entries.map(({ status }) => status?.published_node_ids),
    ];
    expect(await published()).toEqual([[], [[]]]);
    const request = { volume_id, node_id, volume_capability };
    expect(await controller.ControllerPublishVolume(request)).toEqual({ publish_context: {} });
    expect(await controller.ControllerPublishVolume(request)).toEqual({ publish_context: {} });
    expect(await published()).toEqual([[node_id], [[node_id]]]);
    expect(await controller.ControllerUnpublishVolume({ volume_id, node_id })).toEqual({});
    expect(await published()).toEqual([[], [[]]]);
  });

  test.each([
    ['volume_id is required', { volume_id: '' }],
    ['node_id is required', { node_id: '' }],
    ['volume_capability is required', { volume_capability: null }],
    ['volume_capability.access_mode is required', { volume_capability: { mount: {} } }],
    ['does not exist', { volume_id: newObjectId('a', 'aaaaaaaa') }],
    ['node_id: unknown node "node-2"', { node_id: 'node-2' }],
  ])('is refused: %s', async (message, changes) => {
    const { controller, volume_id } = await nodeWithVolume();
    const request = { volume_id, node_id, volume_capability, ...changes };
    await expect(controller.ControllerPublishVolume(request)).rejects.toThrow(message);
  });
});

describe('ControllerUnpublishVolume', () => {
  test('without a node detaches from any node', async () => {
    const { controller, model, volume_id } = await nodeWithVolume();
    await controller.ControllerPublishVolume({ volume_id, node_id, volume_capability });
    await controller.ControllerUnpublishVolume({ volume_id });
    expect(model.catalogue.volumes.find(volume_id)?.attachment).toBeUndefined();
  });

  test.each([
    ['that never existed', '../../etc'],
    ['of another node', newObjectId('a', 'cccccccc')],
  ])('treats a volume %s as detached', async (_, volume_id) => {
    const { controller } = await nodeWithVolume();
    expect(await controller.ControllerUnpublishVolume({ volume_id, node_id })).toEqual({});
  });

  test('treats a volume whose record is damaged as detached', async () => {
    const { controller, model } = await nodeWithVolume();
    const volume_id = newObjectId('b', 'aaaaaaaa');
    model.catalogue.volumes.addDamaged({ id: volume_id, pool: 'default', reason: 'it is empty' });
    expect(await controller.ControllerUnpublishVolume({ volume_id, node_id })).toEqual({});
  });

  test('needs an id', async () => {
    const { controller } = await nodeWithVolume();
    await expect(controller.ControllerUnpublishVolume({})).rejects.toThrow('volume_id is required');
  });
});

test('without attach there is neither call nor capability', async () => {
  const { model } = fakeNode();
  const { call } = servicesOf(model);
  expect(await call('Controller', 'ControllerPublishVolume', {})).toBe('UNIMPLEMENTED');
  expect(await call('Controller', 'ControllerUnpublishVolume', {})).toBe('UNIMPLEMENTED');
  const { capabilities } = await controllerOf(model).ControllerGetCapabilities({});
  expect(capabilities.map(({ rpc }) => rpc?.type).filter((type) => /PUBLISH/.test(type ?? ''))).toEqual([]);
});
