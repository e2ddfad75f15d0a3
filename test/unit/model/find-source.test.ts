import { describe, expect, test } from 'vitest';
import { findSource, sourceVolume } from '../../../src/model/copying/find-source.ts';
import { VolumeError } from '../../../src/model/errors.ts';
import { contentPathOf } from '../../../src/model/find/staged-content.ts';
import { newObjectId } from '../../../src/model/objects/object-id.ts';
import type { VolumeContent } from '../../../src/model/objects/volume.ts';
import { createSnapshot } from '../../../src/model/snapshots/create-snapshot.ts';
import { fakeNode } from './fakes/model.ts';
import { blockContent, imageContent } from './fakes/requests.ts';

const kinds = ['volume', 'snapshot'] as const;

/** A node with a volume that holds 20 bytes, and a snapshot of it. */
async function nodeWith(content: VolumeContent) {
  const node = fakeNode();
  const { model } = node;
  const volume = await node.addVolume('a', { content, sharing: { lineage: 'first', sharedBytes: 0n } });
  if (content.backend !== 'image') {
    node.mounts.tree.makeFile(`${contentPathOf(model, volume)}/file`, 'x'.repeat(20));
  }
  const spec = { name: 's', sourceVolumeId: volume.id, requisite: [] };
  return { ...node, volume, snapshot: await createSnapshot(model, spec) };
}

test.each<[VolumeContent, string, bigint | undefined]>([
  [{ backend: 'directory' }, 'data', undefined],
  [{ backend: 'quota', projectId: 7 }, 'data', 20n],
  [{ backend: 'subvolume', isLimited: true }, 'data', 20n],
  [blockContent, 'image', 0n],
  [imageContent('xfs'), 'image', 0n],
])('a volume is found with all that a copy of it needs: %j', async (content, name, occupiedBytes) => {
  const { model, pool, volume } = await nodeWith(content);
  expect(await findSource(model, { kind: 'volume', id: volume.id })).toEqual({
    id: volume.id,
    pool,
    original: {
      pool: 'default',
      backend: content.backend,
      path: `/pools/default/volumes/${volume.id}/${name}`,
    },
    imageUse: content.backend === 'image' ? content.use : undefined,
    sizeBytes: volume.capacityBytes,
    occupiedBytes,
    lineage: 'first',
    volume,
  });
});

test('a volume that was restored by hand is found as what it is: a directory that nothing counts', async () => {
  const { model, mounts, volume } = await nodeWith({ backend: 'subvolume', isLimited: true });
  const path = contentPathOf(model, volume);
  mounts.tree.copy(path, '/copy');
  mounts.tree.remove(path);
  mounts.tree.move('/copy', path);
  expect(await findSource(model, { kind: 'volume', id: volume.id })).toMatchObject({
    original: { backend: 'directory', path },
    occupiedBytes: undefined,
  });
});

test.each<[VolumeContent, string, string, bigint | undefined]>([
  [{ backend: 'directory' }, 'directory', 'data', undefined],
  [{ backend: 'quota', projectId: 7 }, 'directory', 'data', 20n],
  [{ backend: 'subvolume', isLimited: true }, 'subvolume', 'data', 20n],
  [blockContent, 'image', 'image', 0n],
  [imageContent('xfs'), 'image', 'image', 0n],
])(
  'a snapshot is found as its volume was when it was cut: %j',
  async (content, backend, name, occupiedBytes) => {
    const { model, pool, volume, snapshot } = await nodeWith(content);
    model.volumes.remove(volume);
    expect(await findSource(model, { kind: 'snapshot', id: snapshot.id })).toEqual({
      id: snapshot.id,
      pool,
      original: { pool: 'default', backend, path: `/pools/default/snapshots/${snapshot.id}/${name}` },
      imageUse: content.backend === 'image' ? content.use : undefined,
      sizeBytes: volume.capacityBytes,
      occupiedBytes,
      lineage: 'first',
      volume: undefined,
    });
  },
);

describe.each(kinds)('a %s', (kind) => {
  test.each(['nobody', '', '../x', newObjectId('a', 'aaaaaaaa')])(
    'that does not exist is told: %j',
    async (id) => {
      await expect(findSource(fakeNode().model, { kind, id })).rejects.toMatchObject({
        kind: 'not-found',
        message: `${kind} ${JSON.stringify(id)} does not exist`,
      });
    },
  );

  test('of another node sends the provisioner there', async () => {
    const id = newObjectId('a', 'cccccccc');
    await expect(findSource(fakeNode().model, { kind, id })).rejects.toMatchObject({
      kind: 'exhausted',
      message: `${kind} "${id}" lies in a pool with the id cccccccc, which is not one of this node's`,
    });
  });

  test('that is damaged is neither there nor gone', async () => {
    const { model } = fakeNode();
    const index = kind === 'volume' ? model.volumes : model.snapshots;
    index.addDamaged({ id: 'v', pool: 'default', reason: 'it is empty' });
    await expect(findSource(model, { kind, id: 'v' })).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('in a pool that is not reachable is unavailable', async () => {
    const { model, pool, volume, snapshot } = await nodeWith({ backend: 'directory' });
    pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
    const { id } = kind === 'volume' ? volume : snapshot;
    await expect(findSource(model, { kind, id })).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test('is not found by the id of the other kind', async () => {
    const { model, volume, snapshot } = await nodeWith({ backend: 'directory' });
    const { id } = kind === 'volume' ? snapshot : volume;
    await expect(findSource(model, { kind, id })).rejects.toMatchObject({ kind: 'not-found' });
  });
});

test('of an inline volume nothing is copied: its pod would have to wait for the copy to end', async () => {
  const { model, addVolume } = fakeNode();
  const { id } = await addVolume('a', { inline: { targetPath: '/pod/target' } });
  const message = `volume "${id}" is an inline volume, and is not copied`;
  await expect(findSource(model, { kind: 'volume', id })).rejects.toMatchObject({ kind: 'invalid', message });
  await expect(sourceVolume(model, id)).rejects.toMatchObject({ kind: 'precondition', message });
});
