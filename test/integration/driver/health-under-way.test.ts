import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice } from '../../support/image-node.ts';
import { expectNothingPassing, Onlookers } from '../../support/onlookers.ts';
import { directories, images, nodeWith, plainDirectory, type Storage } from '../../support/storages.ts';

const MIB = 1024 ** 2;

const blockVolume: Storage = {
  name: 'a block volume',
  backend: 'image',
  capability: blockDevice(),
  sizeBytes: 16 * MIB,
  makePool: undefined,
};

const storages = [...directories, ...images, blockVolume].filter(
  (each) => isHostRoot || each === plainDirectory,
);

describe.each(storages)('of $name', (storage) => {
  test('nothing is told that passes in the middle of a call', async () => {
    const { node, parameters } = await nodeWith(storage);
    const { capability, sizeBytes } = storage;
    await expectNothingPassing({ node, capability, sizeBytes, parameters, count: 2 });
  });
});

test.skipIf(!isHostRoot)('what does not pass is told by the same onlookers', async () => {
  const storageNode = await nodeWith(blockVolume);
  const { node } = storageNode;
  const paths = await node.createPublished('a', blockVolume.capability);
  const onlookers = new Onlookers(node);
  onlookers.exists(paths.volume_id);
  onlookers.isPublished(paths);
  execFileSync('umount', [paths.target_path]);
  onlookers.begin();
  await node.node.NodeGetVolumeHealth({ volume_id: paths.volume_id });
  await onlookers.end();
  expect(onlookers.found.join()).toContain('NotMounted');
});
