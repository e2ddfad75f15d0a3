import { describe, expect, test } from 'vitest';
import { newObjectId } from '../../../../src/model/objects/object-id.ts';
import type { OnStep } from '../../../../src/model/steps.ts';
import type { CreateVolumeRequest } from '../../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import { createRequest } from '../../../support/requests.ts';
import { createSnapshot } from '../../model/fakes/calls.ts';
import { gateAt } from '../../model/fakes/gate.ts';
import { fakeNode } from '../../model/fakes/model.ts';
import { controllerOf, servicesOf } from '../calls.ts';

/** A node with a volume and a snapshot of it, and requests for volumes made from them. */
async function nodeWithSource(onStep?: OnStep) {
  let isReady = false;
  const node = fakeNode({ onStep: (step) => (isReady ? onStep?.(step) : undefined) });
  const { model } = node;
  const volume = await node.addVolume('original');
  const snapshot = await createSnapshot(model, { name: 's', sourceVolumeId: volume.id, requisite: [] });
  const sources = {
    volume: { volume: { volume_id: volume.id } },
    snapshot: { snapshot: { snapshot_id: snapshot.id } },
  };
  const requestOf = (kind: 'volume' | 'snapshot', changes: Partial<CreateVolumeRequest> = {}) =>
    createRequest('a', { volume_content_source: sources[kind], ...changes });
  const { call } = servicesOf(model);
  const create = (kind: 'volume' | 'snapshot', changes?: Partial<CreateVolumeRequest>) =>
    call('Controller', 'CreateVolume', requestOf(kind, changes));
  isReady = true;
  return { ...node, volume, snapshot, sources, requestOf, call, create };
}

describe.each(['volume', 'snapshot'] as const)('a volume made from a %s', (kind) => {
  test('is returned with its source in every reply', async () => {
    const { model, sources, requestOf } = await nodeWithSource();
    const { CreateVolume, ControllerGetVolume } = controllerOf(model);
    const { volume } = await CreateVolume(requestOf(kind));
    expect(volume?.content_source).toMatchObject(sources[kind]);
    const again = await ControllerGetVolume({ volume_id: volume?.volume_id ?? '' });
    expect(again.volume).toEqual(volume);
  });

  test('is made once for concurrent calls with the same request', async () => {
    const gate = gateAt('create: content made');
    const { model, create } = await nodeWithSource(gate.onStep);
    const parameters = { uid: '1', gid: '2' };
    const first = create(kind, { parameters });
    await gate.reached;
    const second = create(kind, { parameters: { gid: '2', uid: '1' } });
    gate.open();
    expect(await Promise.all([first, second])).toEqual(['OK', 'OK']);
    expect(model.catalogue.volumes.all()).toHaveLength(2);
  });

  test('is returned for a call with the same request', async () => {
    const { create } = await nodeWithSource();
    expect(await create(kind)).toBe('OK');
    expect(await create(kind)).toBe('OK');
    expect(await create(kind === 'volume' ? 'snapshot' : 'volume')).toBe('ALREADY_EXISTS');
    expect(await create(kind, { volume_content_source: null })).toBe('ALREADY_EXISTS');
  });
});

describe.each([
  ['volume', 'DeleteVolume'],
  ['snapshot', 'DeleteSnapshot'],
] as const)('while a volume is being made from a %s', (kind, method) => {
  test('the source stays, and the name is taken; other volumes can be made from it', async () => {
    const gate = gateAt('create: content made');
    const { volume, snapshot, call, create } = await nodeWithSource(gate.onStep);
    const ids = { volume_id: volume.id, snapshot_id: snapshot.id };
    const first = create(kind);
    await gate.reached;
    expect(await call('Controller', method, ids)).toBe('ABORTED');
    expect(await create(kind, { parameters: { uid: '1' } })).toBe('ABORTED');
    expect(await create(kind, { volume_content_source: null })).toBe('ABORTED');
    expect(await create(kind, { name: 'b' })).toBe('OK');
    gate.open();
    expect(await first).toBe('OK');
    expect(await call('Controller', method, ids)).toBe('OK');
  });
});

test.each([
  ['not-found', 'snapshot "nobody" does not exist', { snapshot: { snapshot_id: 'nobody' } }],
  ['not-found', 'volume "../x" does not exist', { volume: { volume_id: '../x' } }],
  ['exhausted', 'cccccccc', { snapshot: { snapshot_id: newObjectId('s', 'cccccccc') } }],
])('a source is %s: %s', async (kind, message, volume_content_source) => {
  const { model, requestOf } = await nodeWithSource();
  const { CreateVolume } = controllerOf(model);
  await expect(CreateVolume(requestOf('volume', { volume_content_source }))).rejects.toMatchObject({
    kind,
    message: expect.stringContaining(message),
  });
  expect(model.catalogue.volumes.findByName('a')).toBeUndefined();
});

test('a volume smaller than its source is out of range, with the field and both sizes', async () => {
  const { model, requestOf } = await nodeWithSource();
  const { CreateVolume } = controllerOf(model);
  const capacity_range = { required_bytes: 5 };
  await expect(CreateVolume(requestOf('snapshot', { capacity_range }))).rejects.toMatchObject({
    kind: 'out-of-range',
    message: 'capacity_range.required_bytes: 5 is smaller than the content source (1048576 bytes)',
  });
});
