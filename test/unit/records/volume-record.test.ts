import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  defaultMutableParameters,
  deletePolicies,
  type MutableParameters,
  type VolumeContent,
} from '../../../src/model/objects/volume.ts';
import { accessModes } from '../../../src/model/requests/capability.ts';
import { fileSystemTypes } from '../../../src/model/requests/file-system-options.ts';
import { decodeVolumeRecord, encodeVolumeRecord } from '../../../src/records/volume-record.ts';
import { editedRecord } from '../../support/edited-record.ts';
import { exampleVolume } from '../model/fakes/model.ts';
import { blockContent, encryptedContent, imageContent } from '../model/fakes/requests.ts';

const { checksum: _, ...written } = JSON.parse(encodeVolumeRecord(exampleVolume())) as Record<
  string,
  unknown
>;
const recordWith = (changes: object) => JSON.stringify({ ...written, ...changes });

test('a record is readable text, and ends with a newline', () => {
  expect(encodeVolumeRecord(exampleVolume({ id: 'v', capacityBytes: 2n ** 63n - 1n }))).toBe(`{
  "checksum": "a7ae73c4",
  "formatVersion": 4,
  "id": "v",
  "name": "a",
  "pool": "default",
  "content": {
    "backend": "directory"
  },
  "accessModes": [
    "SINGLE_NODE_WRITER"
  ],
  "createdAt": "2024-05-06T07:08:09.010Z",
  "capacityBytes": "9223372036854775807",
  "sharing": {
    "lineage": "v",
    "sharedBytes": "0"
  },
  "root": {
    "uid": 0,
    "gid": 0,
    "mode": "0777"
  },
  "mutable": {
    "onDelete": "delete"
  }
}
`);
});

test.each([blockContent, imageContent()])(
  'an image (%j) has whole sectors, even if an older driver recorded another size',
  (content) => {
    const record = encodeVolumeRecord(exampleVolume({ content, capacityBytes: 1_000_001n }));
    expect(decodeVolumeRecord(record).capacityBytes).toBe(1_000_448n);
  },
);

const fsType = fc.option(fc.constantFrom(...fileSystemTypes), { nil: undefined });
const anyContent: fc.Arbitrary<VolumeContent> = fc.oneof(
  fc.constant({ backend: 'directory' as const }),
  fc.record({ backend: fc.constant('quota' as const), projectId: fc.integer({ min: 1, max: 0xffff_ffff }) }),
  fc.record({ backend: fc.constant('subvolume' as const), isLimited: fc.boolean() }),
  fc.constant(blockContent),
  fsType.map(imageContent),
  fc.constant(encryptedContent),
  fc.constantFrom({ compression: 'zstd' as const }, { noDataCow: true as const }).map((attributes) => ({
    backend: 'subvolume' as const,
    isLimited: true,
    attributes,
  })),
  fc.constant({
    backend: 'image' as const,
    use: { accessType: 'block' as const, encryption: { format: 'luks2' as const, discards: true as const } },
  }),
);

test('a written record is read back, for any volume', () => {
  const id = fc.nat({ max: 0xffff_fffe });
  // JSON and zod drop a key called __proto__, which no operator accepts as a parameter.
  const parameterName = fc.string({ minLength: 1 }).filter((name) => name !== '__proto__');
  const time = fc
    .date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true })
    .map((date) => date.toISOString());
  const volume = fc.record({
    id: fc.string({ unit: 'binary', minLength: 1 }),
    name: fc.option(fc.string({ unit: 'binary', minLength: 1 }), { nil: undefined }),
    pool: fc.string({ minLength: 1 }),
    capacityClass: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
    content: anyContent,
    // Whole sectors, as all images have.
    capacityBytes: fc.bigInt({ min: 0n, max: 2n ** 54n - 1n }).map((sectors) => sectors * 512n),
    source: fc.option(
      fc.record({
        kind: fc.constantFrom('snapshot' as const, 'volume' as const),
        id: fc.string({ minLength: 1 }),
      }),
      { nil: undefined },
    ),
    sharing: fc.record({
      lineage: fc.string({ minLength: 1 }),
      sharedBytes: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    }),
    root: fc.record({ uid: id, gid: id, mode: fc.nat({ max: 0o7777 }) }),
    accessModes: fc.subarray([...accessModes]),
    mutable: fc.record({
      onDelete: fc.constantFrom(...deletePolicies),
      archiveExpirySeconds: fc.option(fc.integer({ min: 1, max: 2 ** 32 }), { nil: undefined }),
      inodeLimit: fc.option(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }), { nil: undefined }),
      opaque: fc.dictionary(parameterName, fc.string(), { noNullPrototype: true }),
    }),
    attachment: fc.option(
      fc.record({
        nodeId: fc.string({ minLength: 1 }),
        accessMode: fc.constantFrom(...accessModes),
        readOnly: fc.boolean(),
      }),
      { nil: undefined },
    ),
    claim: fc.option(
      fc.record({ namespace: fc.string({ minLength: 1 }), name: fc.string({ minLength: 1 }) }),
      { nil: undefined },
    ),
    origin: fc.option(
      fc.record({
        kind: fc.constantFrom('volume' as const, 'snapshot' as const),
        id: fc.string({ minLength: 1 }),
        digest: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
      }),
      { nil: undefined },
    ),
    inline: fc.option(fc.record({ targetPath: fc.string().map((path) => `/${path}`) }), { nil: undefined }),
    nameTemplate: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
    createdAt: time,
    deletion: fc.option(fc.record({ at: time, expiresAt: fc.option(time, { nil: undefined }) }), {
      nil: undefined,
    }),
  });
  fc.assert(
    fc.property(volume, (each) => {
      expect(decodeVolumeRecord(encodeVolumeRecord(each))).toEqual(each);
    }),
  );
});

