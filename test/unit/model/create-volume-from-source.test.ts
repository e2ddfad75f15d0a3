import { describe, expect, test, vi } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { contentPathOf } from '../../../src/model/find/staged-content.ts';
import { stageVolume } from '../../../src/model/mounting/stage-volume.ts';
import { newObjectId } from '../../../src/model/objects/object-id.ts';
import type { ContentSource, Volume } from '../../../src/model/objects/volume.ts';
import { createSnapshot } from '../../../src/model/snapshots/create-snapshot.ts';
import { deleteSnapshot } from '../../../src/model/snapshots/delete-snapshot.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import { createVolume, type VolumeSpec } from '../../../src/model/volumes/create-volume.ts';
import { deleteVolume } from '../../../src/model/volumes/delete-volume.ts';
import { type FakeImage, makeDirectoryEntry } from './fakes/fake-tree.ts';
import { imageAt } from './fakes/images.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';
import {
  blockCapability,
  blockContent,
  capability,
  contentWish,
  imageContent,
  volumeSpec,
} from './fakes/requests.ts';

const kinds = ['volume', 'snapshot'] as const;
const MiB = 1024n ** 2n;

/** A node with a volume, a snapshot of it, and a way to make volumes from either. */
/** Fills an image with a file system. */
function holdFileSystem(image: FakeImage): void {
  const { sizeBytes } = image;
  const root = makeDirectoryEntry({ uid: 0, gid: 0, mode: 0o777 });
  image.holds = { fsType: 'ext4', root, sizeBytes, usedBytes: sizeBytes };
}

async function nodeWith(changes: Partial<Volume> = {}, settings: FakeModelSettings = {}) {
  const node = fakeNode(settings);
  const { model, mounts } = node;
  const volume = await node.addVolume('original', changes);
  if (volume.content.backend === 'image') holdFileSystem(imageAt(node, volume));
  else mounts.tree.makeFile(`${contentPathOf(model, volume)}/file`, 'content');
  const snapshot = await createSnapshot(model, { name: 's', sourceVolumeId: volume.id, requisite: [] });
  const sourceOf = (kind: ContentSource['kind']): ContentSource => ({
    kind,
    id: kind === 'volume' ? volume.id : snapshot.id,
  });
  const create = (kind: ContentSource['kind'], spec: Partial<VolumeSpec> = {}) =>
    createVolume(model, volumeSpec({ source: sourceOf(kind), ...spec }));
  return { ...node, volume, snapshot, sourceOf, create };
}

