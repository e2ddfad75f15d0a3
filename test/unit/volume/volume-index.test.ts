import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { directoryNameOf, newVolumeId } from '../../../src/volume/volume-id.ts';
import { VolumeIndex } from '../../../src/volume/volume-index.ts';
import { exampleVolume } from './fakes/model.ts';

describe('a volume that was added', () => {
  const index = new VolumeIndex();
  const volume = exampleVolume();
  index.add(volume, 'directory-a');

  test('is found by id, by name and by directory', () => {
    expect(index.find(volume.id)).toBe(volume);
    expect(index.findByName('a')).toBe(volume);
    expect(index.idOfDirectory('directory-a')).toBe(volume.id);
  });

  test.each(['b', '', 'constructor'])('is not found under %j', (text) => {
    expect(index.find(text)).toBeUndefined();
    expect(index.findByName(text)).toBeUndefined();
    expect(index.idOfDirectory(text)).toBeUndefined();
  });
});

test('a volume that was removed is found nowhere', () => {
  const index = new VolumeIndex();
  const volume = exampleVolume();
  index.add(volume, 'directory-a');
  index.remove(volume, 'directory-a');
  index.remove(volume, 'directory-a');
  expect(index.find(volume.id)).toBeUndefined();
  expect(index.findByName('a')).toBeUndefined();
  expect(index.idOfDirectory('directory-a')).toBeUndefined();
  expect(index.listAfter('', 10)).toEqual([]);
});

test('removing a volume leaves a newer one of the same name', () => {
  const index = new VolumeIndex();
  const [older, newer] = [exampleVolume({ id: 'older' }), exampleVolume({ id: 'newer' })];
  index.add(older, 'older');
  index.add(newer, 'newer');
  index.remove(older, 'older');
  expect(index.findByName('a')).toBe(newer);
});

describe('a damaged volume', () => {
  const id = newVolumeId('a', 'aaaaaaaa');
  const index = new VolumeIndex();
  index.addDamaged({ id, reason: 'volume.json: it is empty' });
  index.addDamaged({ id: 'imported', reason: 'volume.json is missing' });

  test.each([
    ['its id', () => index.find(id)],
    ['its name', () => index.findByName('a')],
    ['an id that is not of our form', () => index.find('imported')],
  ])('is neither there nor gone: %s', (_, look) => {
    expect(look).toThrow(expect.objectContaining({ kind: 'damaged' }));
  });

  test('says what is wrong with it', () => {
    expect(() => index.find(id)).toThrow(
      `volume "${id}" cannot be used, because its record is damaged: volume.json: it is empty`,
    );
  });

  test('does not stand in the way of others, and is not listed', () => {
    expect(index.find('other')).toBeUndefined();
    expect(index.findByName('b')).toBeUndefined();
    expect(index.listAfter('', 10)).toEqual([]);
  });
});

test('a page holds the ids after a place, in order, whatever was added and removed', () => {
  const id = fc.string({ maxLength: 3 });
  const change = fc.record({ id, isAdded: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), id, fc.nat({ max: 10 }), (changes, afterId, limit) => {
      const index = new VolumeIndex();
      const ids = new Set<string>();
      for (const { id, isAdded } of changes) {
        const volume = exampleVolume({ id, name: `name of ${id}` });
        if (isAdded && !ids.has(id)) index.add(volume, directoryNameOf(id));
        if (!isAdded) index.remove(volume, directoryNameOf(id));
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

test('pages one after the other show every volume once, though others come and go', () => {
  const index = new VolumeIndex();
  const add = (id: string) => index.add(exampleVolume({ id, name: id }), id);
  for (const id of ['d', 'b', 'f', 'h']) add(id);
  const first = index.listAfter('', 2).map(({ id }) => id);
  add('a');
  index.remove(exampleVolume({ id: 'd', name: 'd' }), 'd');
  const second = index.listAfter(first.at(-1) ?? '', 2).map(({ id }) => id);
  expect([...first, ...second]).toEqual(['b', 'd', 'f', 'h']);
});
