import { describe, expect, test } from 'vitest';
import { newObjectId } from '../../../../src/model/objects/object-id.ts';
import { controllerService } from '../../../../src/services/controller/controller.ts';
import { fakeNode, here } from '../../model/fakes/model.ts';
import { controllerOf } from '../calls.ts';

test('the controller declares what it has, and no more', async () => {
  const { capabilities } = await controllerOf(fakeNode().model).ControllerGetCapabilities({});
  expect(capabilities.map(({ rpc }) => rpc?.type)).toEqual([
    'CREATE_DELETE_VOLUME',
    'LIST_VOLUMES',
    'GET_VOLUME',
    'GET_CAPACITY',
    'SINGLE_NODE_MULTI_WRITER',
    'CREATE_DELETE_SNAPSHOT',
    'GET_SNAPSHOT',
    'CLONE_VOLUME',
    'GET_VOLUME_HEALTH',
    'LIST_VOLUME_HEALTH',
    'LIST_SNAPSHOTS',
    'EXPAND_VOLUME',
  ]);
});

test('the controller declares no expansion where it is switched off', async () => {
  const { model } = fakeNode({ expansion: { byController: false, byNode: true } });
  const { capabilities } = await controllerOf(model).ControllerGetCapabilities({});
  expect(capabilities.map(({ rpc }) => rpc?.type)).not.toContain('EXPAND_VOLUME');
});

test('the controller does not list snapshots where that is switched off', async () => {
  const { model } = fakeNode({ features: { listSnapshots: false } });
  const { capabilities } = await controllerOf(model).ControllerGetCapabilities({});
  expect(capabilities.map(({ rpc }) => rpc?.type)).not.toContain('LIST_SNAPSHOTS');
  expect(controllerService(model).ListSnapshots).toBeUndefined();
});

describe('DeleteVolume', () => {
  test('deletes, and may be repeated', async () => {
    const { model, addVolume } = fakeNode();
    const { id } = await addVolume();
    const { DeleteVolume } = controllerOf(model);
    expect(await DeleteVolume({ volume_id: id })).toEqual({});
    expect(await DeleteVolume({ volume_id: id })).toEqual({});
    expect(model.volumes.find(id)).toBeUndefined();
  });

  test('needs an id', async () => {
    await expect(controllerOf(fakeNode().model).DeleteVolume({})).rejects.toThrow('volume_id is required');
  });
});

describe('ControllerGetVolume', () => {
  test('tells a volume', async () => {
    const { model, addVolume } = fakeNode();
    const { id } = await addVolume();
    expect(await controllerOf(model).ControllerGetVolume({ volume_id: id })).toMatchObject({
      volume: { volume_id: id, capacity_bytes: '1048576', accessible_topology: [{ segments: here }] },
      status: { published_node_ids: [] },
    });
  });

  test.each([
    ['invalid', ''],
    ['not-found', 'nobody'],
    ['not-found', newObjectId('a', 'cccccccc')],
  ])('is %s for the id %j', async (kind, volume_id) => {
    await expect(controllerOf(fakeNode().model).ControllerGetVolume({ volume_id })).rejects.toMatchObject({
      kind,
    });
  });

  test('never takes a damaged volume for a missing one', async () => {
    const { model } = fakeNode();
    model.volumes.addDamaged({ id: 'v', pool: 'default', reason: 'it is empty' });
    await expect(controllerOf(model).ControllerGetVolume({ volume_id: 'v' })).rejects.toMatchObject({
      kind: 'damaged',
    });
  });
});

describe('GetCapacity', () => {
  const GiB = 1024n ** 3n;

  test('tells what is left, and the largest volume there may be', async () => {
    const { model } = fakeNode({ maximumVolumeBytes: 7n * GiB });
    expect(await controllerOf(model).GetCapacity({})).toEqual({
      available_capacity: `${50n * GiB}`,
      maximum_volume_size: { value: `${7n * GiB}` },
      minimum_volume_size: { value: '1' },
    });
  });

  test.each([
    ['another node', { accessible_topology: { segments: { 'topology.hostpath.csi/node': 'node-2' } } }],
    ['a pool there is not', { parameters: { pool: 'slow' } }],
  ])('is 0 for %s', async (_, request) => {
    expect(await controllerOf(fakeNode().model).GetCapacity(request)).toMatchObject({
      available_capacity: '0',
    });
  });

  test.each([
    ['volume_capabilities[0].access_mode', { volume_capabilities: [{ mount: {} }] }],
    ['parameters: unknown parameter "colour"', { parameters: { colour: 'blue' } }],
  ])('is invalid, and the field named: %s', async (message, request) => {
    await expect(controllerOf(fakeNode().model).GetCapacity(request)).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining(message),
    });
  });
});