describe.each(kinds)('a volume made from a %s', (kind) => {
  test('holds what that held, and remembers where it comes from', async () => {
    const { model, mounts, pool, create, sourceOf } = await nodeWith();
    const made = await create(kind);
    expect(made).toMatchObject({ source: sourceOf(kind), sharing: { lineage: made.id, sharedBytes: 0n } });
    expect(mounts.tree.find(`${contentPathOf(model, made)}/file`)).toMatchObject({ content: 'content' });
    expect((await pool.records.volumes.load()).found).toContainEqual(made);
    expect(model.volumes.find(made.id)).toBe(made);
  });

  test('stays when its source is gone', async () => {
    const { model, volume, snapshot, create } = await nodeWith();
    const made = await create(kind);
    await deleteSnapshot(model, snapshot.id);
    await deleteVolume(model, volume.id);
    expect(await create(kind)).toBe(made);
  });

  test.each([
    ['its source’s where no size is asked for', 0n, 2n * MiB],
    ['what is asked for where that is more', 3n * MiB, 3n * MiB],
  ])('has a size of its own: %s', async (_, requiredBytes, expected) => {
    const content = { backend: 'quota', projectId: 7 } as const;
    const { pool, create } = await nodeWith(
      { content, capacityBytes: 2n * MiB },
      { directories: { backend: 'quota' } },
    );
    const made = await create(kind, { range: { requiredBytes, limitBytes: 0n } });
    expect(made.capacityBytes).toBe(expected);
    expect(made.content).toEqual({ backend: 'quota', projectId: 101 });
    expect(pool.backends.quota.limits.get(made.id)).toBe(expected);
    expect(pool.disk.reservedBytes).toBe(2n * MiB + expected);
  });

  test.each([
    ['requiredBytes', { requiredBytes: MiB - 1n, limitBytes: 0n }],
    ['limitBytes', { requiredBytes: 0n, limitBytes: MiB - 1n }],
  ])('is no smaller than that, because of %s', async (about, range) => {
    const { create } = await nodeWith();
    await expect(create(kind, { range })).rejects.toMatchObject({
      kind: 'out-of-range',
      about,
      message: '1048575 bytes cannot hold the content source, which has 1048576',
    });
  });

  test('may lie in another pool', async () => {
    const { model, mounts, create } = await nodeWith();
    const made = await create(kind, { pool: 'fast' });
    expect(made.pool).toBe('fast');
    expect(mounts.tree.find(`${contentPathOf(model, made)}/file`)).toMatchObject({ content: 'content' });
  });

  test('is as that is: an image is an image', async () => {
    const node = await nodeWith({ content: imageContent(), capacityBytes: 1000n });
    const made = await node.create(kind, { range: { requiredBytes: 2000n, limitBytes: 0n } });
    expect(made.content).toEqual(imageContent('ext4'));
    expect(imageAt(node, made)).toMatchObject({ sizeBytes: 2000n, holds: { fsType: 'ext4' } });
  });

  test('is the same again for the same name, and another where the source is', async () => {
    const { addVolume, create, sourceOf } = await nodeWith();
    const made = await create(kind);
    expect(await create(kind)).toBe(made);
    const { id } = await addVolume('other');
    for (const source of [undefined, { kind: 'volume', id } as const]) {
      await expect(create(kind, { source })).rejects.toMatchObject({
        kind: 'already-exists',
        about: 'name',
        message: `a volume named "a" exists already, with content of ${kind} "${sourceOf(kind).id}"`,
      });
    }
  });

  test('is not made where it does not exist, or is another node’s', async () => {
    const { create, pool } = await nodeWith();
    const foreign = newObjectId('a', 'cccccccc');
    await expect(create(kind, { source: { kind, id: 'nobody' } })).rejects.toMatchObject({
      kind: 'not-found',
    });
    await expect(create(kind, { source: { kind, id: foreign } })).rejects.toMatchObject({
      kind: 'exhausted',
    });
    expect((await pool.records.volumes.load()).found).toHaveLength(1);
  });

  test('goes through every step of a create', async () => {
    const steps: string[] = [];
    const { create } = await nodeWith({}, { onStep: (step) => void steps.push(step) });
    steps.length = 0;
    await create(kind);
    expect(steps).toEqual(mutationSteps.createVolume);
  });

  test('leaves nothing when the copy fails: the name and the room are free', async () => {
    const { model, pool, create } = await nodeWith({ content: imageContent() });
    const reserved = pool.disk.reservedBytes;
    const failure = new VolumeError('exhausted', 'full');
    vi.spyOn(pool.backends.image, 'provisionCopy').mockRejectedValueOnce(failure);
    await expect(create(kind)).rejects.toBe(failure);
    expect(model.volumes.findByName('a')).toBeUndefined();
    expect(pool.disk.reservedBytes).toBe(reserved);
    expect((await create(kind)).name).toBe('a');
  });

  test('shares its blocks, and the lineage, where the pool can', async () => {
    const { model, volume, create } = await nodeWith(
      { content: imageContent(), capacityBytes: 1000n },
      { sharesBlocks: true },
    );
    const made = await create(kind);
    expect(made.sharing).toEqual({ lineage: volume.id, sharedBytes: 1000n });
    expect(model.volumes.find(volume.id)?.sharing).toEqual({ lineage: volume.id, sharedBytes: 1000n });
    const next = await createVolume(
      model,
      volumeSpec({ name: 'next', source: { kind: 'volume', id: made.id } }),
    );
    expect(next.sharing.lineage).toBe(volume.id);
  });
});

test('a directory of which nobody knows how much it holds may share all of its size', async () => {
  const { volume, create } = await nodeWith({}, { sharesBlocks: true });
  expect((await create('volume')).sharing).toEqual({ lineage: volume.id, sharedBytes: MiB });
});

test('a volume that is made from a block volume may be mounted where that is allowed, and the other way round', async () => {
  const { create } = await nodeWith({ content: blockContent });
  await expect(create('snapshot')).rejects.toMatchObject({ about: 'allowVolumeModeChange' });
  expect((await create('snapshot', { allowsModeChange: true })).content).toEqual(imageContent('ext4'));
  const block = { wish: contentWish({ isBlock: true }), capabilities: [blockCapability()] };
  expect((await create('snapshot', { name: 'b', ...block })).content).toEqual(blockContent);
});

test.each([blockContent, imageContent()])('what no stage would mount is invalid: %j', async (content) => {
  const node = await nodeWith({ content });
  const { holds } = imageAt(node, node.volume);
  if (holds === 'blank' || holds === 'unknown') throw new Error('it has no file system');
  holds.objection = 'it spans several devices';
  await expect(node.create('volume', { allowsModeChange: true })).rejects.toMatchObject({
    kind: 'invalid',
    about: 'capability',
    message: expect.stringContaining('several devices'),
  });
});

test('what a directory cannot become is invalid, and no copy begins', async () => {
  const { create, copies } = await nodeWith();
  const before = copies.length;
  await expect(create('snapshot', { wish: contentWish({ isBlock: true }) })).rejects.toMatchObject({
    kind: 'invalid',
  });
  expect(copies).toHaveLength(before);
});

test('a mounted image without shared blocks is frozen while it is cloned', async () => {
  const steps: string[] = [];
  const node = await nodeWith({ content: imageContent() }, { onStep: (step) => void steps.push(step) });
  const { model, volume, create } = node;
  imageAt(node, volume).holds = 'blank';
  await stageVolume(model, volume, node.makeDirectory('/staging'), capability());
  steps.length = 0;
  await create('volume');
  const [made, written, ...rest] = mutationSteps.createVolume;
  expect(steps).toEqual([made, written, ...mutationSteps.freeze, ...rest]);
});

test('a source that lies in a pool that is not reachable is unavailable, though the pool asked for is', async () => {
  const { pool, create } = await nodeWith();
  pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
  await expect(create('volume', { pool: 'fast' })).rejects.toMatchObject({ kind: 'unavailable' });
});
