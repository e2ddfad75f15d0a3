import { describe, expect, test } from 'vitest';
import type { Volume } from '../../../src/model/objects/volume.ts';
import type { Recount } from '../../../src/model/ports/ports.ts';
import { Recounts, type UsePool } from '../../../src/model/state/recounts.ts';
import { volumeHealth } from './fakes/calls.ts';
import { fakeNode } from './fakes/model.ts';

const HOUR_MS = 60 * 60 * 1000;
const clean: Recount = { reclaimed: new Map(), failures: 0, unaccounted: 0 };

async function nodeWith(...names: string[]) {
  const node = fakeNode({ directories: { backend: 'quota' } });
  const { model, pool } = node;
  const volumes: Volume[] = [];
  for (const [index, name] of names.entries()) {
    const content = { backend: 'quota', projectId: 101 + index } as const;
    volumes.push(await node.addVolume(name, { content }));
  }
  const clock = { nowMs: 0 };
  const usePool: UsePool = (_, work) => work(new AbortController().signal);
  const recounts = new Recounts(
    () => model.catalogue,
    usePool,
    () => clock.nowMs,
  );
  const { recounted, recounts: answers } = pool.backends.quota;
  const look = async (index: number, isNearlyFull = false) => {
    const volume = volumes[index];
    if (!volume) throw new Error('there is no such volume');
    const before = recounts.check(volume, isNearlyFull);
    await recounts.idle();
    return before.map(({ reason }) => reason);
  };
  const id = (index: number) => volumes[index]?.id ?? '';
  return { ...node, volumes, clock, recounts, recounted, answers, look, id };
}

test('a volume is scanned with its health check, and then not again for an hour', async () => {
  const { look, recounted, clock, id } = await nodeWith('a', 'b');
  expect(await look(0)).toEqual([]);
  await look(0);
  clock.nowMs = HOUR_MS;
  await look(0);
  expect(recounted).toEqual([id(0)]);
  clock.nowMs = HOUR_MS + 1;
  await look(0);
  expect(recounted).toEqual([id(0), id(0)]);
});

test('a nearly full volume is scanned again after a minute', async () => {
  const { look, recounted, clock } = await nodeWith('a');
  await look(0, true);
  clock.nowMs = 60_000;
  await look(0, true);
  expect(recounted).toHaveLength(1);
  clock.nowMs = 60_001;
  await look(0, true);
  expect(recounted).toHaveLength(2);
});

test('a volume of another kind is not scanned', async () => {
  const node = await nodeWith();
  const plain = await node.addVolume('plain');
  expect(node.recounts.check(plain, true)).toEqual([]);
  await node.recounts.idle();
  expect(node.recounted).toEqual([]);
});

describe('files that counted for another volume', () => {
  async function stolen() {
    const node = await nodeWith('victim', 'thief', 'other');
    const { answers, id } = node;
    let isStolen = true;
    answers.set(id(0), () => ({ ...clean, unaccounted: isStolen ? 3 : 0 }));
    answers.set(id(1), ({ otherProjects }) => {
      expect(otherProjects).toEqual(new Set([101, 103]));
      const reclaimed = new Map(isStolen ? [[101, 3]] : []);
      isStolen = false;
      return { ...clean, reclaimed };
    });
    return node;
  }

  test('are found by a volume with too many, in all others, and reported for both until the next check', async () => {
    const { look, recounted, clock, id } = await stolen();
    expect(await look(0)).toEqual([]);
    expect(recounted).toEqual([id(0), id(1), id(2)]);
    expect(await look(0)).toEqual(['QuotaMisused']);
    expect(await look(1)).toEqual(['QuotaBypassed']);
    expect(await look(2)).toEqual([]);
    clock.nowMs = 60_001;
    await look(0);
    await look(1);
    expect([await look(0), await look(1)]).toEqual([[], []]);
  });

  test('are reported by the calls about health', async () => {
    const { model, pool, volumes, id } = await nodeWith('victim', 'thief');
    pool.backends.quota.recounts.set(id(1), () => ({
      reclaimed: new Map([
        [101, 2],
        [0, 1],
      ]),
      failures: 4,
      unaccounted: 0,
    }));
    const messages = async (index: number) =>
      (await volumeHealth(model, volumes[index]?.id ?? '')).findings.map(({ message }) => message);
    expect(await messages(1)).toEqual([]);
    await model.recounts.idle();
    expect(await messages(1)).toEqual([
      expect.stringMatching(/^3 files of volume "thief.*; 4 more could not be/),
    ]);
    expect(await messages(0)).toEqual([
      expect.stringContaining('2 files of other volumes were counted for volume'),
    ]);
  });

  test('are searched for in the whole pool in a tenth of the time', async () => {
    const { look, recounted, answers, clock, id } = await nodeWith('victim', 'other');
    const unaccounted = { ...clean, unaccounted: 1 };
    answers.set(id(0), () => unaccounted);
    answers.set(id(1), () => {
      clock.nowMs += 10_000;
      return unaccounted;
    });
    await look(0, true);
    expect(recounted).toEqual([id(0), id(1)]);
    recounted.length = 0;
    clock.nowMs = 90_000;
    await look(0, true);
    expect(recounted).toEqual([id(0)]);
    recounted.length = 0;
    clock.nowMs = 151_000;
    await look(0, true);
    expect(recounted).toEqual([id(0), id(1)]);
  });
});

test('when a deleted volume still has files counted, all volumes are scanned', async () => {
  const { recounts, recounted, id } = await nodeWith('a', 'b');
  recounts.checkPool('default');
  await recounts.idle();
  expect(recounted).toEqual([id(0), id(1)]);
  recounts.checkPool('default');
  await recounts.idle();
  expect(recounted).toHaveLength(2);
});

test('a failing scan is retried by the next check', async () => {
  const { look, recounted, answers, id } = await nodeWith('a');
  answers.set(id(0), () => {
    throw new Error('EIO');
  });
  expect(await look(0)).toEqual([]);
  expect(await look(0)).toEqual([]);
  expect(recounted).toEqual([id(0), id(0)]);
});
