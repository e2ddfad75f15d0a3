import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SnapshotIndex } from '../../../src/model/objects/snapshot-index.ts';
import { exampleGroup, exampleSnapshot } from './example-snapshot.ts';

describe('pages', () => {
  const id = fc.string({ maxLength: 3 });
  const source = fc.constantFrom('v', 'w', 'constructor');
  const change = fc.record({ id, source, isAdded: fc.boolean() });

  test('have the ids after a position, in order, of all and of one source, after any changes', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 60 }),
        source,
        id,
        fc.nat({ max: 10 }),
        (changes, asked, afterId, limit) => {
          const index = new SnapshotIndex();
          const sources = new Map<string, string>();
          for (const { id, source, isAdded } of changes) {
            const sourceVolumeId = sources.get(id) ?? source;
            const snapshot = exampleSnapshot({ id, name: `name of ${id}`, sourceVolumeId });
            if (isAdded && !sources.has(id)) index.add(snapshot);
            if (!isAdded) expect(index.remove(snapshot)).toBe(sources.has(id));
            if (isAdded) sources.set(id, sourceVolumeId);
            else sources.delete(id);
          }
          const page = (ids: string[]) =>
            ids
              .sort()
              .filter((each) => each > afterId)
              .slice(0, limit);
          const all = [...sources.keys()];
          const ofSource = all.filter((each) => sources.get(each) === asked);
          expect(index.listAfter(afterId, limit).map((each) => each.id)).toEqual(page(all));
          expect(index.listOfSourceAfter(asked, afterId, limit).map((each) => each.id)).toEqual(
            page(ofSource),
          );
        },
      ),
    );
  });

  test('of a volume without snapshots, or whose last one is deleted, are empty', () => {
    const index = new SnapshotIndex();
    const snapshot = exampleSnapshot();
    index.add(snapshot);
    index.remove(snapshot);
    expect(index.listOfSourceAfter('v', '', 10)).toEqual([]);
    expect(index.listOfSourceAfter('never', '', 10)).toEqual([]);
  });
});

test('the snapshots of a lineage are counted, for all its volumes', () => {
  const index = new SnapshotIndex();
  const [one, other] = ['v', 'w'].map((sourceVolumeId) =>
    exampleSnapshot({ id: sourceVolumeId, name: sourceVolumeId, sourceVolumeId, lineage: 'v' }),
  );
  if (!one || !other) throw new Error('two were made');
  index.add(one);
  index.add(other);
  expect([index.countOfLineage('v'), index.countOfLineage('w')]).toEqual([2, 0]);
  index.remove(one);
  index.remove(one);
  expect(index.countOfLineage('v')).toBe(1);
});

test('a snapshot in a group cannot be found by name', () => {
  const index = new SnapshotIndex();
  const group = exampleGroup(['v', 'w']);
  for (const snapshot of group.snapshots) index.add(snapshot);
  expect(index.findByName('g')).toBeUndefined();
  expect(index.findByName('undefined')).toBeUndefined();
  expect(index.listAfter('', 10)).toHaveLength(2);
});

test('forgetting a pool removes its snapshots, and leaves others of the same volume', () => {
  const index = new SnapshotIndex();
  const kept = exampleSnapshot({ id: 'kept', name: 'kept' });
  index.add(kept);
  index.add(exampleSnapshot({ id: 'gone', name: 'gone', pool: 'fast' }));
  index.removePool('fast');
  expect(index.listOfSourceAfter('v', '', 10)).toEqual([kept]);
  expect(index.countOfLineage('v')).toBe(1);
});

test('a damaged snapshot is neither found nor missing, and is reported by its kind', () => {
  const index = new SnapshotIndex();
  index.addDamaged({ id: 'imported', pool: 'default', reason: 'snapshot.json is missing' });
  expect(() => index.find('imported')).toThrow(
    expect.objectContaining({
      kind: 'damaged',
      message: 'the record of snapshot "imported" is damaged: snapshot.json is missing',
    }),
  );
});
