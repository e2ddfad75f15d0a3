import { describe, expect, test } from 'vitest';
import type { OnStep } from '../../../src/model/steps.ts';
import type { CreateVolumeGroupSnapshotRequest } from '../../../src/rpc/generated/csi/v1/CreateVolumeGroupSnapshotRequest.ts';
import { createRequest, mountCapability } from '../../support/requests.ts';
import { gateAt } from '../model/fakes/gate.ts';
import { fakeNode, here } from '../model/fakes/model.ts';
import { groupControllerOf, servicesOf } from './calls.ts';

/** A node with two volumes, and a way to make a group of them, with and without locks. */
async function nodeWithVolumes(onStep?: OnStep) {
  let isReady = false;
  const node = fakeNode({ onStep: (step) => (isReady ? onStep?.(step) : undefined) });
  const { model } = node;
  const source_volume_ids = [(await node.addVolume('v')).id, (await node.addVolume('w')).id];
  const { CreateVolumeGroupSnapshot } = groupControllerOf(model);
  const create = (changes: CreateVolumeGroupSnapshotRequest = {}) =>
    CreateVolumeGroupSnapshot({ name: 'g', source_volume_ids, ...changes });
  const { call } = servicesOf(model);
  const cut = (changes: CreateVolumeGroupSnapshotRequest = {}) =>
    call('GroupController', 'CreateVolumeGroupSnapshot', { name: 'g', source_volume_ids, ...changes });
  isReady = true;
  return { ...node, ids: source_volume_ids, create, cut, call };
}

test('the group controller declares its capabilities', async () => {
  const { capabilities } = await groupControllerOf(fakeNode().model).GroupControllerGetCapabilities({});
  expect(capabilities.map(({ rpc }) => rpc?.type)).toEqual(['CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT']);
});

describe('CreateVolumeGroupSnapshot', () => {
  test('returns the group and each snapshot in it', async () => {
    const { model, ids, create } = await nodeWithVolumes();
    const { group_snapshot } = await create();
    const group = model.catalogue.groups.findByName('g');
    const creation_time = { seconds: '1714979289', nanos: 10_000_000 };
    expect(group_snapshot).toEqual({
      group_snapshot_id: group?.id,
      creation_time,
      ready_to_use: true,
      snapshots: ids.map((source_volume_id, index) => ({
        snapshot_id: group?.snapshots[index]?.id,
        group_snapshot_id: group?.id,
        source_volume_id,
        size_bytes: '1048576',
        creation_time,
        ready_to_use: true,
        accessible_topology: [{ segments: here }],
      })),
    });
    expect(await create()).toEqual({ group_snapshot });
  });

  test('treats a volume that is named twice as one', async () => {
    const { ids, create } = await nodeWithVolumes();
    const [first = ''] = ids;
    const { group_snapshot } = await create({ source_volume_ids: [...ids, first] });
    expect(group_snapshot?.snapshots).toHaveLength(2);
  });

  test.each<[string, string, CreateVolumeGroupSnapshotRequest]>([
    ['invalid', 'name is required', { name: '' }],
    ['invalid', 'source_volume_ids is required', { source_volume_ids: [] }],
    ['invalid', 'name: "a\\u0007" must not contain control characters (U+0007)', { name: 'a\u0007' }],
    ['invalid', 'parameters: unknown parameter "colour"', { parameters: { colour: 'blue' } }],
    ['not-found', 'volume "nobody" does not exist', { source_volume_ids: ['nobody'] }],
    ['not-found', 'volume "" does not exist', { source_volume_ids: [''] }],
  ])('is %s, and nothing is made: %s', async (kind, message, changes) => {
    const { pool, create } = await nodeWithVolumes();
    await expect(create(changes)).rejects.toMatchObject({ kind, message: expect.stringContaining(message) });
    expect((await pool.records.groups.load()).found).toEqual([]);
  });

  test('reports missing fields before any mistake in their form', async () => {
    const { create } = await nodeWithVolumes();
    const wrong = { name: 'a\u0007', source_volume_ids: [], parameters: { colour: 'blue' } };
    await expect(create(wrong)).rejects.toThrow('source_volume_ids is required');
  });
});

