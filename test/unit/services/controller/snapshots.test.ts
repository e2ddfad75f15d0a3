import { describe, expect, test } from 'vitest';
import type { OnStep } from '../../../../src/model/steps.ts';
import type { CreateSnapshotRequest } from '../../../../src/rpc/generated/csi/v1/CreateSnapshotRequest.ts';
import { exampleGroup, exampleSnapshot } from '../../model/example-snapshot.ts';
import { gateAt } from '../../model/fakes/gate.ts';
import { fakeNode, here } from '../../model/fakes/model.ts';
import { controllerOf, servicesOf } from '../calls.ts';

const elsewhere = { 'topology.hostpath.csi/node': 'node-2' };
const expectedSnapshot = {
  size_bytes: '1048576',
  creation_time: { seconds: '1714979289', nanos: 10_000_000 },
  ready_to_use: true,
  group_snapshot_id: '',
  accessible_topology: [{ segments: here }],
};

describe('CreateSnapshot', () => {
  async function nodeWithVolume(settings: Parameters<typeof fakeNode>[0] = {}) {
    const node = fakeNode(settings);
    const volume = await node.addVolume();
    const { CreateSnapshot } = controllerOf(node.model);
    const create = (changes: CreateSnapshotRequest = {}) =>
      CreateSnapshot({ name: 's', source_volume_id: volume.id, ...changes });
    return { ...node, volume, create };
  }

  test('returns the snapshot, which is ready, with its time and its topology', async () => {
    const { model, volume, create } = await nodeWithVolume();
    const { snapshot } = await create();
    const snapshot_id = model.catalogue.snapshots.findByName('s')?.id;
    expect(snapshot).toEqual({ ...expectedSnapshot, snapshot_id, source_volume_id: volume.id });
    expect(await create()).toEqual({ snapshot });
  });

  test('returns no topology with topology off', async () => {
    const { create } = await nodeWithVolume({ topology: undefined });
    expect((await create()).snapshot?.accessible_topology).toEqual([]);
  });

  test.each([
    ['this node is preferred', [{ segments: here }], []],
    [
      'another is preferred as well',
      [{ segments: here }, { segments: elsewhere }],
      expectedSnapshot.accessible_topology,
    ],
    ['none is preferred', [], expectedSnapshot.accessible_topology],
  ])('returns the topology, or not, if %s', async (_, preferred, expected) => {
    const { create } = await nodeWithVolume();
    const { snapshot } = await create({ accessibility_requirements: { preferred } });
    expect(snapshot?.accessible_topology).toEqual(expected);
  });

  test("accepts the snapshotter's own keys, and those of the Go reference driver, which are not parameters", async () => {
    const { create } = await nodeWithVolume();
    const parameters = { 'csi.storage.k8s.io/volumesnapshot/name': 's', ignoreFailedRead: 'true' };
    expect((await create({ parameters })).snapshot?.ready_to_use).toBe(true);
  });

  test.each(['pool', 'colour', '', 'constructor'])('has no parameter %j', async (key) => {
    const { create } = await nodeWithVolume();
    const parameters = { ignoreFailedRead: 'true', [key]: 'x' };
    await expect(create({ parameters })).rejects.toMatchObject({
      kind: 'invalid',
      message: `parameters: unknown parameter ${JSON.stringify(key)}; snapshots have no parameters`,
    });
  });

  test.each<[string, string, CreateSnapshotRequest]>([
    ['invalid', 'name is required', { name: '' }],
    ['invalid', 'source_volume_id is required', { source_volume_id: '' }],
    ['invalid', 'name: "a\\u0007" must not contain control characters (U+0007)', { name: 'a\u0007' }],
    ['invalid', 'name: ', { name: 'x'.repeat(129) }],
    ['invalid', 'parameters: unknown parameter "colour"', { parameters: { colour: 'blue' } }],
    ['not-found', 'volume "nobody" does not exist', { source_volume_id: 'nobody' }],
    [
      'exhausted',
      'accessibility_requirements.requisite: ',
      { accessibility_requirements: { requisite: [{ segments: elsewhere }] } },
    ],
  ])('is %s, and nothing is made: %s', async (kind, message, changes) => {
    const { pool, create } = await nodeWithVolume();
    await expect(create(changes)).rejects.toMatchObject({ kind, message: expect.stringContaining(message) });
    expect((await pool.records.snapshots.load()).found).toEqual([]);
  });

  test('reports missing fields before any mistake in their form', async () => {
    const { create } = await nodeWithVolume();
    const wrong = { name: 'a\u0007', source_volume_id: '', parameters: { colour: 'blue' } };
    await expect(create(wrong)).rejects.toThrow('source_volume_id is required');
  });
});

