import { describe, expect, test } from 'vitest';
import type { VolumeContent } from '../../../src/model/objects/volume.ts';
import type { DirectoryAbility } from '../../../src/model/ports/pool.ts';
import { type ContentRequest, createVolume } from './fakes/calls.ts';
import { imageAt } from './fakes/images.ts';
import { fakeNode } from './fakes/model.ts';
import {
  blockCapability,
  blockContent,
  capability,
  contentRequestWith,
  imageContent,
  volumeSpec,
} from './fakes/requests.ts';

type Held = 'blank' | 'unknown' | 'ext4' | 'xfs';

/** The content of a copy of a volume whose image holds this. */
async function contentOfCopy(
  content: VolumeContent,
  wish: Partial<ContentRequest> = {},
  held: Held = 'blank',
  { directories = { backend: 'quota' } as DirectoryAbility, allowsModeChange = true } = {},
) {
  const node = fakeNode({ directories });
  const { model, formatter } = node;
  const volume = await node.addVolume('original', { content });
  if (held === 'unknown') imageAt(node, volume).holds = held;
  else if (held !== 'blank')
    await formatter.format(model.catalogue.dataOf(volume).path, { fsType: held, root: volume.root });
  const spec = volumeSpec({
    source: { kind: 'volume', id: volume.id },
    contentRequest: contentRequestWith(wish),
    capabilities: [wish.isBlock ? blockCapability() : capability()],
    allowsModeChange,
  });
  return (await createVolume(model, spec)).content;
}

const directories: VolumeContent[] = [
  { backend: 'directory' },
  { backend: 'quota', projectId: 7 },
  { backend: 'subvolume', isLimited: false },
];

describe.each(directories)('a copy of a directory: %j', (content) => {
  test.each<Partial<ContentRequest>>([
    {},
    { backend: 'directory', enforceCapacity: 'required', fsType: 'xfs' },
  ])('is the kind of directory that the pool has, whatever else is requested: %j', async (wish) => {
    expect(await contentOfCopy(content, wish)).toEqual({ backend: 'quota', projectId: 101 });
  });

  test('has no enforced size if no directory can have one', async () => {
    const plain = { directories: { backend: 'directory' } } as const;
    const copied = contentOfCopy(content, { enforceCapacity: 'required' }, 'blank', plain);
    await expect(copied).rejects.toMatchObject({
      kind: 'invalid',
      about: 'enforceCapacity',
      message: expect.stringContaining('"required" is not possible'),
    });
  });

  test('cannot have a strictly enforced size', async () => {
    await expect(contentOfCopy(content, { enforceCapacity: 'strict' })).rejects.toMatchObject({
      kind: 'invalid',
      about: 'enforceCapacity',
      message: expect.stringContaining('"strict" is not possible'),
    });
  });

  test('cannot be a block volume', async () => {
    await expect(contentOfCopy(content, { isBlock: true })).rejects.toMatchObject({
      kind: 'invalid',
      about: 'capability',
      message: 'a block volume cannot be created from the content source, which is a directory',
    });
  });

  test('cannot be an image', async () => {
    await expect(contentOfCopy(content, { backend: 'image' })).rejects.toMatchObject({
      kind: 'invalid',
      about: 'backend',
      message: '"image" cannot hold the content source, which is a directory',
    });
  });
});

describe('a copy of an image', () => {
  test.each<[string, VolumeContent, Held, Partial<ContentRequest>, VolumeContent]>([
    ['keeps its file system', imageContent(), 'xfs', {}, imageContent('xfs')],
    ['keeps it if it is requested', imageContent(), 'xfs', { fsType: 'xfs' }, imageContent('xfs')],
    ['has its actual one, not the one it was made for', imageContent('ext4'), 'xfs', {}, imageContent('xfs')],
    ['has the one it was made for if it is blank', imageContent('xfs'), 'blank', {}, imageContent('xfs')],
    [
      'has the requested one if it is blank',
      imageContent('xfs'),
      'blank',
      { fsType: 'ext4' },
      imageContent('ext4'),
    ],
    ['has an unspecified one if it is blank by default', imageContent(), 'blank', {}, imageContent()],
    ['can have an enforced size', imageContent(), 'blank', { enforceCapacity: 'required' }, imageContent()],
    ['can be a block volume', imageContent('xfs'), 'xfs', { isBlock: true }, blockContent],
    ['of a block volume is a block volume', blockContent, 'unknown', { isBlock: true }, blockContent],
    ['of a block volume can be mounted', blockContent, 'ext4', {}, imageContent('ext4')],
  ])('%s', async (_, content, held, wish, expected) => {
    expect(await contentOfCopy(content, wish, held)).toEqual(expected);
    expect(await contentOfCopy(content, { ...wish, backend: 'image' }, held)).toEqual(expected);
  });

  test.each([imageContent(), blockContent])('cannot be a directory: %j', async (content) => {
    await expect(contentOfCopy(content, { backend: 'directory' })).rejects.toMatchObject({
      kind: 'invalid',
      about: 'backend',
      message: '"directory" cannot hold the content source, which is an image',
    });
  });

  test('cannot have another file system than the original', async () => {
    await expect(contentOfCopy(imageContent(), { fsType: 'ext4' }, 'xfs')).rejects.toMatchObject({
      kind: 'invalid',
      about: 'fsType',
      message: '"ext4" does not match the file system of the content source, xfs',
    });
  });

  test('without a file system cannot be mounted', async () => {
    await expect(contentOfCopy(blockContent, { fsType: 'xfs' }, 'unknown')).rejects.toMatchObject({
      kind: 'invalid',
      about: 'capability',
      message: 'the content source has no recognised file system; request a block volume',
    });
  });
});

describe('without permission to change the volume mode', () => {
  const allowsModeChange = false;

  test.each<Held>(['ext4', 'unknown', 'blank'])('no block volume is mounted: %s', async (held) => {
    await expect(contentOfCopy(blockContent, {}, held, { allowsModeChange })).rejects.toMatchObject({
      kind: 'invalid',
      about: 'allowVolumeModeChange',
      message: expect.stringContaining('must be "true"'),
    });
  });

  test.each<[string, VolumeContent, boolean, VolumeContent]>([
    ['stays a block volume', blockContent, true, blockContent],
    ['becomes a block volume', imageContent(), true, blockContent],
    ['was mounted before', imageContent(), false, imageContent('ext4')],
  ])('a copy is made if it %s', async (_, content, isBlock, expected) => {
    expect(await contentOfCopy(content, { isBlock }, 'ext4', { allowsModeChange })).toEqual(expected);
  });
});
