import { describe, expect, test, vi } from 'vitest';
import type { BackendKind, VolumeContent } from '../../../src/model/objects/volume.ts';
import type { DirectoryAbility } from '../../../src/model/ports/pool.ts';
import { createSnapshot, createVolume, stageVolume, type VolumeSpec } from './fakes/calls.ts';
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

const contents: Record<BackendKind, VolumeContent> = {
  directory: { backend: 'directory' },
  quota: { backend: 'quota', projectId: 7 },
  subvolume: { backend: 'subvolume', isLimited: true },
  image: imageContent('ext4'),
};
const abilities: Record<BackendKind, DirectoryAbility> = {
  directory: { backend: 'directory' },
  quota: { backend: 'quota' },
  subvolume: { backend: 'subvolume', isLimited: true },
  image: { backend: 'directory' },
};

/** A volume of 100 bytes, and ways to copy it; `onCopy` runs during each copy of it. */
async function prepare(content: VolumeContent, settings: FakeModelSettings = {}) {
  const node = fakeNode(settings);
  const { model } = node;
  const volume = await node.addVolume('a', { content, capacityBytes: 100n });
  const cut = () => createSnapshot(model, { name: 's', sourceVolumeId: volume.id, requisite: [] });
  const clone = (changes: Partial<VolumeSpec> = {}) =>
    createVolume(
      model,
      volumeSpec({
        name: 'clone',
        range: { requiredBytes: 0n, limitBytes: 0n },
        source: { kind: 'volume', id: volume.id },
        ...changes,
      }),
    );
  const cloneBlock = (changes: Partial<VolumeSpec> = {}) =>
    clone({
      contentRequest: contentRequestWith({ isBlock: true }),
      capabilities: [blockCapability()],
      ...changes,
    });
  const write = (bytes: number) =>
    node.mounts.tree.makeFile(`${model.catalogue.dataOf(volume).path}/file`, 'x'.repeat(bytes));
  return { ...node, volume, cut, clone, cloneBlock, write };
}

describe('a clone may share the blocks of its original', () => {
  test.each<[string, FakeModelSettings, string, boolean]>([
    ['in a pool that supports it', { sharesBlocks: true }, 'default', true],
    ['in another pool on the same disk', { sharesBlocks: true }, 'fast', true],
    ['not in a pool without support', { sharesBlocks: false }, 'default', false],
    ['not in another pool without support', { sharesBlocks: false }, 'fast', false],
    ['not on another disk', { sharesBlocks: true, hasTwoDisks: true }, 'fast', false],
  ])('%s', async (_, settings, pool, isShared) => {
    const { volume, clone } = await prepare(contents.image, settings);
    const made = await clone({ pools: [pool] });
    expect(made.sharing.lineage).toBe(isShared ? volume.id : made.id);
  });
});

describe.each([true, false])(
  'a clone takes the same time for any amount of data; two disks: %s',
  (hasTwoDisks) => {
    test.each<[BackendKind, BackendKind, boolean]>([
      ['image', 'image', true],
      ['subvolume', 'subvolume', true],
      ['directory', 'subvolume', false],
      ['subvolume', 'directory', false],
      ['directory', 'directory', false],
      ['quota', 'quota', false],
    ])('if blocks are shared in its pool, from %s to %s: %s', async (from, to, isInstant) => {
      const settings = { sharesBlocks: true, hasTwoDisks, directories: abilities[to] };
      const { copies, clone } = await prepare(contents[from], settings);
      expect((await clone()).content.backend).toBe(to);
      expect(copies.map(({ state }) => state)).toEqual(isInstant ? [] : ['started', 'done']);
      // Only newer kernels share blocks between two pools, even on one disk.
      await clone({ name: 'far', pools: ['fast'] });
      expect(copies.slice(-2).map(({ state }) => state)).toEqual(['started', 'done']);
    });

    test('not if no blocks are shared', async () => {
      const { copies, clone } = await prepare(contents.image, { hasTwoDisks });
      await clone();
      expect(copies.map(({ state }) => state)).toEqual(['started', 'done']);
    });
  },
);

