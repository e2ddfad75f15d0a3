import { describe, expect, test } from 'vitest';
import type { ContentSource, VolumeContent } from '../../../src/model/objects/volume.ts';
import type { ContentWish } from '../../../src/model/volumes/choose-content.ts';
import type { VolumeSpec } from '../../../src/model/volumes/create-volume.ts';
import {
  contentDifference,
  differenceOf,
  placeDifference,
} from '../../../src/model/volumes/volume-difference.ts';
import { exampleVolume, fakeNode, here } from './fakes/model.ts';
import { blockContent, contentWish, imageContent, volumeSpec } from './fakes/requests.ts';

const { model } = fakeNode({ classes: { gold: 1024n ** 3n } });
const elsewhere = [{ 'topology.hostpath.csi/node': 'node-2' }];
const snapshotS: ContentSource = { kind: 'snapshot', id: 's' };

describe('a volume is what a create asks for', () => {
  test.each<[string, Partial<VolumeSpec>]>([
    ['just that', {}],
    ['a range it fits', { range: { requiredBytes: 1n, limitBytes: 1024n ** 2n } }],
    ['this place among others', { requisite: [...elsewhere, here] }],
    ['its pool by name', { pool: 'default' }],
  ])('%s', (_, changes) => {
    expect(differenceOf(model, exampleVolume(), volumeSpec(changes))).toBeUndefined();
  });

  test('made from the same source', () => {
    const volume = exampleVolume({ source: snapshotS });
    expect(differenceOf(model, volume, volumeSpec({ source: { ...snapshotS } }))).toBeUndefined();
  });

  test('anywhere, with topology off', () => {
    const { model: anywhere } = fakeNode({ topology: undefined });
    expect(differenceOf(anywhere, exampleVolume(), volumeSpec({ requisite: elsewhere }))).toBeUndefined();
  });
});

describe('a volume is told by what it is where a create asks for something else', () => {
  test.each<[string, Partial<VolumeSpec>]>([
    ['1048576 bytes', { range: { requiredBytes: 2n ** 21n, limitBytes: 0n } }],
    ['1048576 bytes', { range: { requiredBytes: 0n, limitBytes: 1024n } }],
    ['uid 0', { root: { uid: 1, gid: 0, mode: 0o777 } }],
    ['gid 0', { root: { uid: 0, gid: 1, mode: 0o777 } }],
    ['mode 777', { root: { uid: 0, gid: 0, mode: 0o770 } }],
    [`topology ${JSON.stringify(here)}`, { requisite: elsewhere }],
    ['pool "default"', { pool: 'fast' }],
    ['backend directory', { wish: contentWish({ backend: 'image' }) }],
    ['no content source', { source: snapshotS }],
  ])('%s', (difference, changes) => {
    expect(differenceOf(model, exampleVolume(), volumeSpec(changes))).toBe(difference);
  });

  test.each<[string, ContentSource | undefined, ContentSource]>([
    ['content of snapshot "s"', undefined, snapshotS],
    ['content of snapshot "t"', snapshotS, { kind: 'snapshot', id: 't' }],
    ['content of volume "s"', snapshotS, { kind: 'volume', id: 's' }],
  ])('%s', (difference, source, existing) => {
    expect(differenceOf(model, exampleVolume({ source: existing }), volumeSpec({ source }))).toBe(difference);
  });
});

test.each([
  [undefined, undefined, undefined],
  [undefined, 'default', undefined],
  [undefined, 'fast', 'pool "default"'],
  [undefined, 'gold', 'pool "default"'],
  [undefined, 'never', 'pool "default"'],
  ['gold', undefined, undefined],
  ['gold', 'gold', undefined],
  ['gold', 'default', 'pool "gold"'],
])(
  'a volume in the class %s of the default pool, and the pool %s asked for: %s',
  (capacityClass, asked, told) => {
    expect(placeDifference(model, exampleVolume({ capacityClass }), asked)).toBe(told);
  },
);

test.each<[VolumeContent, Partial<ContentWish>, string | undefined]>([
  [{ backend: 'directory' }, {}, undefined],
  [{ backend: 'directory' }, { backend: 'directory' }, undefined],
  [{ backend: 'directory' }, { fsType: 'xfs' }, undefined],
  [{ backend: 'directory' }, { isBlock: true }, 'access type mount'],
  [{ backend: 'directory' }, { enforceCapacity: 'required' }, 'a capacity that is not enforced'],
  [
    { backend: 'subvolume', isLimited: false },
    { enforceCapacity: 'required' },
    'a capacity that is not enforced',
  ],
  [{ backend: 'quota', projectId: 7 }, { enforceCapacity: 'required' }, undefined],
  [
    { backend: 'quota', projectId: 7 },
    { enforceCapacity: 'strict' },
    'backend quota, which its user can overfill',
  ],
  [imageContent(), { enforceCapacity: 'strict' }, undefined],
  [{ backend: 'quota', projectId: 7 }, { backend: 'image' }, 'backend quota'],
  [blockContent, { isBlock: true, backend: 'image', enforceCapacity: 'required' }, undefined],
  [blockContent, {}, 'access type block'],
  [imageContent('xfs'), {}, undefined],
  [imageContent('xfs'), { fsType: 'xfs' }, undefined],
  [imageContent('xfs'), { fsType: 'ext4' }, 'fs_type xfs'],
  [imageContent(), { fsType: 'ext4' }, 'fs_type left open'],
  [imageContent(), { backend: 'directory' }, 'backend image'],
])('%j where %j is wished: %s', (content, wish, told) => {
  expect(contentDifference(content, contentWish(wish))).toBe(told);
});
