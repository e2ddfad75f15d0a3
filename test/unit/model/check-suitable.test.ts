import { describe, expect, test } from 'vitest';
import type { VolumeContent } from '../../../src/model/objects/volume.ts';
import type { FileSystemType } from '../../../src/model/requests/file-system-type.ts';
import { checkSuitable, objectionTo } from '../../../src/model/volumes/check-suitable.ts';
import { imageAt } from './fakes/images.ts';
import { fakeNode } from './fakes/model.ts';
import { blockContent, capability, imageContent } from './fakes/requests.ts';

async function nodeWith(content: VolumeContent, capacityBytes = 1000n) {
  const node = fakeNode();
  const volume = await node.addVolume('a', { content, capacityBytes });
  const asked = (fsType?: FileSystemType, ...fileSystemOptions: string[]) => ({
    ...capability(),
    fsType,
    fileSystemOptions,
  });
  return { ...node, volume, asked, image: imageAt(node, volume) };
}

describe('an image whose file system was left open', () => {
  test('can have any while it is blank, and afterwards only the one it has, with its options', async () => {
    const { model, formatter, volume, asked } = await nodeWith(imageContent());
    expect(await objectionTo(model, volume, asked('xfs'))).toBeUndefined();
    const path = model.pools
      .of(volume)
      .backends.image.contentOf(model.pools.of(volume).records.volumes.directoryOf(volume.id));
    await formatter.format(path, 'xfs', volume.root);
    expect(await objectionTo(model, volume, asked(undefined, 'inode64'))).toBeUndefined();
    expect(await objectionTo(model, volume, asked('ext4'))).toMatchObject({
      about: 'fsType',
      message: 'the volume has xfs, not ext4',
    });
  });

  test('cannot have one that needs more than it has', async () => {
    const { model, volume, asked } = await nodeWith(imageContent(), 299n);
    expect(await objectionTo(model, volume, asked())).toBeUndefined();
    expect(await objectionTo(model, volume, asked('xfs'))).toMatchObject({
      about: 'fsType',
      message: expect.stringContaining('xfs needs 300 bytes, and the volume has 299; expand it'),
    });
  });
});

test('an image that holds something else cannot be mounted', async () => {
  const { model, volume, asked, image } = await nodeWith(imageContent());
  image.holds = 'unknown';
  expect(await objectionTo(model, volume, asked())).toMatchObject({
    about: 'capability',
    message: expect.stringContaining('holds something that is no file system of this driver'),
  });
});

test('what exceeds the capabilities has the code of its call', async () => {
  const { model, volume, asked } = await nodeWith(blockContent);
  await expect(checkSuitable(model, volume, asked())).rejects.toMatchObject({ kind: 'precondition' });
  await expect(checkSuitable(model, volume, asked(), 'invalid')).rejects.toMatchObject({ kind: 'invalid' });
});
