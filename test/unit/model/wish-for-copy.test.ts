import { describe, expect, test } from 'vitest';
import { findSource } from '../../../src/model/copying/find-source.ts';
import type { VolumeContent } from '../../../src/model/objects/volume.ts';
import type { DirectoryAbility } from '../../../src/model/ports/pool.ts';
import type { ContentWish } from '../../../src/model/volumes/choose-content.ts';
import { wishForCopy } from '../../../src/model/volumes/wish-for-copy.ts';
import { imageAt } from './fakes/images.ts';
import { fakeNode } from './fakes/model.ts';
import { blockContent, contentWish, imageContent } from './fakes/requests.ts';

type Held = 'blank' | 'unknown' | 'ext4' | 'xfs';

/** How a copy of a volume is provided; its image holds this. */
async function wished(
  content: VolumeContent,
  wish: Partial<ContentWish> = {},
  held: Held = 'blank',
  directories: DirectoryAbility = { backend: 'quota' },
  allowsModeChange = true,
) {
  const node = fakeNode({ directories });
  const { model, formatter, pool } = node;
  const volume = await node.addVolume('a', { content });
  const source = await findSource(model, { kind: 'volume', id: volume.id });
  if (held === 'unknown') imageAt(node, volume).holds = held;
  else if (held !== 'blank') await formatter.format(source.original.path, held, volume.root);
  return wishForCopy(model, pool, { wish: contentWish(wish), allowsModeChange }, source);
}

const directories: VolumeContent[] = [
  { backend: 'directory' },
  { backend: 'quota', projectId: 7 },
  { backend: 'subvolume', isLimited: false },
];

describe.each(directories)('a copy of a directory: %j', (content) => {
  test('is a directory, whatever else is wished', async () => {
    expect(await wished(content)).toEqual(contentWish({ backend: 'directory' }));
    const wish = { backend: 'directory', enforceCapacity: 'required', fsType: 'xfs' } as const;
    expect(await wished(content, wish)).toEqual(contentWish(wish));
  });

  test('is not held to its size where no directory can be', async () => {
    const wish = { enforceCapacity: 'required' } as const;
    await expect(wished(content, wish, 'blank', { backend: 'directory' })).rejects.toMatchObject({
      kind: 'invalid',
      about: 'enforceCapacity',
      message: expect.stringContaining('"required" cannot be met'),
    });
  });

  test('does not hold its user to its size', async () => {
    await expect(wished(content, { enforceCapacity: 'strict' })).rejects.toMatchObject({
      kind: 'invalid',
      about: 'enforceCapacity',
      message: expect.stringContaining('"strict" cannot be met'),
    });
  });

  test('is no block volume', async () => {
    await expect(wished(content, { isBlock: true })).rejects.toMatchObject({
      kind: 'invalid',
      about: 'capability',
      message: 'a block volume cannot be made from the content source, which is a directory',
    });
  });

  test('is no image', async () => {
    await expect(wished(content, { backend: 'image' })).rejects.toMatchObject({
      kind: 'invalid',
      about: 'backend',
      message: '"image" cannot hold the content source, which is a directory',
    });
  });
});

describe('a copy of an image', () => {
  test.each<[string, VolumeContent, Held, Partial<ContentWish>, Partial<ContentWish>]>([
    ['has the file system that is on it', imageContent(), 'xfs', {}, { fsType: 'xfs' }],
    ['has it where that is asked for', imageContent(), 'xfs', { fsType: 'xfs' }, { fsType: 'xfs' }],
    ['has the one on it, not the one it was made for', imageContent('ext4'), 'xfs', {}, { fsType: 'xfs' }],
    ['has the one it was made for where it is blank', imageContent('xfs'), 'blank', {}, { fsType: 'xfs' }],
    [
      'has the one asked for where it is blank',
      imageContent('xfs'),
      'blank',
      { fsType: 'ext4' },
      { fsType: 'ext4' },
    ],
    ['has any where it is blank and nobody says', imageContent(), 'blank', {}, { fsType: undefined }],
    [
      'may be a block volume',
      imageContent('xfs'),
      'xfs',
      { isBlock: true },
      { isBlock: true, fsType: undefined },
    ],
    ['of a block volume is one', blockContent, 'unknown', { isBlock: true }, { isBlock: true }],
    ['of a block volume may be mounted', blockContent, 'ext4', {}, { fsType: 'ext4' }],
  ])('%s', async (_, content, held, wish, expected) => {
    expect(await wished(content, wish, held)).toEqual(contentWish({ ...expected, backend: 'image' }));
  });

  test.each([imageContent(), blockContent])('is no directory: %j', async (content) => {
    await expect(wished(content, { backend: 'directory' })).rejects.toMatchObject({
      kind: 'invalid',
      about: 'backend',
      message: '"directory" cannot hold the content source, which is an image',
    });
  });

  test('has no other file system than the original', async () => {
    await expect(wished(imageContent(), { fsType: 'ext4' }, 'xfs')).rejects.toMatchObject({
      kind: 'invalid',
      about: 'fsType',
      message: '"ext4" is not the file system of the content source, which has xfs',
    });
  });

  test('that holds no file system cannot be mounted', async () => {
    await expect(wished(blockContent, { fsType: 'xfs' }, 'unknown')).rejects.toMatchObject({
      kind: 'invalid',
      about: 'capability',
      message: 'the content source holds no file system of this driver, and can only be a block volume',
    });
  });

  test.each<Held>(['ext4', 'unknown', 'blank'])(
    'of a block volume is mounted only where that is allowed: %s',
    async (held) => {
      await expect(wished(blockContent, {}, held, undefined, false)).rejects.toMatchObject({
        kind: 'invalid',
        about: 'allowVolumeModeChange',
        message: expect.stringContaining('must be "true"'),
      });
    },
  );

  test('needs no permission where it stays a block volume, becomes one, or was mounted before', async () => {
    expect(await wished(blockContent, { isBlock: true }, 'ext4', undefined, false)).toMatchObject({
      isBlock: true,
    });
    expect(await wished(imageContent(), { isBlock: true }, 'ext4', undefined, false)).toMatchObject({
      isBlock: true,
    });
    expect(await wished(imageContent(), {}, 'ext4', undefined, false)).toMatchObject({ fsType: 'ext4' });
  });

  test('keeps what is wished of its capacity', async () => {
    const wish = { backend: 'image', enforceCapacity: 'required' } as const;
    expect(await wished(imageContent(), wish)).toEqual(contentWish(wish));
  });
});
