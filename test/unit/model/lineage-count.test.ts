import { expect, test } from 'vitest';
import { LineageCount } from '../../../src/model/objects/lineage-count.ts';

test('what comes and goes is counted for its own lineage', () => {
  const counts = new LineageCount();
  for (const change of [1, 1, -1] as const) counts.add('a', change);
  counts.add('b', 1);
  expect([counts.of('a'), counts.of('b'), counts.of('c')]).toEqual([1, 1, 0]);
  counts.add('a', -1);
  expect([counts.of('a'), counts.of('b')]).toEqual([0, 1]);
});
