import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromSnapshot, fromVolume, snapshotOf, takeDown } from '../../support/copies.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { deleteWithRetries } from '../../support/image-node.ts';
import { changeTree, makeRichTree } from '../../support/rich-tree.ts';
import { directories, images, nodeWith, plainDirectory, type Storage } from '../../support/storages.ts';
import { listTree } from '../../support/tree-listing.ts';

/** A published volume with everything that copies tend to lose. */
async function richVolume(storage: Storage) {
  const { node, parameters } = await nodeWith(storage);
  const { capability, sizeBytes } = storage;
  const publish = (name: string, changes: Parameters<typeof node.create>[1]) =>
    node.createPublished(name, capability, { parameters, ...changes });
  const source = await publish('source', { capacity_range: { required_bytes: sizeBytes } });
  const { volume } = await node.controller.ControllerGetVolume(source);
  expect(volume?.volume_context).toMatchObject({ backend: storage.backend });
  await makeRichTree(source.target_path);
  return { node, publish, source, content: await listTree(source.target_path) };
}

/** Every storage that this process can make: only root of the host can mount file systems. */
const storages = isHostRoot ? [...directories, ...images] : [plainDirectory];

describe.each(storages)('on $name', (storage) => {
  test('a restored snapshot has the old content, whatever happened to the volume since, and outlives it', async () => {
    const { node, publish, source, content } = await richVolume(storage);
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    changeTree(source.target_path);
    const changed = await listTree(source.target_path);
    expect(changed).not.toEqual(content);
    const restored = await publish('restored', fromSnapshot(snapshot_id));
    expect(await listTree(restored.target_path)).toEqual(content);
    expect(await listTree(source.target_path)).toEqual(changed);

    // The snapshot does not change with volumes made from it either.
    changeTree(restored.target_path);
    await takeDown(node, source);
    await deleteWithRetries(node, source);
    const again = await publish('again', fromSnapshot(snapshot_id));
    expect(await listTree(again.target_path)).toEqual(content);
  });

  test('a clone has the content of its volume, and both change independently', async () => {
    const { node, publish, source, content } = await richVolume(storage);
    const clone = await publish('clone', fromVolume(source.volume_id));
    expect(await listTree(clone.target_path)).toEqual(content);
    changeTree(clone.target_path);
    const changed = await listTree(clone.target_path);
    expect(await listTree(source.target_path)).toEqual(content);
    writeFileSync(join(source.target_path, 'plain', 'text'), 'of the source');
    mkdirSync(join(source.target_path, 'of the source'));
    expect(await listTree(clone.target_path)).toEqual(changed);

    await takeDown(node, source);
    await deleteWithRetries(node, source);
    const cloned = await publish('clone of the clone', fromVolume(clone.volume_id));
    expect(await listTree(cloned.target_path)).toEqual(changed);
  });
});
