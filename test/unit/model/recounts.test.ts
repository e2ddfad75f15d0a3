import { describe, expect, test } from 'vitest';
import { volumeHealth } from '../../../src/model/health/volume-health.ts';
import type { Volume } from '../../../src/model/objects/volume.ts';
import type { Recount } from '../../../src/model/ports/ports.ts';
import { Recounts, type UsePool } from '../../../src/model/state/recounts.ts';
import { fakeNode } from './fakes/model.ts';

const HOUR_MS = 60 * 60 * 1000;
const clean: Recount = { takenBack: new Map(), failures: 0, unaccounted: 0 };

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
    () => model,
    usePool,
    () => clock.nowMs,
  );
  const { recounted, recounts: answers } = pool.backends.quota;
  const look = async (index: number, isNearlyFull = false) => {
    const volume = volumes[index];
    if (!volume) throw new Error('there is no such volume');
    const before = recounts.look(volume, isNearlyFull);
    await recounts.idle();
    return before.map(({ reason }) => reason);
  };
  const id = (index: number) => volumes[index]?.id ?? '';
  return { ...node, volumes, clock, recounts, recounted, answers, look, id };
}

test('a volume is looked at when its health is, and then for an hour no more', async () => {
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

test('one that is nearly full is looked at after a minute', async () => {
  const { look, recounted, clock } = await nodeWith('a');
  await look(0, true);
  clock.nowMs = 60_000;
  await look(0, true);
  expect(recounted).toHaveLength(1);
  clock.nowMs = 60_001;
  await look(0, true);
  expect(recounted).toHaveLength(2);
});

test('a volume of another kind is not', async () => {
  const node = await nodeWith();
  const plain = await node.addVolume('plain');
  expect(node.recounts.look(plain, true)).toEqual([]);
  await node.recounts.idle();
  expect(node.recounted).toEqual([]);
});

describe('files that counted for another volume', () => {
  async function stolen() {
    const node = await nodeWith('victim', 'thief', 'other');
    const { answers, id } = node;
    let isStolen = true;
    answers.set(id(0), () => ({ ...clean, unaccounted: isStolen ? 3 : 0 }));
    answers.set(id(1), ({ isOthers }) => {
      expect([isOthers(101), isOthers(102), isOthers(7)]).toEqual([true, false, false]);
      const takenBack = new Map(isStolen ? [[101, 3]] : []);
      isStolen = false;
      return { ...clean, takenBack };
    });
    return node;
  }

  test('are found by the one that has more than its own, in all others, and told of both until the next look', async () => {
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

  test('are told by the calls about health', async () => {
    const { model, pool, volumes, id } = await nodeWith('victim', 'thief');
    pool.backends.quota.recounts.set(id(1), () => ({
      takenBack: new Map([
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
      expect.stringContaining('2 files of other volumes counted for volume'),
    ]);
  });

  test('are looked for in the whole pool in a tenth of the time', async () => {
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

test('when a volume is gone for which files count, all are looked at', async () => {
  const { recounts, recounted, id } = await nodeWith('a', 'b');
  recounts.lookThrough('default');
  await recounts.idle();
  expect(recounted).toEqual([id(0), id(1)]);
  recounts.lookThrough('default');
  await recounts.idle();
  expect(recounted).toHaveLength(2);
});

test('what fails is tried again by the next look', async () => {
  const { look, recounted, answers, id } = await nodeWith('a');
  answers.set(id(0), () => {
    throw new Error('EIO');
  });
  expect(await look(0)).toEqual([]);
  expect(await look(0)).toEqual([]);
  expect(recounted).toEqual([id(0), id(0)]);
});
