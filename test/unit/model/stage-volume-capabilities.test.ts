import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { VolumeContent } from '../../../src/model/objects/volume.ts';
import type { MountCapability, VolumeCapability } from '../../../src/model/requests/capability.ts';
import { stageVolume, unstageVolume } from './fakes/calls.ts';
import { imageAt } from './fakes/images.ts';
import { fakeNode } from './fakes/model.ts';
import { blockCapability, blockContent, capability, imageContent } from './fakes/requests.ts';

async function nodeWith(content: VolumeContent) {
  const node = fakeNode();
  const { model, makeDirectory } = node;
  const volume = await node.addVolume('a', { content });
  makeDirectory('/staging');
  const stage = (asked: VolumeCapability) => stageVolume(model, volume, '/staging', asked);
  const unstage = () => unstageVolume(model, volume.id, '/staging');
  return { ...node, volume, stage, unstage };
}

const mount = (changes: Partial<MountCapability> = {}): MountCapability => ({ ...capability(), ...changes });
const xfs = mount({ fsType: 'xfs' });
const block = blockCapability();
const withOptions = (...fileSystemOptions: string[]) => mount({ fileSystemOptions });
const directory: VolumeContent = { backend: 'directory' };

test.each<[string, VolumeContent, VolumeCapability]>([
  ['a directory is mounted', directory, mount()],
  ['a directory has the file system of its pool, whatever is requested', directory, xfs],
  ['a directory may name flags without effect', directory, mount({ superblockOptions: ['sync'] })],
  ['a block volume is a block device', blockContent, block],
  ['an image is mounted', imageContent('xfs'), mount()],
  ['an image has the file system it was made for', imageContent('xfs'), xfs],
  ['the first stage chooses an unspecified file system', imageContent(), xfs],
  ['an image has options', imageContent(), withOptions('discard')],
  ['an image of XFS has options of XFS', imageContent('xfs'), withOptions('inode64', 'allocsize=64k')],
  ['an option that the driver sets itself', imageContent('xfs'), withOptions('nouuid')],
])('a volume is staged: %s', async (_, content, asked) => {
  const { model, devices, mounts, volume, stage } = await nodeWith(content);
  await stage(asked);
  if (asked === block) expect(await devices.find(model.catalogue.dataOf(volume).path)).toBeDefined();
  else expect((await mounts.inspect('/staging')).kind).toBe('mounted');
});

test.each<[string, string, VolumeContent, VolumeCapability]>([
  ['capability', 'the volume is a mount volume', directory, block],
  ['capability', 'the volume is a mount volume', imageContent(), block],
  ['capability', 'the volume is a block volume', blockContent, mount()],
  ['fsType', 'the file system of the volume is ext4, not xfs', imageContent('ext4'), xfs],
  [
    'mountFlags',
    '"discard" requires an image volume',
    { backend: 'quota', projectId: 7 },
    withOptions('discard'),
  ],
  ['mountFlags', '"inode64" is not an option of ext4', imageContent('ext4'), withOptions('inode64')],
  ['mountFlags', '"inode64" is not an option of ext4', imageContent(), withOptions('inode64')],
  ['mountFlags', '"data=ordered" is not an option of xfs', imageContent('xfs'), withOptions('data=ordered')],
  ['mountFlags', 'power of two', imageContent('xfs'), withOptions('allocsize=5k')],
  ['mountFlags', 'exclude each other', imageContent('ext4'), withOptions('data=journal', 'delalloc')],
])('a volume is not staged because of the %s: %s', async (about, message, content, asked) => {
  const { mounts, stage } = await nodeWith(content);
  await expect(stage(asked)).rejects.toMatchObject({
    kind: 'precondition',
    about,
    message: expect.stringContaining(message),
  });
  expect((await mounts.inspect('/staging')).kind).toBe('directory');
});

describe('an image that was made without a file system', () => {
  test('later has only the one of its first stage, with the options of that', async () => {
    const { stage, unstage } = await nodeWith(imageContent());
    await stage(xfs);
    await unstage();
    await stage(withOptions('inode64'));
    await unstage();
    await expect(stage(mount({ fsType: 'ext4' }))).rejects.toMatchObject({
      about: 'fsType',
      message: 'the file system of the volume is xfs, not ext4',
    });
  });

  test('cannot be mounted if it has foreign content', async () => {
    const node = await nodeWith(imageContent());
    imageAt(node, node.volume).holds = 'unknown';
    await expect(node.stage(mount())).rejects.toMatchObject({
      kind: 'precondition',
      about: 'capability',
      message: expect.stringContaining('contains an unrecognised file system or data'),
    });
  });
});

test('a volume is staged again with the same options in any order, however often each is named, and with no others', async () => {
  const { stage, unstage } = await nodeWith(directory);
  const option = fc.constantFrom('a', 'b', 'c', 'd');
  const lists = fc.tuple(fc.array(option), fc.array(option));
  const shuffled = fc
    .array(option)
    .chain((list) =>
      fc.tuple(
        fc.constant(list),
        fc.shuffledSubarray([...list, ...list], { minLength: 2 * list.length, maxLength: 2 * list.length }),
      ),
    );
  await fc.assert(
    fc.asyncProperty(fc.oneof(lists, shuffled), async ([first, second]) => {
      await stage(mount({ superblockOptions: first }));
      const again = stage(mount({ superblockOptions: second }));
      const isSame = [...new Set(first)].sort().join() === [...new Set(second)].sort().join();
      if (isSame) await again;
      else await expect(again).rejects.toMatchObject({ kind: 'already-exists', about: 'mountFlags' });
      await unstage();
    }),
  );
});
