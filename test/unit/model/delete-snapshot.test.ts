import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { newObjectId } from '../../../src/model/objects/object-id.ts';
import { createSnapshot } from '../../../src/model/snapshots/create-snapshot.ts';
import { deleteSnapshot } from '../../../src/model/snapshots/delete-snapshot.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import { exampleGroup } from './example-snapshot.ts';
import { fakeNode } from './fakes/model.ts';

async function nodeWithSnapshot(onStep?: (step: string) => void) {
  const node = fakeNode(onStep ? { onStep } : {});
  const volume = await node.addVolume();
  const spec = { name: 's', sourceVolumeId: volume.id, requisite: [] };
  return { ...node, volume, snapshot: await createSnapshot(node.model, spec) };
}

test('a snapshot that is deleted is gone from disk and index; its name is free, its volume stays', async () => {
  const { model, mounts, pool, volume, snapshot } = await nodeWithSnapshot();
  await deleteSnapshot(model, snapshot.id);
  await pool.records.snapshots.idle();
  expect((await pool.records.snapshots.load()).found).toEqual([]);
  expect(mounts.tree.find('/pools/default/.outgoing')).toMatchObject({ entries: new Map() });
  expect(model.snapshots.find(snapshot.id)).toBeUndefined();
  expect(model.snapshots.findByName('s')).toBeUndefined();
  expect(model.volumes.find(volume.id)).toBe(volume);
});

test('deleting goes through every step', async () => {
  const steps: string[] = [];
  const { model, snapshot } = await nodeWithSnapshot((step) => steps.push(step));
  steps.length = 0;
  await deleteSnapshot(model, snapshot.id);
  expect(steps.slice(0, 2)).toEqual(mutationSteps.deleteSnapshot);
});

test('deleting may be repeated', async () => {
  const { model, snapshot } = await nodeWithSnapshot();
  await deleteSnapshot(model, snapshot.id);
  await deleteSnapshot(model, snapshot.id);
});

test.each(['nobody', '../x', newObjectId('s', 'aaaaaaaa')])(
  'what never existed is deleted: %s',
  async (id) => {
    await deleteSnapshot(fakeNode().model, id);
  },
);

describe('a snapshot is not deleted', () => {
  test('where it is another node’s', async () => {
    const id = newObjectId('s', 'cccccccc');
    await expect(deleteSnapshot(fakeNode().model, id)).rejects.toMatchObject({
      kind: 'precondition',
      about: 'snapshot',
      message: expect.stringContaining('lies in a pool with the id cccccccc'),
    });
  });

  test('where it is one of a group, which is named', async () => {
    const { model } = fakeNode();
    const group = exampleGroup(['v']);
    for (const snapshot of group.snapshots) model.snapshots.add(snapshot);
    const id = `v-in-${group.id}`;
    await expect(deleteSnapshot(model, id)).rejects.toMatchObject({
      kind: 'invalid',
      about: 'snapshot',
      message: `"${id}" belongs to the group snapshot "${group.id}", and goes with it`,
    });
    expect(model.snapshots.find(id)).toBeDefined();
  });

  test('where it is damaged', async () => {
    const { model } = fakeNode();
    model.snapshots.addDamaged({ id: 's', pool: 'default', reason: 'it is empty' });
    await expect(deleteSnapshot(model, 's')).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('while its pool is not reachable', async () => {
    const { model, pool, snapshot } = await nodeWithSnapshot();
    pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
    await expect(deleteSnapshot(model, snapshot.id)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(model.snapshots.findIntact(snapshot.id)).toBe(snapshot);
  });

  test('where its record cannot be removed; a retry does it', async () => {
    const failure = new VolumeError('unavailable', 'read-only');
    let isBroken = true;
    const { model, snapshot } = await nodeWithSnapshot((step) => {
      if (isBroken && step === 'delete snapshot: renamed') throw failure;
    });
    await expect(deleteSnapshot(model, snapshot.id)).rejects.toBe(failure);
    expect(model.snapshots.find(snapshot.id)).toBe(snapshot);
    isBroken = false;
    await deleteSnapshot(model, snapshot.id);
    expect(model.snapshots.find(snapshot.id)).toBeUndefined();
  });
});
