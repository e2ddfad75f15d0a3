import { describe, expect, test } from 'vitest';
import {
  type ContentSource,
  defaultMutableParameters,
  type Volume,
  type VolumeContent,
} from '../../../src/model/objects/volume.ts';
import { type ContentRequest, createVolume, type VolumeSpec } from './fakes/calls.ts';
import { type FakeModelSettings, fakeNode, here } from './fakes/model.ts';
import {
  blockCapability,
  blockContent,
  capability,
  contentRequestWith,
  imageContent,
  volumeSpec,
} from './fakes/requests.ts';

const elsewhere = [{ 'topology.hostpath.csi/node': 'node-2' }];
const snapshotS: ContentSource = { kind: 'snapshot', id: 's' };

/** Asks for a volume with the name of one that has these properties. */
async function createAgain(
  existing: Partial<Volume>,
  request: Partial<VolumeSpec>,
  settings: FakeModelSettings = {},
) {
  const { model, addVolume } = fakeNode(settings);
  const volume = await addVolume('a', existing);
  const isExisting = (made: Volume) => made === volume;
  return createVolume(model, volumeSpec(request)).then(isExisting);
}

const refusal = (difference: string) => ({
  kind: 'already-exists',
  about: 'name',
  message: `a volume named "a" already exists, with ${difference}`,
});

describe('an existing volume is returned', () => {
  test.each<[string, Partial<Volume>, Partial<VolumeSpec>]>([
    ['for the same request', {}, {}],
    ['for a range that it fits', {}, { range: { requiredBytes: 1n, limitBytes: 1024n ** 3n } }],
    ['for a range that it just fits', {}, { range: { requiredBytes: 1n, limitBytes: 1024n ** 2n } }],
    ['for no size', {}, { range: { requiredBytes: 0n, limitBytes: 0n } }],
    ['for this node among others', {}, { requisite: [...elsewhere, here] }],
    ['for its pool by name', {}, { pools: ['default'] }],
    ['for the same source', { source: snapshotS }, { source: { ...snapshotS } }],
    [
      'for a single writer, if it was made for one writer',
      {},
      { capabilities: [capability('SINGLE_NODE_SINGLE_WRITER')] },
    ],
  ])('%s', async (_, existing, request) => {
    expect(await createAgain(existing, request)).toBe(true);
  });

  test('anywhere, with topology off', async () => {
    expect(await createAgain({}, { requisite: elsewhere }, { topology: undefined })).toBe(true);
  });
});

