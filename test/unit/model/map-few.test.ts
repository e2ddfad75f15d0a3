import { expect, test } from 'vitest';
import { mapFew } from '../../../src/model/space/map-few.ts';
import { type Deferred, deferred, settled } from './fakes/gate.ts';

test('works on a few items at once, and answers in their order', async () => {
  const begun: number[] = [];
  const gates: Deferred<void>[] = [];
  const mapping = mapFew([0, 1, 2, 3, 4], 2, async (item) => {
    begun.push(item);
    const gate = deferred();
    gates.push(gate);
    await gate.promise;
    return `${item}`;
  });
  await settled();
  expect(begun).toEqual([0, 1]);
  gates[1]?.resolve();
  await settled();
  expect(begun).toEqual([0, 1, 2]);
  for (const index of [0, 2, 3, 4]) {
    gates[index]?.resolve();
    await settled();
  }
  expect(await mapping).toEqual(['0', '1', '2', '3', '4']);
});

test('ends with the first failure, and of nothing with nothing', async () => {
  expect(await mapFew([], 2, async () => 1)).toEqual([]);
  const failure = new Error('no luck');
  await expect(mapFew([1], 2, () => Promise.reject(failure))).rejects.toBe(failure);
});