describe('DeleteSnapshot', () => {
  test('deletes, and can be repeated', async () => {
    const { model, addVolume } = fakeNode();
    const { CreateSnapshot, DeleteSnapshot } = controllerOf(model);
    const { snapshot } = await CreateSnapshot({ name: 's', source_volume_id: (await addVolume()).id });
    const request = { snapshot_id: snapshot?.snapshot_id ?? '' };
    expect(await DeleteSnapshot(request)).toEqual({});
    expect(await DeleteSnapshot(request)).toEqual({});
    expect(model.catalogue.snapshots.all()).toEqual([]);
  });

  test('needs an id', async () => {
    const { DeleteSnapshot } = controllerOf(fakeNode().model);
    await expect(DeleteSnapshot({})).rejects.toMatchObject({
      kind: 'invalid',
      message: 'snapshot_id is required',
    });
  });
});

describe('GetSnapshot', () => {
  test('returns a snapshot, with its group', async () => {
    const { model } = fakeNode();
    const group = exampleGroup(['v']);
    for (const snapshot of [exampleSnapshot(), ...group.snapshots]) model.catalogue.snapshots.add(snapshot);
    const { GetSnapshot } = controllerOf(model);
    for (const { id, groupId } of model.catalogue.snapshots.all()) {
      const expected = {
        ...expectedSnapshot,
        snapshot_id: id,
        source_volume_id: 'v',
        group_snapshot_id: groupId ?? '',
      };
      expect(await GetSnapshot({ snapshot_id: id })).toEqual({ snapshot: expected });
    }
  });

  test('needs an id', async () => {
    const { GetSnapshot } = controllerOf(fakeNode().model);
    await expect(GetSnapshot({})).rejects.toMatchObject({
      kind: 'invalid',
      message: 'snapshot_id is required',
    });
  });
});

describe('while a snapshot is being made', () => {
  async function cuttingNode(settings: { onStep?: OnStep } = {}) {
    const node = fakeNode(settings);
    const [one, other] = [await node.addVolume('v'), await node.addVolume('w')];
    const { call } = servicesOf(node.model);
    const cut = (name: string, source_volume_id = one.id, parameters = {}) =>
      call('Controller', 'CreateSnapshot', { name, source_volume_id, parameters });
    return { ...node, one, other, call, cut };
  }

  test('a call with the same request waits for it, and it is made once', async () => {
    const gate = gateAt('snapshot: content made');
    const { model, cut } = await cuttingNode({ onStep: gate.onStep });
    const first = cut('s');
    await gate.reached;
    const second = cut('s');
    gate.open();
    expect(await Promise.all([first, second])).toEqual(['OK', 'OK']);
    expect(model.catalogue.snapshots.all()).toHaveLength(1);
  });

  test('its name is taken, and its volume stays; other snapshots are made, also of that volume under another name', async () => {
    const gate = gateAt('snapshot: content made');
    const { one, other, call, cut } = await cuttingNode({ onStep: gate.onStep });
    const first = cut('s');
    await gate.reached;
    expect(await cut('s', other.id)).toBe('ABORTED');
    expect(await cut('s', one.id, { ignoreFailedRead: 'true' })).toBe('ABORTED');
    expect(await call('Controller', 'DeleteVolume', { volume_id: one.id })).toBe('ABORTED');
    expect(await call('Controller', 'ControllerGetVolume', { volume_id: one.id })).toBe('OK');
    expect(await cut('t')).toBe('OK');
    expect(await cut('u', other.id)).toBe('OK');
    gate.open();
    expect(await first).toBe('OK');
    expect(await call('Controller', 'DeleteVolume', { volume_id: one.id })).toBe('OK');
  });

  test('a failing call fails the ones that wait for it, and the next begins anew', async () => {
    let isBroken = true;
    const gate = gateAt('snapshot: content made');
    const { cut } = await cuttingNode({
      async onStep(step) {
        await gate.onStep(step);
        if (isBroken && step === 'snapshot: content made') throw new Error('broken');
      },
    });
    const first = cut('s');
    await gate.reached;
    const second = cut('s');
    gate.open();
    expect(new Set(await Promise.all([first, second])).has('OK')).toBe(false);
    isBroken = false;
    expect(await cut('s')).toBe('OK');
  });
});