describe('GetVolumeGroupSnapshot', () => {
  test('returns the group as its creation did', async () => {
    const { model, create } = await nodeWithVolumes();
    const { group_snapshot } = await create();
    const group_snapshot_id = group_snapshot?.group_snapshot_id ?? '';
    const { GetVolumeGroupSnapshot } = groupControllerOf(model);
    const snapshot_ids = group_snapshot?.snapshots.map(({ snapshot_id }) => snapshot_id).reverse() ?? [];
    expect(await GetVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids })).toEqual({ group_snapshot });
  });

  test('needs the ids of all its snapshots, in any order, and no others', async () => {
    const { model, create } = await nodeWithVolumes();
    const { group_snapshot } = await create();
    const group_snapshot_id = group_snapshot?.group_snapshot_id ?? '';
    const { GetVolumeGroupSnapshot } = groupControllerOf(model);
    const ids = group_snapshot?.snapshots.map(({ snapshot_id }) => snapshot_id) ?? [];
    const [first = '', second = ''] = ids;
    await GetVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids: [second, first] });
    for (const snapshot_ids of [[first], [first, second, 'more'], [first, 'other']]) {
      await expect(GetVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids })).rejects.toMatchObject({
        kind: 'invalid',
        message: `snapshot_ids: "${snapshot_ids.join(', ')}" does not match the members of group snapshot "${group_snapshot_id}": "${first}", "${second}"`,
      });
    }
    await expect(GetVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids: [] })).rejects.toMatchObject({
      kind: 'invalid',
      message: 'snapshot_ids is required',
    });
  });

  test.each([
    ['invalid', 'group_snapshot_id is required', ''],
    ['not-found', 'group snapshot "nobody" does not exist', 'nobody'],
  ])('is %s: %s', async (kind, message, group_snapshot_id) => {
    const { GetVolumeGroupSnapshot } = groupControllerOf(fakeNode().model);
    await expect(GetVolumeGroupSnapshot({ group_snapshot_id })).rejects.toMatchObject({ kind, message });
  });
});

describe('DeleteVolumeGroupSnapshot', () => {
  test('deletes, and can be repeated', async () => {
    const { model, create } = await nodeWithVolumes();
    const { group_snapshot } = await create();
    const group_snapshot_id = group_snapshot?.group_snapshot_id ?? '';
    const { DeleteVolumeGroupSnapshot } = groupControllerOf(model);
    await expect(DeleteVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids: ['s'] })).rejects.toMatchObject(
      {
        kind: 'invalid',
      },
    );
    const snapshot_ids = group_snapshot?.snapshots.map(({ snapshot_id }) => snapshot_id) ?? [];
    expect(await DeleteVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids })).toEqual({});
    expect(await DeleteVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids })).toEqual({});
    expect(model.catalogue.groups.all()).toEqual([]);
  });

  test('needs an id', async () => {
    const { DeleteVolumeGroupSnapshot } = groupControllerOf(fakeNode().model);
    await expect(DeleteVolumeGroupSnapshot({})).rejects.toMatchObject({
      kind: 'invalid',
      message: 'group_snapshot_id is required',
    });
  });
});

describe('while a group is being made', () => {
  test('a call with the same request waits for it, and it is made once', async () => {
    const gate = gateAt('group: content made');
    const { model, cut } = await nodeWithVolumes(gate.onStep);
    const first = cut();
    await gate.reached;
    const second = cut();
    gate.open();
    expect(await Promise.all([first, second])).toEqual(['OK', 'OK']);
    expect(model.catalogue.groups.all()).toHaveLength(1);
  });

  test('its volumes cannot be changed, its name is taken, and others are free', async () => {
    const gate = gateAt('group: content made');
    const node = await nodeWithVolumes(gate.onStep);
    const { ids, call, cut, addVolume } = node;
    const [volume_id = ''] = ids;
    const other = await addVolume('other');
    const staging_target_path = node.makeDirectory('/staging');
    const volume_capability = mountCapability();
    const first = cut();
    await gate.reached;
    const staging = { volume_id, staging_target_path, volume_capability };
    expect(await call('Node', 'NodeStageVolume', staging)).toBe('ABORTED');
    expect(await call('Controller', 'DeleteVolume', { volume_id })).toBe('ABORTED');
    expect(await call('Controller', 'CreateSnapshot', { name: 's', source_volume_id: volume_id })).toBe(
      'ABORTED',
    );
    expect(await cut({ source_volume_ids: [...ids].reverse() })).toBe('ABORTED');
    expect(await cut({ name: 'h' })).toBe('ABORTED');
    expect(await call('Node', 'NodeStageVolume', { ...staging, volume_id: other.id })).toBe('OK');
    gate.open();
    expect(await first).toBe('OK');
    expect(
      await call('Node', 'NodeStageVolume', { ...staging, staging_target_path: node.makeDirectory('/b') }),
    ).toBe('OK');
  });
});

test('a group cannot be deleted while one of its snapshots is being restored', async () => {
  const gate = gateAt('create: content made');
  const { model, call, cut } = await nodeWithVolumes(gate.onStep);
  expect(await cut()).toBe('OK');
  const group = model.catalogue.groups.findByName('g');
  const snapshot_ids = group?.snapshots.map(({ id }) => id) ?? [];
  const [, snapshot_id = ''] = snapshot_ids;
  const remove = () =>
    call('GroupController', 'DeleteVolumeGroupSnapshot', { group_snapshot_id: group?.id, snapshot_ids });
  const restoring = call(
    'Controller',
    'CreateVolume',
    createRequest('restored', { volume_content_source: { snapshot: { snapshot_id } } }),
  );
  await gate.reached;
  expect(await remove()).toBe('ABORTED');
  gate.open();
  expect(await restoring).toBe('OK');
  expect(await call('Controller', 'DeleteSnapshot', { snapshot_id })).toBe('INVALID_ARGUMENT');
  expect(await remove()).toBe('OK');
  expect(await call('Controller', 'GetSnapshot', { snapshot_id })).toBe('NOT_FOUND');
});
