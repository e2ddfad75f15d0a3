import { beforeAll, describe, expect, test } from 'vitest';
import type { ListSnapshotsRequest } from '../../../src/rpc/generated/csi/v1/ListSnapshotsRequest.ts';
import { snapshotOf } from '../../support/copies.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { TestNode } from '../../support/test-node.ts';

const PER_VOLUME = 5;

let node: TestNode;
/** The ids of all snapshots, by their volume, in order. */
const byVolume = new Map<string, string[]>();

beforeAll(async () => {
  node = new TestNode();
  await node.start();
  for (const name of ['one', 'other']) {
    const volume_id = await node.create(name);
    const names = Array.from({ length: PER_VOLUME }, (_, index) => `${index} of ${name}`);
    byVolume.set(volume_id, await cutAll(volume_id, names));
  }
  return () => node.dispose();
});

/** Takes snapshots one after the other, since only so many copies run at once. @returns their ids, in order */
async function cutAll(volumeId: string, names: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const name of names) ids.push((await snapshotOf(node, volumeId, name)).snapshot_id);
  return ids.sort();
}

const everyId = () => [...byVolume.values()].flat().sort();
const volumes = () => [...byVolume.keys()];

async function page(request: ListSnapshotsRequest): Promise<{ ids: string[]; next: string }> {
  const { entries, next_token } = await node.controller.ListSnapshots(request);
  return { ids: entries.map(({ snapshot }) => snapshot?.snapshot_id ?? ''), next: next_token };
}

async function allPages(request: ListSnapshotsRequest & { max_entries: number }): Promise<string[]> {
  const seen: string[] = [];
  for (let starting_token = ''; ; ) {
    const { ids, next } = await page({ ...request, starting_token });
    expect(ids.length).toBeLessThanOrEqual(request.max_entries);
    seen.push(...ids);
    if (next === '') return seen;
    starting_token = next;
  }
}

describe('the list of snapshots', () => {
  test.each([1, 2, 3, 9, 10, 11])('has every snapshot on exactly one page of %d', async (max_entries) => {
    expect(await allPages({ max_entries })).toEqual(everyId());
  });

  test.each([1, 2, 5, 6])('has every snapshot of a volume on exactly one page of %d', async (max_entries) => {
    for (const [source_volume_id, ids] of byVolume) {
      expect(await allPages({ max_entries, source_volume_id })).toEqual(ids);
    }
  });

  test('is complete without a page size', async () => {
    expect(await page({})).toEqual({ ids: everyId(), next: '' });
  });

  test('has a single snapshot by its id, if the source matches', async () => {
    const [one = '', other = ''] = volumes();
    for (const snapshot_id of byVolume.get(one) ?? []) {
      const found = { ids: [snapshot_id], next: '' };
      expect(await page({ snapshot_id })).toEqual(found);
      expect(await page({ snapshot_id, source_volume_id: one })).toEqual(found);
      expect(await page({ snapshot_id, max_entries: 1 })).toEqual(found);
      expect(await page({ snapshot_id, source_volume_id: other })).toEqual({ ids: [], next: '' });
    }
  });

  test.each(['unknown', '../x', `pvc-${'0'.repeat(16)}-deadbeef-01234567`])(
    'is empty for %j, which matches neither volume nor snapshot',
    async (id) => {
      expect(await page({ snapshot_id: id })).toEqual({ ids: [], next: '' });
      expect(await page({ source_volume_id: id })).toEqual({ ids: [], next: '' });
    },
  );

  test('refuses an invalid token, and a negative length', async () => {
    await expectRefusal(page({ starting_token: 'bad' }), 'ABORTED', 'starting_token');
    await expectRefusal(page({ max_entries: -1 }), 'INVALID_ARGUMENT', 'max_entries');
  });
});

test('a token stays valid after its snapshot is deleted and after a restart; snapshots of a deleted volume stay', async () => {
  const volume_id = await node.create('third');
  const names = ['a', 'b', 'c', 'd'];
  const ids = await cutAll(volume_id, names);
  const request = { source_volume_id: volume_id, max_entries: 2 };
  const first = await page(request);
  expect(first.ids).toEqual(ids.slice(0, 2));
  await node.controller.DeleteSnapshot({ snapshot_id: ids[1] ?? '' });
  await node.controller.DeleteVolume({ volume_id });
  await node.restart();
  expect(await page({ ...request, starting_token: first.next })).toEqual({ ids: ids.slice(2), next: '' });
  for (const snapshot_id of ids) await node.controller.DeleteSnapshot({ snapshot_id });
  expect(await page(request)).toEqual({ ids: [], next: '' });
});
