import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { newObjectId } from '../../../src/model/objects/object-id.ts';
import type { Parts } from '../../../src/model/parts.ts';
import { exampleGroup, exampleSnapshot } from '../model/example-snapshot.ts';
import { exampleVolume, fakeNode } from '../model/fakes/model.ts';
import { controllerOf, groupControllerOf } from './calls.ts';

const gone = () => Promise.reject(new VolumeError('unavailable', 'gone'));
const id = newObjectId('a', 'bbbbbbbb');
const own = { id, pool: 'fast' };
const group = exampleGroup(['v'], own);

/** An object of each kind in the pool `fast`, and the call that returns it. */
const kinds = [
  {
    kind: 'volume',
    name: 'volume',
    add: ({ catalogue }: Parts) => catalogue.volumes.add(exampleVolume(own)),
    index: ({ catalogue }: Parts) => catalogue.volumes,
    get: async (model: Parts, volume_id: string) =>
      (await controllerOf(model).ControllerGetVolume({ volume_id })).volume?.volume_id,
  },
  {
    kind: 'snapshot',
    name: 'snapshot',
    add: ({ catalogue }: Parts) => catalogue.snapshots.add(exampleSnapshot(own)),
    index: ({ catalogue }: Parts) => catalogue.snapshots,
    get: async (model: Parts, snapshot_id: string) =>
      (await controllerOf(model).GetSnapshot({ snapshot_id })).snapshot?.snapshot_id,
  },
  {
    kind: 'group',
    name: 'group snapshot',
    add: ({ catalogue }: Parts) => catalogue.groups.add(group),
    index: ({ catalogue }: Parts) => catalogue.groups,
    get: async (model: Parts, group_snapshot_id: string) => {
      const request = { group_snapshot_id, snapshot_ids: group.snapshots.map((member) => member.id) };
      const { group_snapshot } = await groupControllerOf(model).GetVolumeGroupSnapshot(request);
      return group_snapshot?.group_snapshot_id;
    },
  },
];

describe.each(kinds)('a $kind', ({ name, add, index, get }) => {
  test('is returned by its id', async () => {
    const { model } = fakeNode();
    add(model);
    expect(await get(model, id)).toBe(id);
  });

  test.each([
    ['of an existing pool', newObjectId('a', 'aaaaaaaa')],
    ['of a pool of another node', newObjectId('a', 'cccccccc')],
    ['of any other form', 'imported'],
    ['like a path', '../x'],
  ])('is not found by an unknown id: %s', async (_, unknown) => {
    await expect(get(fakeNode().model, unknown)).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining(`${name} "${unknown}" does not exist`),
    });
  });

  test('in an unreachable pool is unavailable, known or not', async () => {
    const { model, fastPool } = fakeNode();
    add(model);
    fastPool.checkReachable = gone;
    for (const each of [id, newObjectId('unread', 'bbbbbbbb')])
      await expect(get(model, each)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test('does not wait for another pool that is unreachable', async () => {
    const { model, pool } = fakeNode();
    add(model);
    pool.checkReachable = gone;
    expect(await get(model, id)).toBe(id);
    await expect(get(model, 'imported')).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('is found by the call that makes its pool reachable', async () => {
    const { model, fastPool } = fakeNode();
    fastPool.checkReachable = async () => add(model);
    expect(await get(model, id)).toBe(id);
  });

  test('whose record is damaged is neither found nor missing, also if the call makes its pool reachable', async () => {
    const { model, fastPool } = fakeNode();
    fastPool.checkReachable = async () =>
      index(model).addDamaged({ id, pool: 'fast', reason: 'it is empty' });
    for (let time = 0; time < 2; time++) {
      await expect(get(model, id)).rejects.toMatchObject({
        kind: 'damaged',
        message: `the record of ${name} "${id}" is damaged: it is empty`,
      });
    }
  });

  test('in a pool that this driver no longer has is unavailable, not missing', async () => {
    const { model } = fakeNode();
    index(model).addDamaged({ id: 'v', pool: 'slow', reason: 'it is empty' });
    await expect(get(model, 'v')).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('"slow"'),
    });
  });
});
