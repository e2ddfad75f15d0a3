import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice } from '../../support/image-node.ts';
import { expectNoTransientFindings, Onlookers } from '../../support/onlookers.ts';
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
  test('no transient state from the middle of a call is reported', async () => {
    const { node, parameters } = await nodeWith(storage);
    const { capability, sizeBytes } = storage;
    await expectNoTransientFindings({ node, capability, sizeBytes, parameters, count: 2 });
  });
});

test.skipIf(!isHostRoot)('a lasting problem is reported to the same observers', async () => {
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
