import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeVolumeRecord, encodeVolumeRecord } from '../../../src/records/volume-record.ts';
import { accessModes } from '../../../src/volume/access-mode.ts';
import { exampleVolume } from '../volume/fakes/model.ts';

const written = JSON.parse(encodeVolumeRecord(exampleVolume())) as Record<string, unknown>;
const recordWith = (changes: object) => JSON.stringify({ ...written, ...changes });

test('a record is text that people can read, and ends with a line end', () => {
  expect(encodeVolumeRecord(exampleVolume({ id: 'v', capacityBytes: 2n ** 63n - 1n }))).toBe(`{
  "formatVersion": 1,
  "id": "v",
  "name": "a",
  "pool": "default",
  "backend": "directory",
  "accessModes": [
    "SINGLE_NODE_WRITER"
  ],
  "createdAt": "2024-05-06T07:08:09.010Z",
  "capacityBytes": "9223372036854775807",
  "root": {
    "uid": 0,
    "gid": 0,
    "mode": "0777"
  }
}
`);
});

test('what is written is read back, whatever the volume', () => {
  const id = fc.nat({ max: 0xffff_fffe });
  const volume = fc.record({
    id: fc.string({ unit: 'binary', minLength: 1 }),
    name: fc.string({ unit: 'binary', minLength: 1 }),
    pool: fc.string({ minLength: 1 }),
    backend: fc.constant('directory' as const),
    capacityBytes: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    root: fc.record({ uid: id, gid: id, mode: fc.nat({ max: 0o7777 }) }),
    accessModes: fc.subarray([...accessModes]),
    createdAt: fc
      .date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true })
      .map((date) => date.toISOString()),
  });
  fc.assert(
    fc.property(volume, (each) => {
      expect(decodeVolumeRecord(encodeVolumeRecord(each))).toEqual(each);
    }),
  );
});

test('a field that a newer driver of the same format may add is left out', () => {
  expect(decodeVolumeRecord(recordWith({ colour: 'blue' }))).toEqual(exampleVolume());
});

describe('a record that cannot be understood says why', () => {
  const whole = encodeVolumeRecord(exampleVolume());

  test.each([
    ['nothing', '', 'it is empty'],
    ['its first half', whole.slice(0, whole.length / 2), 'it is not JSON'],
    ['zeros, as a crash may leave', '\0'.repeat(64), 'it is not JSON'],
    ['a newer format', recordWith({ formatVersion: 2 }), 'its format version 2 is newer than 1'],
    ['a list', '[]', 'record: '],
    ['a number', '7', 'record: '],
    ['null', 'null', 'record: '],
    ['no format version', recordWith({ formatVersion: undefined }), 'formatVersion: '],
    ['an older format than there ever was', recordWith({ formatVersion: 0 }), 'formatVersion: '],
    ['a format version that is text', recordWith({ formatVersion: '2' }), 'formatVersion: '],
  ])('%s', (_, text, why) => {
    expect(() => decodeVolumeRecord(text)).toThrow(why);
  });

  test.each([
    ['id', { id: '' }],
    ['name', { name: 7 }],
    ['pool', { pool: undefined }],
    ['backend', { backend: 'tape' }],
    ['capacityBytes', { capacityBytes: 5 }],
    ['capacityBytes', { capacityBytes: '-5' }],
    ['capacityBytes', { capacityBytes: '12345678901234567890' }],
    ['root', { root: null }],
    ['root.uid', { root: { uid: -1, gid: 0, mode: '0777' } }],
    ['root.gid', { root: { uid: 0, gid: 1.5, mode: '0777' } }],
    ['root.mode', { root: { uid: 0, gid: 0, mode: '0888' } }],
    ['root.mode', { root: { uid: 0, gid: 0, mode: 511 } }],
    ['accessModes.0', { accessModes: ['UNKNOWN'] }],
    ['createdAt', { createdAt: 'yesterday' }],
  ])('%s: %j', (field, changes) => {
    expect(() => decodeVolumeRecord(recordWith(changes))).toThrow(new RegExp(`^${field}: `));
  });
});
