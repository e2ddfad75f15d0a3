import { describe, expect, test } from 'vitest';
import { controllerMethods } from '../../../../src/services/controller/controller.ts';
import { fakeNode, here } from '../../model/fakes/model.ts';
import { controllerOf } from '../calls.ts';

test('the controller declares exactly its capabilities', async () => {
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

test('the controller declares no expansion if it is disabled', async () => {
  const { model } = fakeNode({ expansion: { byController: false, byNode: true } });
  const { capabilities } = await controllerOf(model).ControllerGetCapabilities({});
  expect(capabilities.map(({ rpc }) => rpc?.type)).not.toContain('EXPAND_VOLUME');
});

test('the controller does not list snapshots if that is disabled', async () => {
  const { model } = fakeNode({ features: { listSnapshots: false } });
  const { capabilities } = await controllerOf(model).ControllerGetCapabilities({});
  expect(capabilities.map(({ rpc }) => rpc?.type)).not.toContain('LIST_SNAPSHOTS');
  expect(controllerMethods(model.settings).ListSnapshots).toBeUndefined();
});

describe('DeleteVolume', () => {
  test('deletes, and can be repeated', async () => {
    const { model, addVolume } = fakeNode();
    const { id } = await addVolume();
    const { DeleteVolume } = controllerOf(model);
    expect(await DeleteVolume({ volume_id: id })).toEqual({});
    expect(await DeleteVolume({ volume_id: id })).toEqual({});
    expect(model.catalogue.volumes.find(id)).toBeUndefined();
  });

  test('needs an id', async () => {
    await expect(controllerOf(fakeNode().model).DeleteVolume({})).rejects.toThrow('volume_id is required');
  });
});

describe('ControllerGetVolume', () => {
  test('returns a volume', async () => {
    const { model, addVolume } = fakeNode();
    const { id } = await addVolume();
    expect(await controllerOf(model).ControllerGetVolume({ volume_id: id })).toMatchObject({
      volume: { volume_id: id, capacity_bytes: '1048576', accessible_topology: [{ segments: here }] },
      status: { published_node_ids: [] },
    });
  });

  test('needs an id', async () => {
    const { ControllerGetVolume } = controllerOf(fakeNode().model);
    await expect(ControllerGetVolume({})).rejects.toThrow('volume_id is required');
  });
});
