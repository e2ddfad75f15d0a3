import { describe, expect, test } from 'vitest';
import { mutationSteps } from '../../../src/model/steps.ts';
import { publishVolume, stageVolume, unpublishVolume, unstageVolume } from './fakes/calls.ts';
import { fakeNode } from './fakes/model.ts';
import { blockCapability, blockContent } from './fakes/requests.ts';

async function stagedNode(onStep?: (step: string) => void) {
  const node = fakeNode(onStep ? { onStep } : {});
  const { model, devices } = node;
  const volume = await node.addVolume('a', { content: blockContent });
  node.makeDirectory('/pod');
  await stageVolume(model, volume, node.makeDirectory('/staging'), blockCapability());
  const device = await devices.find(model.catalogue.dataOf(volume).path);
  if (!device) throw new Error('it is not attached');
  const publish = (targetPath = '/pod/a', readOnly = false, capability = blockCapability()) =>
    publishVolume(model, volume, { stagingPath: '/staging', targetPath, capability, readOnly });
  return { ...node, volume, device, publish };
}

test('the node of the device is bound on a file, which is removed by unpublish', async () => {
  const { model, mounts, device, volume, publish } = await stagedNode();
  await publish();
  expect(await mounts.inspect('/pod/a')).toMatchObject({ kind: 'mounted', deviceNode: device.number });
  await unpublishVolume(model, volume.id, '/pod/a');
  expect(await mounts.inspect('/pod/a')).toEqual({ kind: 'absent' });
});

test('publishing goes through every step, and a repeat leaves the existing mount', async () => {
  const steps: string[] = [];
  const { mounts, publish } = await stagedNode((step) => steps.push(step));
  steps.length = 0;
  await publish();
  expect(steps).toEqual(mutationSteps.publishVolume);
  const before = await mounts.list();
  await publish();
  expect(await mounts.list()).toEqual(before);
});

test('a volume that is not staged is refused', async () => {
  const { model, volume, publish } = await stagedNode();
  await unstageVolume(model, volume.id, '/staging');
  await expect(publish()).rejects.toMatchObject({
    kind: 'precondition',
    message: expect.stringContaining('is not staged'),
  });
});

test('a volume that is staged elsewhere is refused, unless an older driver has not recorded where', async () => {
  const { model, volume, devices, mounts, makeDirectory } = await stagedNode();
  const publish = (stagingPath: string) =>
    publishVolume(model, volume, {
      stagingPath,
      targetPath: '/pod/a',
      capability: blockCapability(),
      readOnly: false,
    });
  const elsewhere = makeDirectory('/elsewhere');
  await expect(publish(elsewhere)).rejects.toMatchObject({
    kind: 'precondition',
    message: expect.stringContaining('is not staged at "/elsewhere"'),
  });
  expect((await mounts.inspect('/pod/a')).kind).toBe('absent');
  await devices.setLabel(model.catalogue.dataOf(volume).path, '');
  await publish(elsewhere);
});

test('a volume that is published stays attached', async () => {
  const { model, volume, publish } = await stagedNode();
  await publish();
  await expect(unstageVolume(model, volume.id, '/staging')).rejects.toMatchObject({
    kind: 'precondition',
    message: expect.stringContaining('/pod/a'),
  });
});

test('a foreign mount at the target is refused and left', async () => {
  const { mounts, publish } = await stagedNode();
  mounts.tree.makeFile('/pod/full', 'content');
  await expect(publish('/pod/full')).rejects.toMatchObject({ kind: 'precondition' });
  mounts.tree.makeDirectory('/pod/foreign');
  mounts.mountForeign('/pod/foreign');
  await expect(publish('/pod/foreign')).rejects.toMatchObject({ kind: 'precondition' });
  expect((await mounts.inspect('/pod/full')).kind).toBe('file');
});

describe('a device is read-only for all its targets or for none', () => {
  test.each([true, false])('depending on its first target: %s', async (readOnly) => {
    const { device, devices, publish, mounts } = await stagedNode();
    await publish('/pod/a', readOnly);
    await publish('/pod/b', readOnly);
    expect(await devices.isReadOnly(device)).toBe(readOnly);
    await expect(publish('/pod/c', !readOnly)).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining(
        `is already published ${readOnly ? 'read-only' : 'writable'} at "/pod/a"`,
      ),
    });
    expect(await mounts.inspect('/pod/c')).toEqual({ kind: 'absent' });
    expect(await devices.isReadOnly(device)).toBe(readOnly);
  });

  test('a reader mode is read-only', async () => {
    const { device, devices, publish } = await stagedNode();
    await publish('/pod/a', false, blockCapability('SINGLE_NODE_READER_ONLY'));
    expect(await devices.isReadOnly(device)).toBe(true);
  });

  test('a target published again in the other mode is refused', async () => {
    const { publish } = await stagedNode();
    await publish('/pod/a', true);
    await expect(publish('/pod/a', false)).rejects.toMatchObject({ kind: 'already-exists' });
  });

  test('the other mode is possible when the last target is unpublished', async () => {
    const { model, device, devices, volume, publish } = await stagedNode();
    await publish('/pod/a', true);
    await unpublishVolume(model, volume.id, '/pod/a');
    await publish('/pod/a', false);
    expect(await devices.isReadOnly(device)).toBe(false);
  });

  test('a target found at start has the mode of its device', async () => {
    const { model, mounts, volume, publish } = await stagedNode();
    await publish('/pod/a', true);
    const state = await mounts.inspect('/pod/a');
    if (state.kind !== 'mounted') throw new Error(state.kind);
    model.host.mountIndex.add({
      volumeId: volume.id,
      path: '/pod/a',
      mountId: state.mountId,
      use: { kind: 'found' },
    });
    await expect(publish('/pod/b', false)).rejects.toMatchObject({ kind: 'precondition' });
    await publish('/pod/b', true);
  });

  test('of two concurrent modes exactly one succeeds', async () => {
    const { publish } = await stagedNode();
    const outcomes = await Promise.allSettled([publish('/pod/a', true), publish('/pod/b', false)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});
