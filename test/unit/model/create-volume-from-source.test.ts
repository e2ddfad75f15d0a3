import { describe, expect, test, vi } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import type { ContentSource, Volume } from '../../../src/model/objects/volume.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import {
  createGroupSnapshot,
  createSnapshot,
  createVolume,
  deleteSnapshot,
  deleteVolume,
  stageVolume,
  type VolumeSpec,
} from './fakes/calls.ts';
import { type FakeImage, makeDirectoryEntry } from './fakes/fake-tree.ts';
import { imageAt } from './fakes/images.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';
import {
  blockCapability,
  blockContent,
  capability,
  contentRequestWith,
  imageContent,
  volumeSpec,
} from './fakes/requests.ts';

const kinds = ['volume', 'snapshot'] as const;
const MiB = 1024n ** 2n;

/** Fills an image with a file system. */
function holdFileSystem(image: FakeImage): void {
  const { sizeBytes } = image;
  const root = makeDirectoryEntry({ uid: 0, gid: 0, mode: 0o777 });
  image.holds = { fsType: 'ext4', root, sizeBytes, usedBytes: sizeBytes };
}

/** A node with a volume, a snapshot of it, and a way to make volumes from either. */
async function nodeWith(changes: Partial<Volume> = {}, settings: FakeModelSettings = {}) {
  const node = fakeNode(settings);
  const { model, mounts } = node;
  const volume = await node.addVolume('original', changes);
  if (volume.content.backend === 'image') holdFileSystem(imageAt(node, volume));
  else mounts.tree.makeFile(`${model.catalogue.dataOf(volume).path}/file`, 'content');
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
  test('has the content of its source, and records it', async () => {
    const { model, mounts, pool, create, sourceOf } = await nodeWith();
    const made = await create(kind);
    expect(made).toMatchObject({ source: sourceOf(kind), sharing: { lineage: made.id, sharedBytes: 0n } });
    expect(mounts.tree.find(`${model.catalogue.dataOf(made).path}/file`)).toMatchObject({
      content: 'content',
    });
    expect((await pool.records.volumes.load()).found).toContainEqual(made);
    expect(model.catalogue.volumes.find(made.id)).toBe(made);
  });

  test('stays when its source is deleted', async () => {
    const { model, volume, snapshot, create } = await nodeWith();
    const made = await create(kind);
    await deleteSnapshot(model, snapshot.id);
    await deleteVolume(model, volume.id);
    expect(await create(kind)).toBe(made);
  });

  test.each([
    ['the size of its source by default', 0n, 2n * MiB],
    ['the requested size if that is larger', 3n * MiB, 3n * MiB],
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
  ])('is at least as large, because of %s', async (about, range) => {
    const { create } = await nodeWith();
    await expect(create(kind, { range })).rejects.toMatchObject({
      kind: 'out-of-range',
      about,
      message: '1048575 is smaller than the content source (1048576 bytes)',
    });
  });

  test('can be in another pool', async () => {
    const { model, mounts, create } = await nodeWith();
    const made = await create(kind, { pools: ['fast'] });
    expect(made.pool).toBe('fast');
    expect(mounts.tree.find(`${model.catalogue.dataOf(made).path}/file`)).toMatchObject({
      content: 'content',
    });
  });

  test('has the same kind: a copy of an image is an image', async () => {
    const node = await nodeWith({ content: imageContent(), capacityBytes: 1000n });
    const made = await node.create(kind, { range: { requiredBytes: 2000n, limitBytes: 0n } });
    expect(made.content).toEqual(imageContent('ext4'));
    expect(imageAt(node, made)).toMatchObject({ sizeBytes: 2000n, holds: { fsType: 'ext4' } });
  });

  test('is the same again for the same name, and refused with another source', async () => {
    const { addVolume, create, sourceOf } = await nodeWith();
    const made = await create(kind);
    expect(await create(kind)).toBe(made);
    const { id } = await addVolume('other');
    for (const source of [undefined, { kind: 'volume', id } as const]) {
      await expect(create(kind, { source })).rejects.toMatchObject({
        kind: 'already-exists',
        about: 'name',
        message: `a volume named "a" already exists, with content source ${kind} "${sourceOf(kind).id}"`,
      });
    }
  });

  test('goes through every step of a create', async () => {
    const steps: string[] = [];
    const { create } = await nodeWith({}, { onStep: (step) => void steps.push(step) });
    steps.length = 0;
    await create(kind);
    expect(steps).toEqual(mutationSteps.createVolume);
  });

  test('leaves nothing when the copy fails: the name and the reserved space are free', async () => {
    const { model, pool, create } = await nodeWith({ content: imageContent() });
    const reserved = pool.disk.reservedBytes;
    const failure = new VolumeError('exhausted', 'full');
    vi.spyOn(pool.backends.image, 'provisionCopy').mockRejectedValueOnce(failure);
    await expect(create(kind)).rejects.toBe(failure);
    expect(model.catalogue.volumes.findByName('a')).toBeUndefined();
    expect(pool.disk.reservedBytes).toBe(reserved);
    expect((await create(kind)).name).toBe('a');
  });

  test('shares its blocks, and its lineage, if the pool supports it', async () => {
    const { model, volume, create } = await nodeWith(
      { content: imageContent(), capacityBytes: 1000n },
      { sharesBlocks: true },
    );
    const made = await create(kind);
    expect(made.sharing).toEqual({ lineage: volume.id, sharedBytes: 1000n });
    expect(model.catalogue.volumes.find(volume.id)?.sharing).toEqual({
      lineage: volume.id,
      sharedBytes: 1000n,
    });
    const next = await createVolume(
      model,
      volumeSpec({ name: 'next', source: { kind: 'volume', id: made.id } }),
    );
    expect(next.sharing.lineage).toBe(volume.id);
  });
});

test('a volume made from a snapshot in a group has the content of its volume', async () => {
  const { model, mounts, volume, addVolume } = await nodeWith();
  const sourceVolumeIds = [(await addVolume('other')).id, volume.id];
  const { snapshots } = await createGroupSnapshot(model, { name: 'g', sourceVolumeIds });
  const id = snapshots.find(({ sourceVolumeId }) => sourceVolumeId === volume.id)?.id ?? '';
  const made = await createVolume(model, volumeSpec({ source: { kind: 'snapshot', id } }));
  expect(mounts.tree.find(`${model.catalogue.dataOf(made).path}/file`)).toMatchObject({ content: 'content' });
});

test('a directory of unknown usage may share its full size', async () => {
  const { volume, create } = await nodeWith({}, { sharesBlocks: true });
  expect((await create('volume')).sharing).toEqual({ lineage: volume.id, sharedBytes: MiB });
});

test('a volume that is made from a block volume can be mounted if that is allowed, and the other way round', async () => {
  const { create } = await nodeWith({ content: blockContent });
  await expect(create('snapshot')).rejects.toMatchObject({ about: 'allowVolumeModeChange' });
  expect((await create('snapshot', { allowsModeChange: true })).content).toEqual(imageContent('ext4'));
  const block = { contentRequest: contentRequestWith({ isBlock: true }), capabilities: [blockCapability()] };
  expect((await create('snapshot', { name: 'b', ...block })).content).toEqual(blockContent);
});

test.each([blockContent, imageContent()])('an unmountable volume is invalid: %j', async (content) => {
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

test('an impossible conversion of a directory is invalid, and no copy begins', async () => {
  const { create, copies } = await nodeWith();
  const before = copies.length;
  await expect(
    create('snapshot', { contentRequest: contentRequestWith({ isBlock: true }) }),
  ).rejects.toMatchObject({
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
