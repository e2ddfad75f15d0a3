import { expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { findObject } from '../../../src/model/find/find-object.ts';
import { newObjectId } from '../../../src/model/objects/object-id.ts';
import { exampleGroup, exampleSnapshot } from './example-snapshot.ts';
import { fakeNode } from './fakes/model.ts';

const snapshot = exampleSnapshot();

test('what the index knows is found, of every kind', async () => {
  const { model } = fakeNode();
  const group = exampleGroup(['v']);
  model.snapshots.add(snapshot);
  model.groups.add(group);
  expect(await findObject(model, model.snapshots, snapshot.id)).toBe(snapshot);
  expect(await findObject(model, model.groups, group.id)).toBe(group);
});

test.each(['imported', '', newObjectId('s', 'aaaaaaaa'), newObjectId('s', 'cccccccc')])(
  'what nobody knows is not found: %j',
  async (id) => {
    const { model } = fakeNode();
    expect(await findObject(model, model.snapshots, id)).toBeUndefined();
  },
);

test('what is damaged is neither found nor missing', async () => {
  const { model } = fakeNode();
  model.groups.addDamaged({ id: 'g', pool: 'default', reason: 'group.json: it is empty' });
  await expect(findObject(model, model.groups, 'g')).rejects.toMatchObject({
    kind: 'damaged',
    message: 'group snapshot "g" cannot be used, because its record is damaged: group.json: it is empty',
  });
});

test('what lies in a pool that is not reachable is unavailable, known or not', async () => {
  const { model, pool } = fakeNode();
  model.snapshots.add(snapshot);
  pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
  for (const id of [snapshot.id, newObjectId('unread', 'aaaaaaaa')]) {
    await expect(findObject(model, model.snapshots, id)).rejects.toMatchObject({ kind: 'unavailable' });
  }
});

test('what is read when its pool comes back is found by the call that finds the pool', async () => {
  const { model, pool } = fakeNode();
  pool.checkReachable = async () => model.snapshots.add(snapshot);
  expect(await findObject(model, model.snapshots, snapshot.id)).toBe(snapshot);
});
