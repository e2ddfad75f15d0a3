import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { newObjectId } from '../../../src/model/objects/object-id.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import { exampleGroup } from './example-snapshot.ts';
import { createSnapshot, deleteSnapshot } from './fakes/calls.ts';
import { fakeNode } from './fakes/model.ts';

async function nodeWithSnapshot(onStep?: (step: string) => void) {
  const node = fakeNode(onStep ? { onStep } : {});
  const volume = await node.addVolume();
  const spec = { name: 's', sourceVolumeId: volume.id, requisite: [] };
  return { ...node, volume, snapshot: await createSnapshot(node.model, spec) };
}

test('a deleted snapshot is removed from disk and index; its name is free, its volume stays', async () => {
  const { model, mounts, pool, volume, snapshot } = await nodeWithSnapshot();
  await deleteSnapshot(model, snapshot.id);
  await pool.records.snapshots.idle();
  expect((await pool.records.snapshots.load()).found).toEqual([]);
  expect(mounts.tree.find('/pools/default/.outgoing')).toMatchObject({ entries: new Map() });
  expect(model.catalogue.snapshots.find(snapshot.id)).toBeUndefined();
  expect(model.catalogue.snapshots.findByName('s')).toBeUndefined();
  expect(model.catalogue.volumes.find(volume.id)).toBe(volume);
});

test('deleting goes through every step', async () => {
  const steps: string[] = [];
  const { model, snapshot } = await nodeWithSnapshot((step) => steps.push(step));
  steps.length = 0;
  await deleteSnapshot(model, snapshot.id);
  expect(steps.slice(0, 2)).toEqual(mutationSteps.deleteSnapshot);
});

test('deleting can be repeated', async () => {
  const { model, snapshot } = await nodeWithSnapshot();
  await deleteSnapshot(model, snapshot.id);
  await deleteSnapshot(model, snapshot.id);
});

test.each(['imported', '', '../x', newObjectId('s', 'aaaaaaaa'), newObjectId('s', 'bbbbbbbb')])(
  'an unknown id counts as deleted: %s',
  async (id) => {
    await deleteSnapshot(fakeNode().model, id);
  },
);

describe('a snapshot is not deleted', () => {
  test('if it belongs to another node', async () => {
    const id = newObjectId('s', 'cccccccc');
    await expect(deleteSnapshot(fakeNode().model, id)).rejects.toMatchObject({
      kind: 'precondition',
      about: 'snapshot',
      message: expect.stringMatching(`^"${id}" is in pool cccccccc, .*--abandoned-pools=cccccccc$`),
    });
  });

  test('if it is in a group, which is named', async () => {
    const { model } = fakeNode();
    const group = exampleGroup(['v']);
    for (const snapshot of group.snapshots) model.catalogue.snapshots.add(snapshot);
    const id = `v-in-${group.id}`;
    await expect(deleteSnapshot(model, id)).rejects.toMatchObject({
      kind: 'invalid',
      about: 'snapshot',
      message: `"${id}" belongs to group snapshot "${group.id}"; delete the group instead`,
    });
    expect(model.catalogue.snapshots.find(id)).toBeDefined();
  });

  test('if it is damaged', async () => {
    const { model } = fakeNode();
    model.catalogue.snapshots.addDamaged({ id: 's', pool: 'default', reason: 'it is empty' });
    await expect(deleteSnapshot(model, 's')).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('while its pool is unreachable', async () => {
    const { model, pool, snapshot } = await nodeWithSnapshot();
    pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
    await expect(deleteSnapshot(model, snapshot.id)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(model.catalogue.snapshots.findIntact(snapshot.id)).toBe(snapshot);
  });

  test('if its record cannot be removed; a retry succeeds', async () => {
    const failure = new VolumeError('unavailable', 'read-only');
    let isBroken = true;
    const { model, snapshot } = await nodeWithSnapshot((step) => {
      if (isBroken && step === 'delete snapshot: renamed') throw failure;
    });
    await expect(deleteSnapshot(model, snapshot.id)).rejects.toBe(failure);
    expect(model.catalogue.snapshots.find(snapshot.id)).toBe(snapshot);
    isBroken = false;
    await deleteSnapshot(model, snapshot.id);
    expect(model.catalogue.snapshots.find(snapshot.id)).toBeUndefined();
  });
});