test.each([
  ['an encrypted volume', { content: encryptedContent }, 6],
  ['one that is archived', { mutable: { ...defaultMutableParameters, onDelete: 'archive' as const } }, 5],
  ['any other', {}, 4],
])('the record of %s has a format that only drivers read which know it', (_, changes, formatVersion) => {
  expect(JSON.parse(encodeVolumeRecord(exampleVolume(changes)))).toMatchObject({ formatVersion });
});

test('a record that was changed on the disk is refused, unless its checksum was removed', () => {
  const whole = encodeVolumeRecord(exampleVolume());
  const changed = whole.replace('"onDelete": "delete"', '"onDelete": "retain"');
  expect(() => decodeVolumeRecord(changed)).toThrow('its content does not match its checksum');
  expect(decodeVolumeRecord(editedRecord(changed, (text) => text)).mutable.onDelete).toBe('retain');
});

test('a record keeps its checksum with keys that JavaScript orders in its own way', () => {
  const opaque = JSON.parse('{"b":"1","10":"2","9":"3","__proto__":"4"}') as Record<string, string>;
  const volume = exampleVolume({ mutable: { ...defaultMutableParameters, opaque } });
  expect(decodeVolumeRecord(encodeVolumeRecord(volume)).id).toBe(volume.id);
});

test('an additional field of a newer driver with the same format is left out', () => {
  expect(decodeVolumeRecord(recordWith({ colour: 'blue' }))).toEqual(exampleVolume());
});

test('an older driver can read each record but that of a volume to be archived, which it must not remove', () => {
  const formatOf = (changes: Partial<MutableParameters>) =>
    JSON.parse(encodeVolumeRecord(exampleVolume({ mutable: { ...defaultMutableParameters, ...changes } })))
      .formatVersion;
  expect(formatOf({ onDelete: 'retain' })).toBe(4);
  expect(formatOf({ onDelete: 'archive' })).toBe(5);
  expect(formatOf({ archiveExpirySeconds: 60 })).toBe(5);
});

test('a record of the first format is read with its original meaning', () => {
  expect(
    decodeVolumeRecord(`{
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
    "uid": 5,
    "gid": 6,
    "mode": "2770"
  }
}
`),
  ).toEqual(
    exampleVolume({
      id: 'v',
      capacityBytes: 2n ** 63n - 1n,
      root: { uid: 5, gid: 6, mode: 0o2770 },
    }),
  );
});

test('a record of the second format is read as a volume that was made empty and never copied', () => {
  expect(
    decodeVolumeRecord(`{
  "formatVersion": 2,
  "id": "v",
  "name": "a",
  "pool": "fast",
  "capacityClass": "gold",
  "content": {
    "backend": "image",
    "use": {
      "accessType": "mount",
      "fsType": "xfs"
    }
  },
  "accessModes": [
    "SINGLE_NODE_WRITER"
  ],
  "createdAt": "2024-05-06T07:08:09.010Z",
  "capacityBytes": "1048576",
  "root": {
    "uid": 0,
    "gid": 0,
    "mode": "0777"
  }
}
`),
  ).toEqual(
    exampleVolume({
      id: 'v',
      pool: 'fast',
      capacityClass: 'gold',
      content: imageContent('xfs'),
      source: undefined,
      sharing: { lineage: 'v', sharedBytes: 0n },
    }),
  );
});

