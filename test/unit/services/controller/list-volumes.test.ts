import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exampleVolume, fakeNode } from '../../model/fakes/model.ts';
import { controllerOf } from '../calls.ts';
import { idsOfPages } from '../pages.ts';

function nodeWith(ids: string[]) {
  const { model } = fakeNode();
  for (const id of ids) model.catalogue.volumes.add(exampleVolume({ id, name: id }));
  const { ListVolumes } = controllerOf(model);
  const page = async (starting_token = '', max_entries = 0) => {
    const { entries, next_token } = await ListVolumes({ starting_token, max_entries });
    return { ids: entries.map(({ volume }) => volume?.volume_id ?? ''), next_token };
  };
  return { model, ListVolumes, page };
}

test('volumes are listed the same as in other replies', async () => {
  const { ListVolumes } = nodeWith(['v']);
  const { entries } = await ListVolumes({});
  expect(entries).toMatchObject([{ volume: { volume_id: 'v', volume_context: { pool: 'default' } } }]);
});

test('without volumes, the list is empty and has no next page', async () => {
  expect(await nodeWith([]).page()).toEqual({ ids: [], next_token: '' });
});

test.each([1, 2, 3, 4, 5, 6])('pages of %i together are the complete list, in order', async (limit) => {
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

test('the longest ids that CSI allows, almost identical, have pages too, with valid tokens', async () => {
  const ids = Array.from({ length: 50 }, (_, index) => `${'v'.repeat(126)}${index + 10}`);
  const { model, page } = nodeWith([...ids, 'a', 'w']);
  // The volume of a token may be deleted by the time it is used.
  const removeLast = ({ ids: shown }: { readonly ids: readonly string[] }) => {
    const id = shown.at(-1) ?? '';
    model.catalogue.volumes.remove(exampleVolume({ id, name: id }));
  };
  const seen = await idsOfPages((token) => page(token, 7), removeLast);
  expect(seen).toHaveLength(ids.length + 2);
  expect([...seen].sort()).toEqual(['a', ...ids, 'w']);
  expect([seen[0], seen.at(-1)]).toEqual(['a', 'w']);
});

test('a token stays valid when its volume is deleted', async () => {
  const { model, page } = nodeWith(['a', 'b', 'c']);
  const { next_token } = await page('', 2);
  model.catalogue.volumes.remove(exampleVolume({ id: 'b', name: 'b' }));
  expect(await page(next_token)).toEqual({ ids: ['c'], next_token: '' });
});

test('a page has at most 4000 volumes, whatever is requested', async () => {
  const ids = Array.from({ length: 4001 }, (_, index) => `v-${String(index).padStart(5, '0')}`);
  const { page } = nodeWith(ids);
  for (const asked of [0, 4001, 2 ** 31 - 1]) {
    const first = await page('', asked);
    expect(first.ids).toHaveLength(4000);
    expect((await page(first.next_token)).ids).toEqual(['v-04000']);
  }
});

test('all volumes are on some page, once, whatever their ids and the length of the pages', async () => {
  const ids = fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(ids, fc.integer({ min: 1, max: 7 }), async (all, limit) => {
      const { page } = nodeWith(all);
      const lengths: number[] = [];
      const seen = await idsOfPages(
        (token) => page(token, limit),
        (shown) => lengths.push(shown.ids.length),
      );
      expect([...seen].sort()).toEqual([...all].sort());
      expect(lengths.slice(0, -1).every((length) => length === limit)).toBe(true);
      expect(lengths.at(-1)).toBe(all.length - limit * (lengths.length - 1));
    }),
  );
});

test('any other token makes the CO start over', async () => {
  const { page } = nodeWith(['a']);
  const text = fc.string({ unit: 'binary' });
  const encoded = (content: string | Buffer) => Buffer.from(content).toString('base64url');
  const garbage = fc.oneof(
    text.filter((token) => token !== ''),
    fc.uint8Array({ minLength: 1 }).map((bytes) => encoded(Buffer.from(bytes))),
    fc
      .uint8Array({ minLength: 1 })
      .map((bytes) => encoded(Buffer.from([...Buffer.from('after:'), 0xff, ...bytes]))),
    text.map((id) => `${encoded(`after:${id}`)}=`),
    text.map((id) => ` ${encoded(`after:${id}`)}`),
    text.map((id) => encoded(`before:${id}`)),
    text.map((id) => encoded(`after:${id}${'x'.repeat(91)}`)),
  );
  await fc.assert(
    fc.asyncProperty(garbage, async (token) => {
      await expect(page(token)).rejects.toMatchObject({
        kind: 'aborted',
        message: expect.stringContaining('starting_token'),
      });
    }),
  );
});

test('a long token is not shown in full, because the message must fit in a reply', async () => {
  await expect(nodeWith(['a']).page('x'.repeat(100_000))).rejects.toMatchObject({
    kind: 'aborted',
    message: expect.stringMatching(/^.{1,500}$/),
  });
});

test('a negative max_entries is invalid, a foreign token is aborted', async () => {
  const { page } = nodeWith(['a']);
  await expect(page('', -1)).rejects.toMatchObject({
    kind: 'invalid',
    message: 'max_entries: -1 must not be negative',
  });
  await expect(page('garbage')).rejects.toMatchObject({
    kind: 'aborted',
    message: 'starting_token: "garbage" was not issued by this driver',
  });
});

test('a volume that has changed is listed as it is now', async () => {
  const { model, ListVolumes } = nodeWith(['v']);
  const sizes = async () => (await ListVolumes({})).entries.map(({ volume }) => volume?.capacity_bytes);
  const before = await sizes();
  const { volumes } = model.catalogue;
  for (const volume of volumes.all())
    volumes.replace({ ...volume, capacityBytes: volume.capacityBytes + 1n });
  expect(await sizes()).toEqual(before.map((bytes) => String(BigInt(bytes ?? 0) + 1n)));
});
