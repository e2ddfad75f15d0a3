import { expect, test, vi } from 'vitest';
import { VolumeError } from '../../../../src/model/errors.ts';
import { stageVolume, unhealthyAfter } from '../fakes/calls.ts';
import { fakeNode } from '../fakes/model.ts';
import { capability, imageContent } from '../fakes/requests.ts';

/** A node with this many volumes, of which every third has lost its data, and damaged records among them. */
async function nodeWith(count: number) {
  const node = fakeNode();
  const sick: string[] = [];
  for (let index = 0; index < count; index++) {
    const volume = await node.addVolume(`v${String(index).padStart(3, '0')}`, { content: imageContent() });
    if (index % 3 !== 0) continue;
    node.mounts.tree.remove(node.model.catalogue.dataOf(volume).path);
    sick.push(volume.id);
  }
  for (const id of ['a-first', 'v001-damaged', 'z-last']) {
    node.model.catalogue.volumes.addDamaged({ id, pool: 'default', reason: 'it is empty' });
    sick.push(id);
  }
  const list = async (afterId = '', limit = 1000) =>
    (await unhealthyAfter(node.model, afterId, limit)).map(({ id }) => id);
  return { ...node, sick: sick.sort(), list };
}

test('unhealthy volumes are listed in the order of their ids, including damaged ones', async () => {
  const { list, sick } = await nodeWith(50);
  expect(sick).toHaveLength(20);
  expect(await list()).toEqual(sick);
});

test.each([1, 5, 16, 17, 40])('up to %i of them, after any id', async (limit) => {
  const { list, sick } = await nodeWith(50);
  const seen: string[] = [];
  for (let page = await list('', limit); page.length > 0; page = await list(page.at(-1), limit)) {
    expect(page.length).toBeLessThanOrEqual(limit);
    seen.push(...page);
  }
  expect(seen).toEqual(sick);
});

test('if all are healthy, the list is empty', async () => {
  const node = fakeNode();
  for (const name of ['a', 'b']) await node.addVolume(name, { content: imageContent() });
  expect(await unhealthyAfter(node.model, '', 10)).toEqual([]);
});

test('a pool is checked once for all volumes in it', async () => {
  const { list, pool } = await nodeWith(50);
  const check = vi.spyOn(pool, 'usage');
  await list();
  expect(check).toHaveBeenCalledTimes(1);
});

test('devices are listed once for all images that are in use', async () => {
  const { model, devices, addVolume, makeDirectory } = fakeNode();
  for (const name of ['a', 'b', 'c']) {
    const volume = await addVolume(name, { content: imageContent() });
    await stageVolume(model, volume, makeDirectory(`/staging-${name}`), capability());
  }
  const list = vi.spyOn(devices, 'list');
  expect(await unhealthyAfter(model, '', 10)).toEqual([]);
  expect(list).toHaveBeenCalledTimes(1);
});

test('at most 16 volumes are checked at once', async () => {
  const { list, pool } = await nodeWith(50);
  const lossOf = pool.backends.image.lossOf.bind(pool.backends.image);
  let [now, most] = [0, 0];
  vi.spyOn(pool.backends.image, 'lossOf').mockImplementation(async (directory, volume) => {
    most = Math.max(most, ++now);
    await Promise.resolve();
    now--;
    return lossOf(directory, volume);
  });
  await list();
  expect(most).toBe(16);
});

test('a volume that is deleted during the check is left out', async () => {
  const { list, model, pool, sick } = await nodeWith(4);
  const lossOf = pool.backends.image.lossOf.bind(pool.backends.image);
  const [, gone] = sick;
  const volume = model.catalogue.volumes.find(gone ?? '');
  vi.spyOn(pool.backends.image, 'lossOf').mockImplementation((directory, content) => {
    if (volume && content === volume) model.catalogue.volumes.remove(volume);
    return lossOf(directory, content);
  });
  expect(await list()).toEqual(sick.filter((id) => id !== gone));
});

test('all volumes of an unreachable pool are listed, and an unexpected error fails the list', async () => {
  const { list, model, pool } = await nodeWith(4);
  pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
  expect(await list()).toHaveLength(7);
  vi.spyOn(model.catalogue.volumes, 'findIntact').mockImplementation(() => {
    throw new Error('a mistake');
  });
  await expect(list()).rejects.toThrow('a mistake');
});