test.each([1, 2, 3])('a record of an older format is written in the newest one: %i', (formatVersion) => {
  const { sharing, mutable: _, content, ...older } = written;
  const record = {
    ...older,
    formatVersion,
    ...(formatVersion === 1 ? { backend: 'directory' } : { content }),
    ...(formatVersion === 3 ? { sharing } : {}),
  };
  const again = encodeVolumeRecord(decodeVolumeRecord(JSON.stringify(record)));
  expect(JSON.parse(again)).toEqual({ ...written, checksum: expect.any(String) });
});

describe('an unreadable record reports why', () => {
  const whole = encodeVolumeRecord(exampleVolume());

  test.each([
    ['nothing', '', 'it is empty'],
    ['its first half', whole.slice(0, whole.length / 2), 'it is not JSON'],
    ['zeros, as a crash may leave', '\0'.repeat(64), 'it is not JSON'],
    [
      'a newer format',
      recordWith({ formatVersion: 7 }),
      'its format version 7 is too new; this driver reads up to 6',
    ],
    ['a list', '[]', 'record: '],
    ['a number', '7', 'record: '],
    ['null', 'null', 'record: '],
    ['no format version', recordWith({ formatVersion: undefined }), 'formatVersion: '],
    ['a format version below the first', recordWith({ formatVersion: 0 }), 'formatVersion: '],
    ['a format version that is text', recordWith({ formatVersion: '2' }), 'formatVersion: '],
  ])('%s', (_, text, why) => {
    expect(() => decodeVolumeRecord(text)).toThrow(why);
  });

  test.each([
    ['id', { id: '' }],
    ['name', { name: 7 }],
    ['pool', { pool: undefined }],
    ['content', { content: undefined }],
    ['content.backend', { content: { backend: 'tape' } }],
    ['content.projectId', { content: { backend: 'quota' } }],
    ['content.projectId', { content: { backend: 'quota', projectId: 0 } }],
    ['content.isLimited', { content: { backend: 'subvolume' } }],
    ['content.use', { content: { backend: 'image' } }],
    ['content.use.accessType', { content: { backend: 'image', use: { accessType: 'tape' } } }],
    ['content.use.fsType', { content: { backend: 'image', use: { accessType: 'mount', fsType: 'ntfs' } } }],
    ['capacityClass', { capacityClass: '' }],
    ['content.backend', { formatVersion: 1, backend: 'tape' }],
    ['content.use', { formatVersion: 1, backend: 'image' }],
    ['id', { formatVersion: 1, id: undefined, backend: 'directory' }],
    ['id', { formatVersion: 2, id: 7 }],
    ['capacityBytes', { capacityBytes: 5 }],
    ['capacityBytes', { capacityBytes: '-5' }],
    ['capacityBytes', { capacityBytes: '12345678901234567890' }],
    ['source.kind', { source: { kind: 'tape', id: 'v' } }],
    ['source.id', { source: { kind: 'volume', id: '' } }],
    ['sharing', { sharing: undefined }],
    ['sharing.lineage', { sharing: { lineage: '', sharedBytes: '0' } }],
    ['sharing.sharedBytes', { sharing: { lineage: 'v', sharedBytes: 0 } }],
    ['mutable', { mutable: undefined }],
    ['mutable.onDelete', { mutable: { onDelete: 'burn' } }],
    ['mutable.opaque.iops', { mutable: { onDelete: 'delete', opaque: { iops: 100 } } }],
    ['mutable.inodeLimit', { mutable: { onDelete: 'delete', inodeLimit: 5 } }],
    ['attachment.nodeId', { attachment: { accessMode: 'SINGLE_NODE_WRITER', readOnly: false } }],
    ['inline.targetPath', { inline: { targetPath: 'relative' } }],
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

test('a record tells of which data the volume was made, with any inode number', () => {
  const adopted = exampleVolume({ adoptedFrom: { path: '/srv/data', inode: 2n ** 64n - 1n } });
  expect(decodeVolumeRecord(encodeVolumeRecord(adopted))).toEqual(adopted);
  expect(() => decodeVolumeRecord(recordWith({ adoptedFrom: { path: 'data', inode: '1' } }))).toThrow(
    'adoptedFrom.path',
  );
});
