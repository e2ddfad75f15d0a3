import { describe, expect, test } from 'vitest';
import { newObjectId } from '../../../../src/model/objects/object-id.ts';
import { fakeNode } from '../../model/fakes/model.ts';
import { imageContent } from '../../model/fakes/requests.ts';
import { controllerOf } from '../calls.ts';
import { idsOfPages } from '../pages.ts';

async function nodeWithVolume() {
  const fake = fakeNode();
  const volume = await fake.addVolume('a', { content: imageContent() });
  return { ...fake, volume, volume_id: volume.id, ...controllerOf(fake.model) };
}

describe('ControllerGetVolumeHealth', () => {
  test('reports no problems', async () => {
    const { ControllerGetVolumeHealth, volume_id } = await nodeWithVolume();
    expect(await ControllerGetVolumeHealth({ volume_id })).toEqual({
      volume_health: { volume_id, health_statuses: [] },
    });
  });

  test('reports each problem with its reason and a message', async () => {
    const { ControllerGetVolumeHealth, findings, model, mounts, volume, volume_id } = await nodeWithVolume();
    mounts.tree.remove(model.catalogue.dataOf(volume).path);
    const { volume_health } = await ControllerGetVolumeHealth({ volume_id });
    expect(volume_health?.health_statuses).toEqual([
      { status: 'DATA_LOSS', reason: 'DataMissing', message: expect.stringMatching(/^the volume has lost/) },
    ]);
    expect(findings).toMatchObject([
      { volumeId: volume_id, message: expect.stringMatching(`^volume "${volume_id}" has lost its data`) },
    ]);
  });

  test('reports an unhealthy pool once for the pool', async () => {
    const { ControllerGetVolumeHealth, findings, pool, volume_id } = await nodeWithVolume();
    pool.checkReachable = () => Promise.reject(new Error('another driver holds it'));
    await ControllerGetVolumeHealth({ volume_id });
    expect(findings).toMatchObject([{ pool: 'default', reason: 'PoolUnreachable' }]);
    expect(findings[0]?.volumeId).toBeUndefined();
  });

  test('works for a volume whose record is damaged', async () => {
    const { ControllerGetVolumeHealth, model } = await nodeWithVolume();
    model.catalogue.volumes.addDamaged({ id: 'v', pool: 'default', reason: 'it is empty' });
    expect(await ControllerGetVolumeHealth({ volume_id: 'v' })).toMatchObject({
      volume_health: { volume_id: 'v', health_statuses: [{ status: 'DATA_LOSS', reason: 'RecordDamaged' }] },
    });
  });

  test.each([
    ['invalid', ''],
    ['not-found', 'nobody'],
    ['not-found', newObjectId('a', 'cccccccc')],
  ])('is %s for the id %j', async (kind, volume_id) => {
    const { ControllerGetVolumeHealth } = await nodeWithVolume();
    await expect(ControllerGetVolumeHealth({ volume_id })).rejects.toMatchObject({ kind });
  });
});

describe('ControllerListVolumeHealth', () => {
  async function listed(names: string[]) {
    const node = await nodeWithVolume();
    for (const name of names) await node.addVolume(name);
    const page = async (starting_token = '', max_entries = 0) => {
      const { entries, next_token } = await node.ControllerListVolumeHealth({ starting_token, max_entries });
      return { ids: entries.map(({ volume_id }) => volume_id), next_token };
    };
    const all = node.model.catalogue.volumes.listAfter('', 10).map(({ id }) => id);
    return { ...node, page, sick: all.filter((id) => id !== node.volume_id) };
  }

  test('lists the unhealthy volumes, with their problems', async () => {
    const { ControllerListVolumeHealth, sick } = await listed(['b']);
    expect(await ControllerListVolumeHealth({})).toMatchObject({
      entries: [{ volume_id: sick[0], health_statuses: [{ reason: 'CapacityNotEnforced' }] }],
      next_token: '',
    });
  });

  test.each([1, 2, 3, 4, 5])('has pages of %i that together are the complete list', async (limit) => {
    const { page, sick } = await listed(['b', 'c', 'd', 'e']);
    const seen: string[] = [];
    let token = '';
    do {
      const next = await page(token, limit);
      expect(next.ids).toHaveLength(Math.min(limit, sick.length - seen.length));
      seen.push(...next.ids);
      token = next.next_token;
    } while (token !== '');
    expect(seen).toEqual(sick);
  });

  test('ends with the last unhealthy volume, whatever healthy ones come after it', async () => {
    const { addVolume, page, sick } = await listed(['b']);
    await addVolume('z', { content: imageContent() });
    expect(await page('', 1)).toEqual({ ids: sick, next_token: '' });
  });

  test('has pages of volumes with the longest ids that CSI allows, damaged ones too', async () => {
    const { model, page } = await listed([]);
    const ids = Array.from({ length: 40 }, (_, index) => `${'d'.repeat(126)}${index + 10}`);
    for (const id of ids) model.catalogue.volumes.addDamaged({ id, pool: 'default', reason: 'it is empty' });
    const seen = await idsOfPages((token) => page(token, 7));
    expect(seen.sort()).toEqual(ids);
  });

  test('has at most 1000 on a page, whatever is requested', async () => {
    const { model, page } = await listed([]);
    for (let index = 0; index < 1001; index++) {
      const id = `v-${String(index).padStart(4, '0')}`;
      model.catalogue.volumes.addDamaged({ id, pool: 'default', reason: 'it is empty' });
    }
    for (const asked of [0, 1001]) {
      const { ids, next_token } = await page('', asked);
      expect(ids).toHaveLength(1000);
      expect(await page(next_token)).toEqual({ ids: ['v-1000'], next_token: '' });
    }
  });

  test.each([
    ['invalid', { max_entries: -1 }],
    ['aborted', { starting_token: 'garbage' }],
  ])('is %s for %j', async (kind, request) => {
    const { ControllerListVolumeHealth } = await nodeWithVolume();
    await expect(ControllerListVolumeHealth(request)).rejects.toMatchObject({ kind });
  });
});
