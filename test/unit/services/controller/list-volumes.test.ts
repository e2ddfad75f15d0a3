import { expect, test } from 'vitest';
import { exampleVolume, fakeNode } from '../../model/fakes/model.ts';
import { controllerOf } from '../calls.ts';
import { idsOfPages } from '../pages.ts';

function nodeWith(ids: string[]) {
  const { model } = fakeNode();
  for (const id of ids) model.volumes.add(exampleVolume({ id, name: id }));
  const { ListVolumes } = controllerOf(model);
  const page = async (starting_token = '', max_entries = 0) => {
    const { entries, next_token } = await ListVolumes({ starting_token, max_entries });
    return { ids: entries.map(({ volume }) => volume?.volume_id ?? ''), next_token };
  };
  return { model, ListVolumes, page };
}

test('volumes are listed as they are told elsewhere', async () => {
  const { ListVolumes } = nodeWith(['v']);
  const { entries } = await ListVolumes({});
  expect(entries).toMatchObject([{ volume: { volume_id: 'v', volume_context: { pool: 'default' } } }]);
});

test('where there is nothing, the list is empty and has no next page', async () => {
  expect(await nodeWith([]).page()).toEqual({ ids: [], next_token: '' });
});

test.each([1, 2, 3, 4, 5, 6])('pages of %i together are the whole list, in order', async (limit) => {
  const ids = ['a', 'b', 'c', 'd', 'e'];
  const { page } = nodeWith(ids);
  const seen: string[] = [];
  let token = '';
  do {
    const next = await page(token, limit);
    expect(next.ids.length).toBeLessThanOrEqual(limit);
    seen.push(...next.ids);
    token = next.next_token;
  } while (token !== '');
  expect(seen).toEqual(ids);
});

test('a page that ends with the last volume is the last one', async () => {
  expect(await nodeWith(['a', 'b']).page('', 2)).toEqual({ ids: ['a', 'b'], next_token: '' });
});

test('ids as long as CSI allows and all but alike have pages too, with tokens that it allows', async () => {
  const ids = Array.from({ length: 50 }, (_, index) => `${'v'.repeat(126)}${index + 10}`);
  const { model, page } = nodeWith([...ids, 'a', 'w']);
  // What a token stands for may be gone by the time it is used.
  const removeLast = ({ ids: shown }: { readonly ids: readonly string[] }) => {
    const id = shown.at(-1) ?? '';
    model.volumes.remove(exampleVolume({ id, name: id }));
  };
  const seen = await idsOfPages((token) => page(token, 7), removeLast);
  expect(seen).toHaveLength(ids.length + 2);
  expect([...seen].sort()).toEqual(['a', ...ids, 'w']);
  expect([seen[0], seen.at(-1)]).toEqual(['a', 'w']);
});

test('a token stays valid when the volume it stands for is gone', async () => {
  const { model, page } = nodeWith(['a', 'b', 'c']);
  const { next_token } = await page('', 2);
  model.volumes.remove(exampleVolume({ id: 'b', name: 'b' }));
  expect(await page(next_token)).toEqual({ ids: ['c'], next_token: '' });
});

test('a page has at most 4000 volumes, whatever is asked for', async () => {
  const ids = Array.from({ length: 4001 }, (_, index) => `v-${String(index).padStart(5, '0')}`);
  const { page } = nodeWith(ids);
  for (const asked of [0, 4001, 2 ** 31 - 1]) {
    const first = await page('', asked);
    expect(first.ids).toHaveLength(4000);
    expect((await page(first.next_token)).ids).toEqual(['v-04000']);
  }
});

test('a negative number of entries is invalid, a token that is not ours aborted', async () => {
  const { page } = nodeWith(['a']);
  await expect(page('', -1)).rejects.toMatchObject({
    kind: 'invalid',
    message: 'max_entries: -1 is negative',
  });
  await expect(page('garbage')).rejects.toMatchObject({ kind: 'aborted' });
});
