import { expect, test } from 'vitest';
import { exclusiveBytes } from '../../../src/model/space/lineage.ts';
import { exampleSnapshot } from './example-snapshot.ts';
import { exampleVolume, fakeNode } from './fakes/model.ts';

const volume = exampleVolume({ id: 'v', sharing: { lineage: 'first', sharedBytes: 30n } });

/** A model that knows the volume, and relatives of it. */
function modelWith(relative: 'none' | 'volume' | 'snapshot' | 'stranger') {
  const { model } = fakeNode();
  model.volumes.add(volume);
  const sharing = { lineage: relative === 'volume' ? 'first' : 'other', sharedBytes: 0n };
  if (relative === 'volume' || relative === 'stranger') {
    model.volumes.add(exampleVolume({ id: 'w', name: 'w', sharing }));
  }
  if (relative === 'snapshot') model.snapshots.add(exampleSnapshot({ lineage: 'first' }));
  return model;
}

test.each([
  ['what the file system says, where it tells', 'volume', 7n, 7n],
  ['all of it, where it has no relatives any more', 'none', undefined, 100n],
  ['all of it, where others have another lineage', 'stranger', undefined, 100n],
  ['what it may not share with another volume', 'volume', undefined, 70n],
  ['what it may not share with a snapshot', 'snapshot', undefined, 70n],
] as const)('a volume has for itself %s', (_, relative, exclusive, expected) => {
  expect(exclusiveBytes(modelWith(relative), volume, { total: 100n, exclusive })).toBe(expected);
});

test('a volume that has become smaller than what it shared has nothing for itself, and never less', () => {
  expect(exclusiveBytes(modelWith('volume'), volume, { total: 20n, exclusive: undefined })).toBe(0n);
});

test('a volume that never shared anything has all of it, whatever relatives it has', () => {
  const unshared = { ...volume, sharing: { lineage: 'first', sharedBytes: 0n } };
  expect(exclusiveBytes(modelWith('volume'), unshared, { total: 100n, exclusive: undefined })).toBe(100n);
});
