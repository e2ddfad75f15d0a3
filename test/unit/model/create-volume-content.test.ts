import { describe, expect, test } from 'vitest';
import type { VolumeContent } from '../../../src/model/objects/volume.ts';
import type { DirectoryAbility } from '../../../src/model/ports/pool.ts';
import type { VolumeCapability } from '../../../src/model/requests/capability.ts';
import { type ContentRequest, createVolume } from './fakes/calls.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';
import {
  blockCapability,
  blockContent,
  capability,
  contentRequestWith,
  imageContent,
  volumeSpec,
} from './fakes/requests.ts';

const plain: DirectoryAbility = { backend: 'directory' };
const quota: DirectoryAbility = { backend: 'quota' };
const unlimited: DirectoryAbility = { backend: 'subvolume', isLimited: false };
const limited: DirectoryAbility = { backend: 'subvolume', isLimited: true };
const quotaContent: VolumeContent = { backend: 'quota', projectId: 101 };

function createWith(node: ReturnType<typeof fakeNode>, wish: Partial<ContentRequest>) {
  const capabilities = [wish.isBlock ? blockCapability() : capability()];
  return createVolume(node.model, volumeSpec({ contentRequest: contentRequestWith(wish), capabilities }));
}

test.each<[Partial<ContentRequest>, DirectoryAbility, VolumeContent]>([
  [{}, plain, plain],
  [{}, quota, quotaContent],
  [{}, limited, limited],
  [{ fsType: 'xfs' }, plain, plain],
  [{ backend: 'directory' }, unlimited, unlimited],
  [{ backend: 'image' }, quota, imageContent()],
  [{ backend: 'image', fsType: 'xfs' }, quota, imageContent('xfs')],
  [{ enforceCapacity: 'required' }, quota, quotaContent],
  [{ enforceCapacity: 'required' }, limited, limited],
  [{ enforceCapacity: 'required' }, plain, imageContent()],
  [{ enforceCapacity: 'required' }, unlimited, imageContent()],
  [{ enforceCapacity: 'required', backend: 'directory' }, quota, quotaContent],
  [{ enforceCapacity: 'strict' }, quota, imageContent()],
  [{ enforceCapacity: 'strict' }, limited, imageContent()],
  [{ enforceCapacity: 'strict', backend: 'image', fsType: 'xfs' }, plain, imageContent('xfs')],
  [{ enforceCapacity: 'strict', isBlock: true }, quota, blockContent],
  [{ isBlock: true }, quota, blockContent],
  [{ isBlock: true, backend: 'image' }, plain, blockContent],
])('a volume with the request %j, where directories are %j, is %j', async (wish, directories, content) => {
  expect((await createWith(fakeNode({ directories }), wish)).content).toEqual(content);
});

test.each<[Partial<ContentRequest>, DirectoryAbility, boolean]>([
  [{}, plain, false],
  [{}, quota, true],
  [{}, limited, true],
  [{}, unlimited, false],
  [{ isBlock: true }, plain, true],
  [{ backend: 'image' }, plain, true],
  [{ backend: 'image', fsType: 'xfs' }, plain, true],
])('the disk must have room for %j, where directories are %j: %s', async (wish, directories, isReserved) => {
  const node = fakeNode({ directories });
  const { capacityBytes } = await createWith(node, wish);
  expect(node.pool.disk.reservedBytes).toBe(isReserved ? capacityBytes : 0n);
});

test.each<[string, Partial<ContentRequest>, FakeModelSettings]>([
  ['"directory" cannot provide a block volume', { isBlock: true, backend: 'directory' }, {}],
  ['"directory" cannot enforce the capacity', { enforceCapacity: 'required', backend: 'directory' }, {}],
  [
    '"directory" cannot enforce the capacity strictly',
    { enforceCapacity: 'strict', backend: 'directory' },
    { directories: quota },
  ],
  [
    'pool "default" cannot provide images',
    { enforceCapacity: 'strict' },
    { hasImages: false, directories: quota },
  ],
  ['pool "default" cannot provide images', { backend: 'image' }, { hasImages: false }],
  ['pool "default" cannot provide images', { isBlock: true }, { hasImages: false }],
  ['pool "default" cannot provide images', { enforceCapacity: 'required' }, { hasImages: false }],
])('a request that the pool does not support is invalid: %s', async (message, wish, settings) => {
  await expect(createWith(fakeNode(settings), wish)).rejects.toMatchObject({
    kind: 'invalid',
    about: 'backend',
    message: expect.stringContaining(message),
  });
});

test('a file system that cannot be made on this node is invalid, and the available ones are listed', async () => {
  const node = fakeNode();
  node.formatter.fileSystems = ['ext4', 'btrfs'];
  await expect(createWith(node, { backend: 'image', fsType: 'xfs' })).rejects.toMatchObject({
    kind: 'invalid',
    about: 'fsType',
    message: expect.stringContaining('available: ext4, btrfs'),
  });
});

describe('the capabilities of a new volume', () => {
  const image = contentRequestWith({ backend: 'image' });
  const mount = capability();
  const ofXfs = { ...mount, fsType: 'xfs' } as const;
  const single = capability('SINGLE_NODE_SINGLE_WRITER');

  test.each<[string, VolumeCapability[]]>([
    ['one capability', [mount]],
    ['one file system, named once', [ofXfs, mount]],
    ['several access modes', [mount, capability('MULTI_NODE_READER_ONLY')]],
    ['a single writer named twice', [single, single]],
  ])('can be %s', async (_, capabilities) => {
    const { model } = fakeNode();
    const { accessModes } = await createVolume(model, volumeSpec({ capabilities, contentRequest: image }));
    expect(accessModes).toEqual([...new Set(capabilities.map(({ accessMode }) => accessMode))]);
  });

  test.each<[string, string, VolumeCapability[]]>([
    ['capability', 'a volume cannot be both a block and a mount volume', [mount, blockCapability()]],
    [
      'fsType',
      'a volume can have only one file system, not xfs and ext4',
      [ofXfs, { ...mount, fsType: 'ext4' }],
    ],
    [
      'accessMode',
      'SINGLE_NODE_SINGLE_WRITER cannot be combined with other access modes',
      [single, capability('SINGLE_NODE_MULTI_WRITER')],
    ],
    [
      'mountFlags',
      '"inode64" is not an option of ext4',
      [mount, { ...mount, fileSystemOptions: ['inode64'] }],
    ],
  ])('cannot contradict each other or the volume in the %s: %s', async (about, message, capabilities) => {
    const { model } = fakeNode();
    const created = createVolume(model, volumeSpec({ capabilities, contentRequest: image }));
    await expect(created).rejects.toMatchObject({
      kind: 'invalid',
      about,
      message: expect.stringContaining(message),
    });
    expect(model.catalogue.volumes.all()).toEqual([]);
  });
});
