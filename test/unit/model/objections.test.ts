import { describe, expect, test } from 'vitest';
import type { AccessMode } from '../../../src/model/requests/access-mode.ts';
import type { MountCapability, VolumeCapability } from '../../../src/model/requests/capability.ts';
import {
  contradiction,
  modeObjection,
  type Provision,
  unsuitable,
} from '../../../src/model/volumes/objections.ts';
import { blockCapability, blockContent, capability, imageContent } from './fakes/requests.ts';

const mount = (
  accessMode: AccessMode = 'SINGLE_NODE_WRITER',
  changes: Partial<MountCapability> = {},
): MountCapability => ({ ...capability(accessMode), ...changes });
const xfs = mount('SINGLE_NODE_WRITER', { fsType: 'xfs' });
const block = blockCapability();
const withOptions = (...fileSystemOptions: string[]) => mount(undefined, { fileSystemOptions });

describe('several capabilities of one volume', () => {
  test.each<[string, VolumeCapability[]]>([
    ['one capability', [mount()]],
    ['one file system, named once', [xfs, mount()]],
    ['several access modes', [mount('SINGLE_NODE_WRITER'), mount('MULTI_NODE_READER_ONLY')]],
    ['a single writer named twice', [mount('SINGLE_NODE_SINGLE_WRITER'), mount('SINGLE_NODE_SINGLE_WRITER')]],
  ])('go together: %s', (_, capabilities) => {
    expect(contradiction(capabilities)).toBeUndefined();
  });

  test.each<[string, string, VolumeCapability[]]>([
    ['capability', 'block and mount', [mount(), block]],
    ['fsType', 'a volume has one file system, not xfs and ext4', [xfs, mount(undefined, { fsType: 'ext4' })]],
    [
      'accessMode',
      'SINGLE_NODE_SINGLE_WRITER',
      [mount('SINGLE_NODE_SINGLE_WRITER'), mount('SINGLE_NODE_MULTI_WRITER')],
    ],
  ])('contradict each other in the %s: %s', (about, message, capabilities) => {
    expect(contradiction(capabilities)).toEqual({ about, message: expect.stringContaining(message) });
  });
});

const directory: Provision = { backend: 'directory' };

test.each<[string, Provision, VolumeCapability]>([
  ['a directory is mounted', directory, mount()],
  ['a directory has the file system of its pool, whatever is asked for', directory, xfs],
  ['a directory may name flags without effect', directory, mount(undefined, { superblockOptions: ['sync'] })],
  ['a block volume is a block device', blockContent, block],
  ['an image is mounted', imageContent('xfs'), mount()],
  ['an image has the file system it was made for', imageContent('xfs'), xfs],
  ['the first stage decides what was left open', imageContent(), xfs],
  ['an image has options', imageContent(), withOptions('discard')],
  ['an image of XFS has options of XFS', imageContent('xfs'), withOptions('inode64', 'allocsize=64k')],
  ['an option that the driver sets itself', imageContent('xfs'), withOptions('nouuid')],
])('suitable: %s', (_, provision, asked) => {
  expect(unsuitable(provision, asked)).toBeUndefined();
});

test.each<[string, string, Provision, VolumeCapability]>([
  ['capability', 'the volume is a mount volume', directory, block],
  ['capability', 'the volume is a mount volume', imageContent(), block],
  ['capability', 'the volume is a block device', blockContent, mount()],
  ['fsType', 'the volume has ext4, not xfs', imageContent('ext4'), xfs],
  [
    'mountFlags',
    '"discard" is an option of a whole file system',
    { backend: 'quota' },
    withOptions('discard'),
  ],
  ['mountFlags', '"inode64" is not an option of ext4', imageContent('ext4'), withOptions('inode64')],
  ['mountFlags', '"inode64" is not an option of ext4', imageContent(), withOptions('inode64')],
  ['mountFlags', '"data=ordered" is not an option of xfs', imageContent('xfs'), withOptions('data=ordered')],
  ['mountFlags', 'power of two', imageContent('xfs'), withOptions('allocsize=5k')],
  ['mountFlags', 'exclude each other', imageContent('ext4'), withOptions('data=journal', 'delalloc')],
])('not suitable because of the %s: %s', (about, message, provision, asked) => {
  expect(unsuitable(provision, asked)).toEqual({ about, message: expect.stringContaining(message) });
});

test('a volume that was made for a single writer is not one for others', () => {
  const single: AccessMode[] = ['SINGLE_NODE_SINGLE_WRITER'];
  expect(modeObjection(single, [mount('SINGLE_NODE_SINGLE_WRITER')])).toBeUndefined();
  expect(modeObjection(['SINGLE_NODE_WRITER'], [mount('SINGLE_NODE_SINGLE_WRITER')])).toBeUndefined();
  expect(modeObjection(single, [mount('SINGLE_NODE_MULTI_WRITER')])).toEqual({
    about: 'accessMode',
    message: expect.stringContaining('SINGLE_NODE_MULTI_WRITER may need a second target'),
  });
});