describe('a create is refused if the existing volume differs, naming how:', () => {
  test.each<[string, Partial<Volume>, Partial<VolumeSpec>]>([
    ['1048576 bytes', {}, { range: { requiredBytes: 1024n ** 2n + 1n, limitBytes: 0n } }],
    ['1048576 bytes', {}, { range: { requiredBytes: 0n, limitBytes: 1024n } }],
    ['uid 0', {}, { root: { uid: 1, gid: 0, mode: 0o777 } }],
    ['gid 0', {}, { root: { uid: 0, gid: 1, mode: 0o777 } }],
    ['mode 777', {}, { root: { uid: 0, gid: 0, mode: 0o770 } }],
    [`topology ${JSON.stringify(here)}`, {}, { requisite: elsewhere }],
    ['pool "default"', {}, { pools: ['fast'] }],
    ['no content source', {}, { source: snapshotS }],
    ['content source snapshot "s"', { source: snapshotS }, {}],
    ['content source snapshot "t"', { source: { kind: 'snapshot', id: 't' } }, { source: snapshotS }],
    ['content source volume "s"', { source: { kind: 'volume', id: 's' } }, { source: snapshotS }],
    [
      'access mode SINGLE_NODE_SINGLE_WRITER',
      { accessModes: ['SINGLE_NODE_SINGLE_WRITER'] },
      { capabilities: [capability('SINGLE_NODE_MULTI_WRITER')] },
    ],
  ])('%s', async (difference, existing, request) => {
    await expect(createAgain(existing, request)).rejects.toMatchObject(refusal(difference));
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
  'a volume in the class %s of the default pool, and the pool %s requested: %s',
  async (capacityClass, pool, difference) => {
    const again = createAgain(
      { capacityClass },
      { pools: pool === undefined ? [] : [pool] },
      { classes: { gold: 1024n ** 3n } },
    );
    if (difference === undefined) expect(await again).toBe(true);
    else await expect(again).rejects.toMatchObject(refusal(difference));
  },
);

test.each<[VolumeContent, Partial<ContentRequest>, string | undefined]>([
  [{ backend: 'directory' }, {}, undefined],
  [{ backend: 'directory' }, { backend: 'directory' }, undefined],
  [{ backend: 'directory' }, { fsType: 'xfs' }, undefined],
  [{ backend: 'directory' }, { isBlock: true }, 'access type mount'],
  [{ backend: 'directory' }, { backend: 'image' }, 'backend directory'],
  [{ backend: 'directory' }, { enforceCapacity: 'required' }, 'an unenforced capacity'],
  [{ backend: 'subvolume', isLimited: false }, { enforceCapacity: 'required' }, 'an unenforced capacity'],
  [{ backend: 'quota', projectId: 7 }, { enforceCapacity: 'required' }, undefined],
  [
    { backend: 'quota', projectId: 7 },
    { enforceCapacity: 'strict' },
    'backend quota, which cannot enforce a strict capacity',
  ],
  [imageContent(), { enforceCapacity: 'strict' }, undefined],
  [{ backend: 'quota', projectId: 7 }, { backend: 'image' }, 'backend quota'],
  [blockContent, { isBlock: true, backend: 'image', enforceCapacity: 'required' }, undefined],
  [blockContent, {}, 'access type block'],
  [imageContent('xfs'), {}, undefined],
  [imageContent('xfs'), { fsType: 'xfs' }, undefined],
  [imageContent('xfs'), { fsType: 'ext4' }, 'fs_type xfs'],
  [imageContent(), { fsType: 'ext4' }, 'fs_type unset'],
  [imageContent(), { backend: 'directory' }, 'backend image'],
])('an existing %j with the request %j: %s', async (content, wish, difference) => {
  const capabilities = [wish.isBlock ? blockCapability() : capability()];
  const again = createAgain({ content }, { contentRequest: contentRequestWith(wish), capabilities });
  if (difference === undefined) expect(await again).toBe(true);
  else await expect(again).rejects.toMatchObject(refusal(difference));
});

test.each<[VolumeSpec['mutable'], string | undefined]>([
  [{}, undefined],
  [{ onDelete: 'delete' }, undefined],
  [{ inodeLimit: 7n }, undefined],
  [{ onDelete: 'retain' }, 'onDelete delete'],
  [{ inodeLimit: 8n }, 'inodeLimit "7"'],
  [{ inodeLimit: undefined }, 'inodeLimit "7"'],
  [{ opaque: { iops: '100' } }, undefined],
  [{ opaque: { iops: '200' } }, 'iops "100"'],
  [{ opaque: { tier: 'low' } }, 'no tier'],
  [{ opaque: { constructor: 'x' } as never }, 'no constructor'],
])('an existing volume and the mutable parameters %o: %s', async (mutable, difference) => {
  const again = createAgain(
    { mutable: { ...defaultMutableParameters, inodeLimit: 7n, opaque: { iops: '100' } } },
    { mutable },
  );
  if (difference === undefined) expect(await again).toBe(true);
  else await expect(again).rejects.toMatchObject(refusal(difference));
});

test('an existing volume with the default of a parameter is described by that', async () => {
  const again = createAgain({}, { mutable: { inodeLimit: 8n } });
  await expect(again).rejects.toMatchObject(refusal('inodeLimit "default"'));
});
