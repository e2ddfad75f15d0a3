import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { directoryNameOf, newObjectId } from '../../../src/model/objects/object-id.ts';
import { VolumeIndex } from '../../../src/model/objects/volume-index.ts';
import { exampleVolume } from './fakes/model.ts';

describe('an added volume', () => {
  const index = new VolumeIndex();
  const volume = exampleVolume();
  index.add(volume);

  test('is found by id, by name and by directory', () => {
    expect(index.find(volume.id)).toBe(volume);
    expect(index.findByName('a')).toBe(volume);
    expect(index.idOfDirectory(directoryNameOf(volume.id))).toBe(volume.id);
  });

  test.each(['b', '', 'constructor'])('is not found by %j', (text) => {
    expect(index.find(text)).toBeUndefined();
    expect(index.findByName(text)).toBeUndefined();
    expect(index.idOfDirectory(text)).toBeUndefined();
  });
});

test('a removed volume is not found', () => {
  const index = new VolumeIndex();
  const volume = exampleVolume();
  index.add(volume);
  index.remove(volume);
  index.remove(volume);
  expect(index.find(volume.id)).toBeUndefined();
  expect(index.findByName('a')).toBeUndefined();
  expect(index.idOfDirectory(directoryNameOf(volume.id))).toBeUndefined();
  expect(index.listAfter('', 10)).toEqual([]);
});

test('removing a volume keeps a newer one of the same name', () => {
  const index = new VolumeIndex();
  const [older, newer] = [exampleVolume({ id: 'older' }), exampleVolume({ id: 'newer' })];
  index.add(older);
  index.add(newer);
  index.remove(older);
  expect(index.findByName('a')).toBe(newer);
});

test('a changed volume replaces its earlier state', () => {
  const index = new VolumeIndex();
  const volume = exampleVolume();
  index.add(volume);
  const larger = { ...volume, capacityBytes: 2n * volume.capacityBytes };
  index.replace(larger);
  expect(index.find(volume.id)).toBe(larger);
  expect(index.findByName('a')).toBe(larger);
  expect(index.listAfter('', 10)).toEqual([larger]);
});

test('ids are listed in order, including those of damaged volumes', () => {
  const index = new VolumeIndex();
  for (const id of ['d', 'b', 'f']) index.add(exampleVolume({ id, name: id }));
  for (const id of ['e', 'a', 'g']) index.addDamaged({ id, pool: 'default', reason: 'it is empty' });
  expect(index.idsAfter('', 10)).toEqual(['a', 'b', 'd', 'e', 'f', 'g']);
  expect(index.idsAfter('', 2)).toEqual(['a', 'b']);
  expect(index.idsAfter('b', 3)).toEqual(['d', 'e', 'f']);
  expect(index.idsAfter('c', 1)).toEqual(['d']);
  expect(index.idsAfter('g', 1)).toEqual([]);
});

test('a damaged volume is found by a search for damaged ones', () => {
  const index = new VolumeIndex();
  const damaged = { id: 'v', pool: 'default', reason: 'it is empty' };
  index.addDamaged(damaged);
  expect(index.findDamaged('v')).toBe(damaged);
  expect(index.findDamaged('w')).toBeUndefined();
});

test('forgetting a pool removes its volumes, damaged ones too, and no others', () => {
  const index = new VolumeIndex();
  const kept = exampleVolume({ id: 'kept', name: 'kept' });
  const damaged = newObjectId('damaged', 'bbbbbbbb');
  index.add(kept);
  for (const id of ['b', 'c']) index.add(exampleVolume({ id, name: id, pool: 'fast' }));
  index.addDamaged({ id: damaged, pool: 'fast', reason: 'it is empty' });
  index.addDamaged({ id: 'here', pool: 'default', reason: 'it is empty' });
  index.removePool('fast');
  expect(index.all()).toEqual([kept]);
  expect(index.listAfter('', 10)).toEqual([kept]);
  expect(index.findByName('b')).toBeUndefined();
  expect(index.find(damaged)).toBeUndefined();
  expect(index.findByName('damaged')).toBeUndefined();
  expect(() => index.find('here')).toThrow(expect.objectContaining({ kind: 'damaged' }));
});

describe('a damaged volume', () => {
  const id = newObjectId('a', 'aaaaaaaa');
  const index = new VolumeIndex();
  index.addDamaged({ id, pool: 'default', reason: 'volume.json: it is empty' });
  index.addDamaged({ id: 'imported', pool: 'default', reason: 'volume.json is missing' });

  test.each([
    ['its id', () => index.find(id)],
    ['its name', () => index.findByName('a')],
    ['an id of another form', () => index.find('imported')],
  ])('is neither found nor missing: %s', (_, look) => {
    expect(look).toThrow(expect.objectContaining({ kind: 'damaged' }));
  });

  test('reports its damage', () => {
    expect(() => index.find(id)).toThrow(`the record of volume "${id}" is damaged: volume.json: it is empty`);
  });

  test('does not affect others, and is not listed', () => {
    expect(index.find('other')).toBeUndefined();
    expect(index.findByName('b')).toBeUndefined();
    expect(index.listAfter('', 10)).toEqual([]);
  });
});

test('a page has the ids after a position, in order, after any additions and removals', () => {
  const id = fc.string({ maxLength: 3 });
  const change = fc.record({ id, isAdded: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), id, fc.nat({ max: 10 }), (changes, afterId, limit) => {
      const index = new VolumeIndex();
      const ids = new Set<string>();
      for (const { id, isAdded } of changes) {
        const volume = exampleVolume({ id, name: `name of ${id}` });
        if (isAdded && !ids.has(id)) index.add(volume);
        if (!isAdded) index.remove(volume);
        if (isAdded) ids.add(id);
        else ids.delete(id);
      }
      const expected = [...ids]
        .sort()
        .filter((each) => each > afterId)
        .slice(0, limit);
      expect(index.listAfter(afterId, limit).map((volume) => volume.id)).toEqual(expected);
      for (const each of ids) expect(index.findByName(`name of ${each}`)?.id).toBe(each);
    }),
  );
});

test('consecutive pages show every volume once, even if others come and go', () => {
  const index = new VolumeIndex();
  const add = (id: string) => index.add(exampleVolume({ id, name: id }));
  for (const id of ['d', 'b', 'f', 'h']) add(id);
  const first = index.listAfter('', 2).map(({ id }) => id);
  add('a');
  index.remove(exampleVolume({ id: 'd', name: 'd' }));
  const second = index.listAfter(first.at(-1) ?? '', 2).map(({ id }) => id);
  expect([...first, ...second]).toEqual(['b', 'd', 'f', 'h']);
});
