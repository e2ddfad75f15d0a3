import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { directoryNameOf } from '../../../src/model/objects/object-id.ts';
import {
  type AnyRecord,
  groupRecords,
  readAnyRecord,
  snapshotRecords,
  volumeRecords,
} from '../../../src/records/record-kinds.ts';
import { exampleGroup, exampleSnapshot } from '../model/example-snapshot.ts';
import { exampleVolume } from '../model/fakes/model.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const volume = exampleVolume();
const snapshot = exampleSnapshot();
const group = exampleGroup(['v', 'w']);

describe('a record of any kind in a directory is read', () => {
  test.each<[string, string, AnyRecord]>([
    ['volume.json', volumeRecords.encode(volume), { kind: 'volume', volume }],
    ['snapshot.json', snapshotRecords.encode(snapshot), { kind: 'snapshot', snapshot }],
    ['group.json', groupRecords.encode(group), { kind: 'group', group }],
  ])('%s', async (name, text, expected) => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, name), text);
    expect(await readAnyRecord(directory)).toEqual(expected);
  });

  test.each([
    ['the directory is gone', (directory: string) => join(directory, 'gone')],
    ['it holds none', (directory: string) => directory],
    [
      'it cannot be understood',
      (directory: string) => {
        for (const name of ['volume.json', 'snapshot.json', 'group.json'])
          writeFileSync(join(directory, name), '{}');
        return directory;
      },
    ],
  ])('there is no record if %s', async (_, prepare) => {
    expect(await readAnyRecord(prepare(temporaryDirectory()))).toBeUndefined();
  });
});

test('only a group has nested directories: one for each of its snapshots', () => {
  expect(volumeRecords.directoriesIn(volume)).toEqual([]);
  expect(snapshotRecords.directoriesIn(snapshot)).toEqual([]);
  expect(groupRecords.directoriesIn(group)).toEqual(group.snapshots.map(({ id }) => directoryNameOf(id)));
});

test('objects in a renamed pool belong to that pool, including the snapshots of a group', () => {
  expect(volumeRecords.inPool(volume, 'new')).toEqual({ ...volume, pool: 'new' });
  expect(snapshotRecords.inPool(snapshot, 'new')).toEqual({ ...snapshot, pool: 'new' });
  const moved = groupRecords.inPool(group, 'new');
  expect([moved.pool, ...moved.snapshots.map(({ pool }) => pool)]).toEqual(['new', 'new', 'new']);
});

test('the record of one kind is not mistaken for another', () => {
  expect(() => snapshotRecords.decode(volumeRecords.encode(volume))).toThrow();
  expect(() => volumeRecords.decode(snapshotRecords.encode(snapshot))).toThrow();
  expect(() => groupRecords.decode(snapshotRecords.encode(snapshot))).toThrow('snapshots: ');
});
