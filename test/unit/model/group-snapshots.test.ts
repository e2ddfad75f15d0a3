import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { newObjectId } from '../../../src/model/objects/object-id.ts';
import { createGroupSnapshot } from '../../../src/model/snapshots/create-group-snapshot.ts';
import { createSnapshot } from '../../../src/model/snapshots/create-snapshot.ts';
import { deleteGroupSnapshot, existingGroup } from '../../../src/model/snapshots/group-snapshots.ts';
import { mutationSteps, type OnStep } from '../../../src/model/steps.ts';
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
  test('takes its snapshots along, and nothing else', async () => {
    const { model, mounts, pool, group, alone, memberIds } = await nodeWithGroup();
    await deleteGroupSnapshot(model, group.id, memberIds);
    await pool.records.groups.idle();
    expect((await pool.records.groups.load()).found).toEqual([]);
    for (const place of ['groups', '.outgoing']) {
      expect(mounts.tree.find(`/pools/default/${place}`)).toMatchObject({ entries: new Map() });
    }
    expect(model.groups.findByName('g')).toBeUndefined();
    expect(memberIds.map((id) => model.snapshots.find(id))).toEqual([undefined, undefined]);
    expect(model.snapshots.all()).toEqual([alone]);
    expect(model.volumes.all()).toHaveLength(2);
  });

  test('goes through every step', async () => {
    const steps: string[] = [];
    const { model, group, memberIds } = await nodeWithGroup((step) => void steps.push(step));
    steps.length = 0;
    await deleteGroupSnapshot(model, group.id, memberIds);
    expect(steps.slice(0, 2)).toEqual(mutationSteps.deleteGroupSnapshot);
  });

  test('may be deleted again, with whatever snapshots', async () => {
    const { model, group, memberIds } = await nodeWithGroup();
    await deleteGroupSnapshot(model, group.id, [...memberIds].reverse());
    await deleteGroupSnapshot(model, group.id, memberIds);
    await deleteGroupSnapshot(model, group.id, ['another']);
    await deleteGroupSnapshot(model, group.id, []);
  });

  test.each(['nobody', '../x', newObjectId('g', 'aaaaaaaa')])('need never have existed: %s', async (id) => {
    await deleteGroupSnapshot(fakeNode().model, id, ['s']);
  });
});

describe('a group is not deleted', () => {
  test('where it is another node’s', async () => {
    const id = newObjectId('g', 'cccccccc');
    await expect(deleteGroupSnapshot(fakeNode().model, id, [])).rejects.toMatchObject({
      kind: 'precondition',
      about: 'group',
      message: `"${id}" lies in a pool with the id cccccccc, which is not one of this node's; if that pool is gone for good, start the driver with --abandoned-pools=cccccccc`,
    });
  });

  test('where it is damaged', async () => {
    const { model } = fakeNode();
    model.groups.addDamaged({ id: 'g', pool: 'default', reason: 'it is empty' });
    await expect(deleteGroupSnapshot(model, 'g', [])).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('while its pool is not reachable', async () => {
    const { model, pool, group } = await nodeWithGroup();
    pool.checkReachable = gone;
    await expect(deleteGroupSnapshot(model, group.id, [])).rejects.toMatchObject({ kind: 'unavailable' });
    expect(model.groups.findIntact(group.id)).toBe(group);
  });

  test('where its record cannot be removed; its snapshots stay, and a retry does it', async () => {
    const failure = new VolumeError('unavailable', 'read-only');
    let isBroken = true;
    const { model, group, memberIds } = await nodeWithGroup((step) => {
      if (isBroken && step === 'delete group: renamed') throw failure;
    });
    await expect(deleteGroupSnapshot(model, group.id, memberIds)).rejects.toBe(failure);
    expect(model.snapshots.all()).toHaveLength(3);
    isBroken = false;
    await deleteGroupSnapshot(model, group.id, memberIds);
    expect(model.snapshots.all()).toHaveLength(1);
  });
});

describe('a group that is looked at', () => {
  test('is told by its id, where the snapshots named are all of it', async () => {
    const { model, group, memberIds } = await nodeWithGroup();
    for (const ids of [memberIds, [...memberIds].reverse()]) {
      expect(await existingGroup(model, group.id, ids)).toBe(group);
    }
  });

  test.each(['nobody', '', newObjectId('g', 'cccccccc')])(
    'is not found where there is none: %j',
    async (id) => {
      await expect(existingGroup(fakeNode().model, id, [])).rejects.toMatchObject({
        kind: 'not-found',
        message: `group snapshot ${JSON.stringify(id)} does not exist`,
      });
    },
  );

  test('is unavailable while its pool is not reachable', async () => {
    const { model, pool, group } = await nodeWithGroup();
    pool.checkReachable = gone;
    await expect(existingGroup(model, group.id, [])).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('a group that is believed to have other snapshots', () => {
  test.each([
    ['one less', ([first = '']: string[]) => [first]],
    ['one more', (ids: string[]) => [...ids, 'more']],
    ['another', ([first = '']: string[]) => [first, 'other']],
  ])('is neither deleted nor told, and says what it has: %s', async (_, change) => {
    const { model, group, memberIds } = await nodeWithGroup();
    const believed = change(memberIds);
    const refusal = {
      kind: 'invalid',
      about: 'members',
      message: `"${believed.join(', ')}" is not what the group snapshot "${group.id}" has: "${memberIds[0]}", "${memberIds[1]}"`,
    };
    await expect(deleteGroupSnapshot(model, group.id, believed)).rejects.toMatchObject(refusal);
    await expect(existingGroup(model, group.id, believed)).rejects.toMatchObject(refusal);
    expect(model.groups.find(group.id)).toBe(group);
  });
});

test('a group whose snapshots are not named is neither deleted nor told', async () => {
  const { model, group } = await nodeWithGroup();
  const refusal = { kind: 'invalid', message: 'snapshot_ids is required' };
  await expect(deleteGroupSnapshot(model, group.id, [])).rejects.toMatchObject(refusal);
  await expect(existingGroup(model, group.id, [])).rejects.toMatchObject(refusal);
  expect(model.groups.find(group.id)).toBe(group);
});
