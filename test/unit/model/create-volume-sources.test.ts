import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { newObjectId } from '../../../src/model/objects/object-id.ts';
import type { VolumeContent } from '../../../src/model/objects/volume.ts';
import { createSnapshot, createVolume } from './fakes/calls.ts';
import { fakeNode } from './fakes/model.ts';
import {
  blockCapability,
  blockContent,
  capability,
  contentRequestWith,
  imageContent,
  volumeSpec,
} from './fakes/requests.ts';

const kinds = ['volume', 'snapshot'] as const;
type Kind = (typeof kinds)[number];

/** A node with a volume that holds 20 bytes, a snapshot of it, and a way to make a volume from either. */
async function nodeWith(content: VolumeContent = { backend: 'directory' }) {
  const node = fakeNode({ sharesBlocks: true });
  const { model } = node;
  const sharing = { lineage: 'first', sharedBytes: 0n };
  const volume = await node.addVolume('original', { content, sharing, capacityBytes: 2000n });
  const { path } = model.catalogue.dataOf(volume);
  if (content.backend !== 'image') node.mounts.tree.makeFile(`${path}/file`, 'x'.repeat(20));
  const cut = () => createSnapshot(model, { name: 's', sourceVolumeId: volume.id, requisite: [] });
  const isBlock = content === blockContent;
  const create = (kind: Kind, id: string) =>
    createVolume(
      model,
      volumeSpec({
        source: { kind, id },
        range: { requiredBytes: 0n, limitBytes: 0n },
        contentRequest: contentRequestWith({ isBlock }),
        capabilities: [isBlock ? blockCapability() : capability()],
      }),
    );
  return { ...node, volume, path, cut, create };
}

describe.each(kinds)('a %s', (kind) => {
  test.each<[VolumeContent, bigint]>([
    // Without accounting, it may share all of its size.
    [{ backend: 'directory' }, 2000n],
    [{ backend: 'quota', projectId: 7 }, 20n],
    [{ backend: 'subvolume', isLimited: true }, 20n],
    [blockContent, 0n],
    [imageContent('xfs'), 0n],
  ])('as %j passes on its size, its lineage and the space that it shares', async (content, sharedBytes) => {
    const { model, volume, cut, create } = await nodeWith(content);
    const { id } = kind === 'volume' ? volume : await cut();
    // A snapshot outlives its volume.
    if (kind === 'snapshot') model.catalogue.volumes.remove(volume);
    const made = await create(kind, id);
    expect(made).toMatchObject({ capacityBytes: 2000n, sharing: { lineage: 'first', sharedBytes } });
    if (content.backend === 'image') expect(made.content).toEqual(content);
  });

  test.each(['nobody', '', '../x', newObjectId('a', 'aaaaaaaa')])(
    'that does not exist is reported: %j',
    async (id) => {
      const { create } = await nodeWith();
      await expect(create(kind, id)).rejects.toMatchObject({
        kind: 'not-found',
        message: `${kind} ${JSON.stringify(id)} does not exist`,
      });
    },
  );

  test('of another node makes the provisioner try that node', async () => {
    const { create } = await nodeWith();
    const id = newObjectId('a', 'cccccccc');
    await expect(create(kind, id)).rejects.toMatchObject({
      kind: 'exhausted',
      message: `${kind} "${id}" is in pool cccccccc, which does not exist on this node`,
    });
  });

  test('that is damaged is neither found nor missing', async () => {
    const { model, create } = await nodeWith();
    const index = kind === 'volume' ? model.catalogue.volumes : model.catalogue.snapshots;
    index.addDamaged({ id: 'v', pool: 'default', reason: 'it is empty' });
    await expect(create(kind, 'v')).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('in an unreachable pool is unavailable, even if the requested pool is reachable', async () => {
    const { model, pool, volume, cut } = await nodeWith();
    const { id } = kind === 'volume' ? volume : await cut();
    pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
    const spec = volumeSpec({ source: { kind, id }, pools: ['fast'] });
    await expect(createVolume(model, spec)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test('is not found by the id of the other kind', async () => {
    const { volume, cut, create } = await nodeWith();
    const snapshot = await cut();
    const { id } = kind === 'volume' ? snapshot : volume;
    await expect(create(kind, id)).rejects.toMatchObject({ kind: 'not-found' });
  });
});

test('a volume that was restored by hand is copied in its current form: a directory without accounting', async () => {
  const { mounts, path, copies, cut } = await nodeWith({ backend: 'subvolume', isLimited: true });
  mounts.tree.copy(path, '/copy');
  mounts.tree.remove(path);
  mounts.tree.move('/copy', path);
  expect((await cut()).occupiedBytes).toBeUndefined();
  // A copy of a subvolume that shares its blocks is instant, and not reported.
  expect(copies.map(({ state }) => state)).toEqual(['started', 'done']);
});

test('an inline volume is never copied: its pod would have to wait for the copy to end', async () => {
  const { model, addVolume, create } = await nodeWith();
  const { id } = await addVolume('inline', { inline: { targetPath: '/pod/target' } });
  const message = `volume "${id}" is an inline volume and cannot be copied`;
  await expect(create('volume', id)).rejects.toMatchObject({ kind: 'invalid', message });
  const cut = createSnapshot(model, { name: 't', sourceVolumeId: id, requisite: [] });
  await expect(cut).rejects.toMatchObject({ kind: 'precondition', message });
});
