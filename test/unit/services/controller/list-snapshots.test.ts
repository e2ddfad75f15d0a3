import { expect, test } from 'vitest';
import { exampleSnapshot } from '../../model/example-snapshot.ts';
import { fakeNode } from '../../model/fakes/model.ts';
import { controllerOf } from '../calls.ts';

interface Asked {
  readonly snapshot_id?: string;
  readonly source_volume_id?: string;
  readonly starting_token?: string;
  readonly max_entries?: number;
}

/** A node with the snapshots a, b, c, d, e of the volumes v and w alternately. */
function nodeWithSnapshots() {
  const { model } = fakeNode();
  for (const [index, id] of ['e', 'd', 'c', 'b', 'a'].entries()) {
    model.catalogue.snapshots.add(
      exampleSnapshot({ id, name: id, sourceVolumeId: index % 2 === 0 ? 'v' : 'w' }),
    );
  }
  const { ListSnapshots } = controllerOf(model);
  const page = async (asked: Asked = {}) => {
    const { entries, next_token } = await ListSnapshots(asked);
    return { ids: entries.map(({ snapshot }) => snapshot?.snapshot_id ?? ''), next_token };
  };
  return { model, ListSnapshots, page };
}

test('snapshots are listed the same as in other replies', async () => {
  const { ListSnapshots } = nodeWithSnapshots();
  const { entries } = await ListSnapshots({ max_entries: 1 });
  expect(entries).toMatchObject([
    { snapshot: { snapshot_id: 'a', source_volume_id: 'v', size_bytes: '1048576', ready_to_use: true } },
  ]);
});

test.each<[string, Asked, string[]]>([
  ['all', {}, ['a', 'b', 'c', 'd', 'e']],
  ['all of a volume', { source_volume_id: 'v' }, ['a', 'c', 'e']],
  ['one by its id', { snapshot_id: 'b' }, ['b']],
  ['one by its id, of its volume', { snapshot_id: 'b', source_volume_id: 'w' }, ['b']],
  ['none by an id that belongs to another volume', { snapshot_id: 'b', source_volume_id: 'v' }, []],
  ['none of a volume without snapshots, or of a missing one', { source_volume_id: 'nobody' }, []],
  ['none by an id that does not exist', { snapshot_id: 'nobody' }, []],
])('%s', async (_, asked, ids) => {
  expect(await nodeWithSnapshots().page(asked)).toEqual({ ids, next_token: '' });
});

test('a snapshot with the longest id that CSI allows is found once by it', async () => {
  const { model, page } = nodeWithSnapshots();
  const id = 's'.repeat(128);
  model.catalogue.snapshots.add(exampleSnapshot({ id, name: id, sourceVolumeId: 'long' }));
  model.catalogue.snapshots.add(exampleSnapshot({ id: 'z', name: 'z', sourceVolumeId: 'long' }));
  const first = await page({ source_volume_id: 'long', max_entries: 1 });
  expect(first.ids).toEqual([id]);
  const { next_token: starting_token } = first;
  expect((await page({ source_volume_id: 'long', starting_token })).ids).toEqual(['z']);
  expect((await page({ snapshot_id: id })).ids).toEqual([id]);
  expect((await page({ snapshot_id: id, starting_token })).ids).toEqual([]);
});

test.each([1, 2, 3, 4, 5, 6])(
  'pages of %i together are the complete list, also of one volume',
  async (max_entries) => {
    const { page } = nodeWithSnapshots();
    for (const [source_volume_id, ids] of [
      ['', ['a', 'b', 'c', 'd', 'e']],
      ['v', ['a', 'c', 'e']],
    ] as const) {
      const seen: string[] = [];
      let starting_token = '';
      do {
        const next = await page({ source_volume_id, max_entries, starting_token });
        seen.push(...next.ids);
        starting_token = next.next_token;
      } while (starting_token !== '');
      expect(seen).toEqual(ids);
    }
  },
);

test('a token stays valid when its snapshot is deleted', async () => {
  const { model, page } = nodeWithSnapshots();
  const { next_token } = await page({ max_entries: 2 });
  const gone = model.catalogue.snapshots.find('b');
  if (gone) model.catalogue.snapshots.remove(gone);
  expect(await page({ starting_token: next_token })).toEqual({ ids: ['c', 'd', 'e'], next_token: '' });
});

test('a snapshot requested by id is not listed again after itself', async () => {
  const { page } = nodeWithSnapshots();
  const { next_token } = await page({ max_entries: 1 });
  expect(await page({ snapshot_id: 'a', starting_token: next_token })).toEqual({ ids: [], next_token: '' });
});

test('a damaged snapshot fails no list, and is not reported as deleted when it is requested', async () => {
  const { model, page } = nodeWithSnapshots();
  model.catalogue.snapshots.addDamaged({ id: 'x', pool: 'default', reason: 'it is empty' });
  expect((await page()).ids).toHaveLength(5);
  await expect(page({ snapshot_id: 'x' })).rejects.toMatchObject({ kind: 'damaged' });
});

test('a negative max_entries is invalid, a foreign token is aborted', async () => {
  const { page } = nodeWithSnapshots();
  for (const asked of [{}, { snapshot_id: 'a' }]) {
    await expect(page({ ...asked, max_entries: -1 })).rejects.toMatchObject({
      kind: 'invalid',
      message: 'max_entries: -1 must not be negative',
    });
    await expect(page({ ...asked, starting_token: 'garbage' })).rejects.toMatchObject({ kind: 'aborted' });
  }
});
