import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { newObjectId } from '../../../src/model/objects/object-id.ts';
import { mutationSteps, type OnStep } from '../../../src/model/steps.ts';
import { createGroupSnapshot, createSnapshot, deleteGroupSnapshot } from './fakes/calls.ts';
import { fakeNode } from './fakes/model.ts';

/** A node with a group of two volumes, and a snapshot that is not in it. */
async function nodeWithGroup(onStep?: OnStep) {
  const node = fakeNode(onStep ? { onStep } : {});
  const { model } = node;
  const sourceVolumeIds = [(await node.addVolume('v')).id, (await node.addVolume('w')).id];
  const group = await createGroupSnapshot(model, { name: 'g', sourceVolumeIds });
  const [sourceVolumeId = ''] = sourceVolumeIds;
  const alone = await createSnapshot(model, { name: 's', sourceVolumeId, requisite: [] });
  return { ...node, group, alone, memberIds: group.snapshots.map(({ id }) => id) };
}

const gone = () => Promise.reject(new VolumeError('unavailable', 'gone'));

describe('a group that is deleted', () => {
  test('is deleted with its snapshots, and nothing else', async () => {
    const { model, mounts, pool, group, alone, memberIds } = await nodeWithGroup();
    await deleteGroupSnapshot(model, group.id, memberIds);
    await pool.records.groups.idle();
    expect((await pool.records.groups.load()).found).toEqual([]);
    for (const place of ['groups', '.outgoing']) {
      expect(mounts.tree.find(`/pools/default/${place}`)).toMatchObject({ entries: new Map() });
    }
    expect(model.catalogue.groups.findByName('g')).toBeUndefined();
    expect(memberIds.map((id) => model.catalogue.snapshots.find(id))).toEqual([undefined, undefined]);
    expect(model.catalogue.snapshots.all()).toEqual([alone]);
    expect(model.catalogue.volumes.all()).toHaveLength(2);
  });

  test('goes through every step', async () => {
    const steps: string[] = [];
    const { model, group, memberIds } = await nodeWithGroup((step) => void steps.push(step));
    steps.length = 0;
    await deleteGroupSnapshot(model, group.id, memberIds);
    expect(steps.slice(0, 2)).toEqual(mutationSteps.deleteGroupSnapshot);
  });

  test('can be deleted again, with any snapshots', async () => {
    const { model, group, memberIds } = await nodeWithGroup();
    await deleteGroupSnapshot(model, group.id, [...memberIds].reverse());
    await deleteGroupSnapshot(model, group.id, memberIds);
    await deleteGroupSnapshot(model, group.id, ['another']);
    await deleteGroupSnapshot(model, group.id, []);
  });

  test.each(['nobody', '../x', newObjectId('g', 'aaaaaaaa')])('need not have existed: %s', async (id) => {
    await deleteGroupSnapshot(fakeNode().model, id, ['s']);
  });
});

describe('a group is not deleted', () => {
  test('if it belongs to another node', async () => {
    const id = newObjectId('g', 'cccccccc');
    await expect(deleteGroupSnapshot(fakeNode().model, id, [])).rejects.toMatchObject({
      kind: 'precondition',
      about: 'group',
      message: `"${id}" is in pool cccccccc, which does not exist on this node; if that pool is gone permanently, restart the driver with --abandoned-pools=cccccccc`,
    });
  });

  test('if it is damaged', async () => {
    const { model } = fakeNode();
    model.catalogue.groups.addDamaged({ id: 'g', pool: 'default', reason: 'it is empty' });
    await expect(deleteGroupSnapshot(model, 'g', [])).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('while its pool is unreachable', async () => {
    const { model, pool, group } = await nodeWithGroup();
    pool.checkReachable = gone;
    await expect(deleteGroupSnapshot(model, group.id, [])).rejects.toMatchObject({ kind: 'unavailable' });
    expect(model.catalogue.groups.findIntact(group.id)).toBe(group);
  });

  test('if its record cannot be removed; its snapshots stay, and a retry succeeds', async () => {
    const failure = new VolumeError('unavailable', 'read-only');
    let isBroken = true;
    const { model, group, memberIds } = await nodeWithGroup((step) => {
      if (isBroken && step === 'delete group: renamed') throw failure;
    });
    await expect(deleteGroupSnapshot(model, group.id, memberIds)).rejects.toBe(failure);
    expect(model.catalogue.snapshots.all()).toHaveLength(3);
    isBroken = false;
    await deleteGroupSnapshot(model, group.id, memberIds);
    expect(model.catalogue.snapshots.all()).toHaveLength(1);
  });
});

describe('a group that is named with other snapshots', () => {
  test.each([
    ['one less', ([first = '']: string[]) => [first]],
    ['one more', (ids: string[]) => [...ids, 'more']],
    ['another', ([first = '']: string[]) => [first, 'other']],
  ])('is not deleted, and its members are named: %s', async (_, change) => {
    const { model, group, memberIds } = await nodeWithGroup();
    const believed = change(memberIds);
    const refusal = {
      kind: 'invalid',
      about: 'members',
      message: `"${believed.join(', ')}" does not match the members of group snapshot "${group.id}": "${memberIds[0]}", "${memberIds[1]}"`,
    };
    await expect(deleteGroupSnapshot(model, group.id, believed)).rejects.toMatchObject(refusal);
    expect(model.catalogue.groups.find(group.id)).toBe(group);
  });
});

test('a group that is named without snapshots is not deleted', async () => {
  const { model, group } = await nodeWithGroup();
  const refusal = { kind: 'invalid', message: 'snapshot_ids is required' };
  await expect(deleteGroupSnapshot(model, group.id, [])).rejects.toMatchObject(refusal);
  expect(model.catalogue.groups.find(group.id)).toBe(group);
});
