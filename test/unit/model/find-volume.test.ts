import { expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { findObject } from '../../../src/model/find/find-object.ts';
import { existingVolume } from '../../../src/model/find/find-volume.ts';
import { newObjectId } from '../../../src/model/objects/object-id.ts';
import { exampleVolume, fakeNode } from './fakes/model.ts';

const gone = () => Promise.reject(new VolumeError('unavailable', 'gone'));

test('a volume is found by its id', async () => {
  const { model, addVolume } = fakeNode();
  const volume = await addVolume();
  expect(await findObject(model, model.volumes, volume.id)).toBe(volume);
  expect(await existingVolume(model, volume.id)).toBe(volume);
});

test.each([newObjectId('a', 'aaaaaaaa'), newObjectId('a', 'cccccccc'), 'nobody', ''])(
  'a volume that does not exist is not found: %s',
  async (id) => {
    const { model } = fakeNode();
    expect(await findObject(model, model.volumes, id)).toBeUndefined();
    await expect(existingVolume(model, id)).rejects.toMatchObject({ kind: 'not-found' });
  },
);

test('a volume in a pool that is not reachable is unavailable, whether it is known or not', async () => {
  const { model, pool, addVolume } = fakeNode();
  const { id } = await addVolume();
  pool.checkReachable = gone;
  for (const each of [id, newObjectId('unread', 'aaaaaaaa')]) {
    await expect(findObject(model, model.volumes, each)).rejects.toMatchObject({ kind: 'unavailable' });
  }
});

test('other volumes do not wait for a pool that is not reachable', async () => {
  const { model, fastPool, addVolume } = fakeNode();
  const volume = await addVolume();
  fastPool.checkReachable = gone;
  expect(await findObject(model, model.volumes, volume.id)).toBe(volume);
  expect(await findObject(model, model.volumes, 'nobody')).toBeUndefined();
});

test('a volume is found when its pool comes back with it', async () => {
  const { model, fastPool } = fakeNode();
  const volume = exampleVolume({ id: newObjectId('a', 'bbbbbbbb'), pool: 'fast' });
  fastPool.checkReachable = async () => model.volumes.add(volume);
  expect(await findObject(model, model.volumes, volume.id)).toBe(volume);
});

test('a damaged volume is neither there nor gone, also when its pool comes back with it', async () => {
  const { model, fastPool } = fakeNode();
  const id = newObjectId('a', 'bbbbbbbb');
  fastPool.checkReachable = async () => model.volumes.addDamaged({ id, pool: 'fast', reason: 'it is empty' });
  await expect(findObject(model, model.volumes, id)).rejects.toMatchObject({ kind: 'damaged' });
});