describe('copying a volume', () => {
  test('is reported, with its object and its amount, if it takes long', async () => {
    const { volume, cut, copies, write } = await prepare(contents.directory);
    write(5);
    const { id } = await cut();
    expect(copies).toMatchObject([
      { id, from: volume.id, state: 'started' },
      { id, state: 'done', copiedBytes: 5n },
    ]);
  });

  test('needs no slot if it is instant', async () => {
    const { cut, copies } = await prepare(contents.image, { sharesBlocks: true, copySlots: 0 });
    await cut();
    expect(copies).toEqual([]);
  });

  test('must be retried if every slot is taken; nothing is measured or written', async () => {
    const { pool, cut } = await prepare(contents.directory, { copySlots: 0 });
    const snapshot = vi.spyOn(pool.backends.directory, 'snapshot');
    const copyBytes = vi.spyOn(pool.backends.directory, 'copyBytes');
    await expect(cut()).rejects.toMatchObject({ kind: 'aborted' });
    expect(snapshot).not.toHaveBeenCalled();
    expect(copyBytes).not.toHaveBeenCalled();
  });

  test('records space as shared before it is', async () => {
    const node = await prepare(contents.image, { sharesBlocks: true });
    const { model, pool, volume, cut } = node;
    imageAt(node, volume).holds = 'unknown';
    let during: bigint | undefined;
    vi.spyOn(pool.backends.image, 'snapshot').mockImplementation(async () => {
      during = model.catalogue.volumes.find(volume.id)?.sharing.sharedBytes;
    });
    await cut();
    expect(during).toBe(100n);
  });

  test('records nothing if it shares nothing', async () => {
    const node = await prepare(contents.image);
    imageAt(node, node.volume).holds = 'unknown';
    await node.cut();
    expect(node.model.catalogue.volumes.find(node.volume.id)).toBe(node.volume);
  });
});

describe.each([
  ['another disk', true],
  ['another pool on its disk', false],
])('cloning a volume in use to %s, though its own pool shares blocks,', (_, hasTwoDisks) => {
  const settings = { sharesBlocks: true, hasTwoDisks };

  test('freezes a mounted image, because otherwise the copy would not be of one instant', async () => {
    const { model, mounts, pool, fastPool, volume, clone, makeDirectory } = await prepare(
      contents.image,
      settings,
    );
    await stageVolume(model, volume, makeDirectory('/staging'), capability());
    const frozen: boolean[] = [];
    for (const { backends } of [pool, fastPool]) {
      const { provisionCopy } = backends.image;
      vi.spyOn(backends.image, 'provisionCopy').mockImplementation((...args) => {
        frozen.push(mounts.isFrozen('/staging'));
        return provisionCopy.apply(backends.image, args);
      });
    }
    await clone();
    await clone({ name: 'far', pools: ['fast'] });
    expect(frozen).toEqual([false, true]);
  });

  test('refuses a block device', async () => {
    const { model, volume, cloneBlock, makeDirectory } = await prepare(blockContent, settings);
    await stageVolume(model, volume, makeDirectory('/staging'), blockCapability());
    await cloneBlock();
    await expect(cloneBlock({ name: 'far', pools: ['fast'] })).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining('is in use (/dev/loop1)'),
    });
  });

  test('copies a snapshot of it, which is never written to', async () => {
    const { model, volume, cut, cloneBlock, makeDirectory } = await prepare(blockContent, settings);
    await stageVolume(model, volume, makeDirectory('/staging'), blockCapability());
    const { id } = await cut();
    const made = await cloneBlock({ pools: ['fast'], source: { kind: 'snapshot', id } });
    expect(made.pool).toBe('fast');
  });
});
