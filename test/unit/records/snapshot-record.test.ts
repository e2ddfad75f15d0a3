import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SnapshotContent } from '../../../src/model/objects/snapshot.ts';
import { fileSystemTypes } from '../../../src/model/requests/file-system-options.ts';
import {
  decodeGroupRecord,
  decodeSnapshotRecord,
  encodeGroupRecord,
  encodeSnapshotRecord,
} from '../../../src/records/snapshot-record.ts';
import { editedRecord } from '../../support/edited-record.ts';
import { exampleGroup, exampleSnapshot } from '../model/example-snapshot.ts';

const text = fc.string({ unit: 'binary', minLength: 1 });
const bytes = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
/** Whole sectors, as all images have. */
const sizes = fc.bigInt({ min: 0n, max: 2n ** 54n - 1n }).map((sectors) => sectors * 512n);
const ownerId = fc.nat({ max: 0xffff_fffe });
const createdAt = fc
  .date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString());
const content: fc.Arbitrary<SnapshotContent> = fc.oneof(
  fc.constant({ backend: 'directory' as const }),
  fc.constant({ backend: 'subvolume' as const }),
  fc.constant({ backend: 'image' as const, use: { accessType: 'block' as const } }),
  fc
    .option(fc.constantFrom(...fileSystemTypes), { nil: undefined })
    .map((fsType) => ({ backend: 'image' as const, use: { accessType: 'mount' as const, fsType } })),
);
const snapshot = fc.record({
  id: text,
  name: fc.option(text, { nil: undefined }),
  pool: text,
  groupId: fc.option(text, { nil: undefined }),
  sourceVolumeId: text,
  content,
  sizeBytes: sizes,
  occupiedBytes: fc.option(bytes, { nil: undefined }),
  root: fc.record({ uid: ownerId, gid: ownerId, mode: fc.nat({ max: 0o7777 }) }),
  lineage: text,
  origin: fc.option(
    fc.record({
      kind: fc.constantFrom('volume' as const, 'snapshot' as const),
      id: text,
      digest: fc.option(text, { nil: undefined }),
    }),
    { nil: undefined },
  ),
  createdAt,
});
const group = fc.record({
  id: text,
  name: text,
  pool: text,
  snapshots: fc.array(snapshot, { maxLength: 4 }),
  createdAt,
});

test('the image of a snapshot has whole sectors, even if an older driver recorded another size', () => {
  const image: SnapshotContent = { backend: 'image', use: { accessType: 'block' } };
  const read = (content: SnapshotContent) =>
    decodeSnapshotRecord(encodeSnapshotRecord(exampleSnapshot({ content, sizeBytes: 1_000_001n }))).sizeBytes;
  expect(read(image)).toBe(1_000_448n);
  expect(read({ backend: 'directory' })).toBe(1_000_001n);
});

describe('a written record is read back', () => {
  test('for any snapshot', () => {
    fc.assert(
      fc.property(snapshot, (each) => {
        expect(decodeSnapshotRecord(encodeSnapshotRecord(each))).toEqual(each);
      }),
    );
  });

  test('for any group', () => {
    fc.assert(
      fc.property(group, (each) => {
        expect(decodeGroupRecord(encodeGroupRecord(each))).toEqual(each);
      }),
    );
  });
});

test('a record is readable text, and ends with a newline', () => {
  expect(encodeSnapshotRecord(exampleSnapshot({ id: 's-1', occupiedBytes: 2n ** 63n - 1n }))).toBe(`{
  "checksum": "52ab560d",
  "formatVersion": 1,
  "id": "s-1",
  "name": "s",
  "pool": "default",
  "sourceVolumeId": "v",
  "content": {
    "backend": "directory"
  },
  "lineage": "v",
  "createdAt": "2024-05-06T07:08:09.010Z",
  "sizeBytes": "1048576",
  "occupiedBytes": "9223372036854775807",
  "root": {
    "uid": 0,
    "gid": 0,
    "mode": "0777"
  }
}
`);
});

test('the format is stored once in a group, not in each of its snapshots', () => {
  expect(JSON.parse(encodeGroupRecord(exampleGroup(['v', 'w'])))).toEqual({
    formatVersion: 1,
    id: exampleGroup([]).id,
    name: 'g',
    pool: 'default',
    createdAt: '2024-05-06T07:08:09.010Z',
    snapshots: ['v', 'w'].map((source) =>
      expect.objectContaining({ sourceVolumeId: source, sizeBytes: '1048576' }),
    ),
    checksum: expect.any(String),
  });
  expect(encodeGroupRecord(exampleGroup(['v', 'w'])).match(/formatVersion/g)).toHaveLength(1);
});

test('an additional field of a newer driver with the same format is left out', () => {
  const text = editedRecord(encodeSnapshotRecord(exampleSnapshot()), (record) =>
    record.replace('{', '{ "colour": "blue",'),
  );
  expect(decodeSnapshotRecord(text)).toEqual(exampleSnapshot());
});

describe('an unreadable record reports why', () => {
  const whole = encodeSnapshotRecord(exampleSnapshot());
  const written = JSON.parse(whole) as object;
  const writtenGroup = JSON.parse(encodeGroupRecord(exampleGroup(['v']))) as { snapshots: object[] };

  test.each([
    ['nothing', '', 'it is empty'],
    ['its first half', whole.slice(0, whole.length / 2), 'it is not JSON'],
    ['zeros, as a crash may leave', '\0'.repeat(64), 'it is not JSON'],
    ['a newer format', '{"formatVersion":3}', 'its format version 3 is too new; this driver reads up to 2'],
    ['a list', '[]', 'record: '],
  ])('of a snapshot and of a group: %s', (_, record, why) => {
    expect(() => decodeSnapshotRecord(record)).toThrow(why);
    expect(() => decodeGroupRecord(record)).toThrow(why);
  });

  test.each([
    ['formatVersion', { formatVersion: 0 }],
    ['id', { id: '' }],
    ['name', { name: '' }],
    ['pool', { pool: 7 }],
    ['groupId', { groupId: '' }],
    ['sourceVolumeId', { sourceVolumeId: undefined }],
    ['content.backend', { content: { backend: 'quota', projectId: 7 } }],
    ['content.use', { content: { backend: 'image' } }],
    ['content.use.fsType', { content: { backend: 'image', use: { accessType: 'mount', fsType: 'ntfs' } } }],
    ['sizeBytes', { sizeBytes: 5 }],
    ['sizeBytes', { sizeBytes: '-5' }],
    ['occupiedBytes', { occupiedBytes: 'all' }],
    ['root.mode', { root: { uid: 0, gid: 0, mode: '0888' } }],
    ['lineage', { lineage: '' }],
    ['createdAt', { createdAt: 'yesterday' }],
  ])('%s: %j', (field, changes) => {
    expect(() => decodeSnapshotRecord(JSON.stringify({ ...written, ...changes }))).toThrow(`${field}: `);
  });

  test.each([
    ['id', { id: undefined }],
    ['name', { name: undefined }],
    ['snapshots', { snapshots: undefined }],
    ['snapshots.0.lineage', { snapshots: [{ ...writtenGroup.snapshots[0], lineage: 7 }] }],
    ['createdAt', { createdAt: 5 }],
  ])('of a group, %s: %j', (field, changes) => {
    expect(() => decodeGroupRecord(JSON.stringify({ ...writtenGroup, ...changes }))).toThrow(`${field}: `);
  });
});
