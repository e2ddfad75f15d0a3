import { expect, test } from 'vitest';
import { exampleVolume, fakeNode } from './fakes/model.ts';

const { pools } = fakeNode().model;

test('a pool is found by its name, and its id is known', () => {
  expect(pools.find('fast')?.name).toBe('fast');
  expect(pools.find('slow')).toBeUndefined();
  expect(pools.withId('bbbbbbbb')?.name).toBe('fast');
  expect(pools.withId('cccccccc')).toBeUndefined();
  expect(pools.default.name).toBe('default');
});

test('a volume in a pool that is not there is unavailable, not gone', () => {
  expect(pools.of(exampleVolume({ pool: 'fast' })).name).toBe('fast');
  expect(() => pools.of(exampleVolume({ pool: 'slow' }))).toThrow(
    expect.objectContaining({ kind: 'unavailable', message: expect.stringContaining('"slow"') }),
  );
});
