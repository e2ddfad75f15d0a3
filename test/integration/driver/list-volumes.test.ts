import { beforeAll, expect, test } from 'vitest';
import { TestNode } from '../../support/test-node.ts';

let node: TestNode;

beforeAll(async () => {
  node = new TestNode();
  await node.start();
  return () => node.dispose();
});

interface Page {
  readonly ids: string[];
  readonly next: string;
}

async function page(max_entries: number, starting_token = ''): Promise<Page> {
  const { entries = [], next_token = '' } = await node.controller.ListVolumes({
    max_entries,
    starting_token,
  });
  return { ids: entries.map((entry) => entry.volume?.volume_id ?? ''), next: next_token };
}

/** The ids of all pages, with an action between them. */
async function allPages(
  size: number,
  between: (page: Page) => Promise<unknown> = async () => {},
): Promise<string[]> {
  const seen: string[] = [];
  for (let current = await page(size); ; current = await page(size, current.next)) {
    expect(current.ids.length).toBeLessThanOrEqual(size);
    seen.push(...current.ids);
    await between(current);
    if (current.next === '') return seen;
  }
}

function create(prefix: string, count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => node.create(`${prefix} ${index}`)));
}

/** The ids of a test's own volumes, of which there are more on the node. */
function only(ids: string[], own: string[]): string[] {
  return ids.filter((id) => own.includes(id));
}

test('every volume is on exactly one page, whatever the size of pages', async () => {
  const own = await create('whole', 10);
  for (const size of [1, 3, 9, 10, 1000]) expect(only(await allPages(size), own)).toEqual(own.sort());
  expect(only((await page(0)).ids, own)).toEqual(own.sort());
});

test('a volume is listed as it was created', async () => {
  const [volume_id = ''] = await create('told', 1);
  const { volume } = await node.controller.ControllerGetVolume({ volume_id });
  const { entries = [] } = await node.controller.ListVolumes({});
  expect(entries.find((entry) => entry.volume?.volume_id === volume_id)?.volume).toEqual(volume);
});

test('a token stays valid when the last volume of its page is deleted', async () => {
  const own = await create('ends', 8);
  const deleted: string[] = [];
  const seen = await allPages(2, async ({ ids }) => {
    const volume_id = ids.at(-1) ?? '';
    if (!own.includes(volume_id)) return;
    deleted.push(volume_id);
    await node.controller.DeleteVolume({ volume_id });
  });
  expect(deleted.length).toBeGreaterThan(0);
  expect(only(seen, own)).toEqual(own.sort());
});

test('existing volumes are listed exactly once while others come and go between pages', async () => {
  const stays = await create('stays', 12);
  const goes = await create('goes', 12);
  let comes = 0;
  const seen = await allPages(3, async () => {
    const volume_id = goes.pop();
    if (volume_id !== undefined) await node.controller.DeleteVolume({ volume_id });
    // Names that sort before, among and after the others.
    if (comes < 12)
      await Promise.all(['a', 's', 'z'].map((letter) => node.create(`${letter} comes ${comes++}`)));
  });
  expect(only(seen, stays)).toEqual(stays.sort());
  expect(new Set(seen).size).toBe(seen.length);
});

test('a token is still valid after a restart, and when all later volumes are deleted', async () => {
  const own = await create('zz restart', 4);
  const { ids } = await page(0);
  const { next } = await page(ids.indexOf(own.sort()[1] ?? '') + 1);
  await node.restart();
  expect(only((await page(0, next)).ids, own)).toEqual(own.sort().slice(2));
  for (const volume_id of (await page(0, next)).ids) await node.controller.DeleteVolume({ volume_id });
  expect(await page(0, next)).toEqual({ ids: [], next: '' });
});
