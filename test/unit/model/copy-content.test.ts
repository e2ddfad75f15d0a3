import { describe, expect, test, vi } from 'vitest';
import { type ContentCopy, copyContent, isInstant } from '../../../src/model/copying/copy-content.ts';
import { findSource } from '../../../src/model/copying/find-source.ts';
import { mayShareBlocks } from '../../../src/model/copying/shared-space.ts';
import { contentPathOf } from '../../../src/model/find/staged-content.ts';
import { stageVolume } from '../../../src/model/mounting/stage-volume.ts';
import { Account } from '../../../src/model/objects/account.ts';
import type { BackendKind, VolumeContent } from '../../../src/model/objects/volume.ts';
import type { Pool } from '../../../src/model/ports/pool.ts';
import { deferred } from './fakes/gate.ts';
import { imageAt } from './fakes/images.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';
import { blockCapability, blockContent, capability, imageContent } from './fakes/requests.ts';

const contents: Record<BackendKind, VolumeContent> = {
  directory: { backend: 'directory' },
  quota: { backend: 'quota', projectId: 7 },
  subvolume: { backend: 'subvolume', isLimited: true },
  image: imageContent('ext4'),
};

/** A copy of a volume in its own pool, and a pool on another disk that shares blocks as that one does. */
async function prepare(content: VolumeContent, settings: FakeModelSettings = {}) {
  const node = fakeNode(settings);
  const { model, pool } = node;
  const volume = await node.addVolume('a', { content, capacityBytes: 100n });
  const source = await findSource(model, { kind: 'volume', id: volume.id });
  const copy: ContentCopy = { id: 'copy', source, pool, backend: content.backend, reservedBytes: undefined };
  const elsewhere: Pool = { ...node.fastPool, disk: new Account(undefined) };
  return { ...node, volume, copy, elsewhere };
}

describe('a copy shares the blocks of its original', () => {
  test.each([
    ['in a pool that can', { sharesBlocks: true }, true],
    ['not in one that cannot', { sharesBlocks: false }, false],
  ])('%s', async (_, settings, expected) => {
    const { copy, fastPool } = await prepare(contents.image, settings);
    expect(mayShareBlocks(copy)).toBe(expected);
    expect(mayShareBlocks({ ...copy, pool: fastPool })).toBe(expected);
  });

  test('not on another disk', async () => {
    const { copy, elsewhere } = await prepare(contents.image, { sharesBlocks: true });
    expect(mayShareBlocks({ ...copy, pool: elsewhere })).toBe(false);
  });
});

describe('a copy takes the same time however much there is', () => {
  test.each<[BackendKind, BackendKind, boolean]>([
    ['image', 'image', true],
    ['subvolume', 'subvolume', true],
    ['directory', 'subvolume', false],
    ['subvolume', 'directory', false],
    ['directory', 'directory', false],
    ['quota', 'quota', false],
  ])('where blocks are shared, from %s to %s: %s', async (from, to, expected) => {
    const { copy, elsewhere } = await prepare(contents[from], { sharesBlocks: true });
    expect(isInstant({ ...copy, backend: to })).toBe(expected);
    expect(isInstant({ ...copy, backend: to, pool: elsewhere })).toBe(false);
  });

  test('not where none are', async () => {
    const { copy } = await prepare(contents.image);
    expect(isInstant(copy)).toBe(false);
  });
});

describe('copying', () => {
  test('answers what was made, and tells of it where it takes long', async () => {
    const { model, copy, copies } = await prepare(contents.directory);
    const made = await copyContent(model, copy, async ({ onBytes }) => {
      onBytes(5n);
      return 'made';
    });
    expect(made).toBe('made');
    expect(copies).toMatchObject([
      { id: 'copy', from: copy.source.id, state: 'started' },
      { id: 'copy', state: 'done', copiedBytes: 5n },
    ]);
  });

  test('needs no slot where it takes no time', async () => {
    const { model, copy, copies } = await prepare(contents.image, { sharesBlocks: true, copySlots: 0 });
    expect(await copyContent(model, copy, async () => 'made')).toBe('made');
    expect(copies).toEqual([]);
  });

  test('comes again later where every slot is taken; nothing is claimed or written', async () => {
    const { model, pool, copy } = await prepare(contents.directory, { copySlots: 0 });
    const [write, copyBytes] = [vi.fn<() => Promise<void>>(), vi.spyOn(pool.backends.directory, 'copyBytes')];
    await expect(copyContent(model, copy, write)).rejects.toMatchObject({ kind: 'aborted' });
    expect(write).not.toHaveBeenCalled();
    expect(copyBytes).not.toHaveBeenCalled();
  });

  test('writes nothing where there is no room', async () => {
    const { model, mounts, copy, volume } = await prepare(contents.directory, { freeBytes: 5n });
    mounts.tree.makeFile(`${contentPathOf(model, volume)}/file`, 'x'.repeat(6));
    const write = vi.fn<() => Promise<void>>();
    await expect(copyContent(model, copy, write)).rejects.toMatchObject({ kind: 'exhausted' });
    expect(write).not.toHaveBeenCalled();
  });

  test.each([
    ['succeeds', async () => {}],
    ['fails', () => Promise.reject(new Error('full'))],
  ])('keeps its room only until it %s', async (_, end) => {
    const { model, mounts, pool, copy, volume } = await prepare(contents.directory);
    mounts.tree.makeFile(`${contentPathOf(model, volume)}/file`, 'x'.repeat(6));
    let during = 0n;
    const copying = copyContent(model, copy, () => {
      during = pool.disk.reservedBytes;
      return end();
    });
    await copying.catch(() => {});
    expect([during, pool.disk.reservedBytes]).toEqual([6n, 0n]);
  });

  test('remembers what will be shared before it is', async () => {
    const node = await prepare(contents.image, { sharesBlocks: true });
    const { model, copy, volume } = node;
    imageAt(node, volume).holds = 'unknown';
    const shared = () => model.volumes.find(volume.id)?.sharing.sharedBytes;
    expect(await copyContent(model, copy, async () => shared())).toBe(100n);
  });

  test('remembers nothing of a copy that shares nothing', async () => {
    const node = await prepare(contents.image);
    const { model, copy, volume } = node;
    imageAt(node, volume).holds = 'unknown';
    await copyContent(model, copy, async () => {});
    expect(model.volumes.find(volume.id)).toBe(volume);
  });

  test('is stopped with the driver', async () => {
    const { model, copy } = await prepare(contents.directory);
    const begun = deferred();
    const copying = copyContent(model, copy, async ({ signal }) => {
      begun.resolve();
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    copying.catch(() => {});
    await begun.promise;
    await model.copies.stop();
    await expect(copying).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('copying a volume in use to another disk, though its own pool shares blocks,', () => {
  test('freezes an image that is mounted, for nothing else makes the copy one of one instant', async () => {
    const { model, mounts, copy, volume, elsewhere, makeDirectory } = await prepare(contents.image, {
      sharesBlocks: true,
    });
    await stageVolume(model, volume, makeDirectory('/staging'), capability());
    const isFrozen = async () => mounts.isFrozen('/staging');
    expect(await copyContent(model, copy, isFrozen)).toBe(false);
    const far = { ...copy, pool: elsewhere };
    expect(await copyContent(model, far, isFrozen)).toBe(true);
  });

  test('refuses a block device', async () => {
    const { model, copy, volume, elsewhere, makeDirectory } = await prepare(blockContent, {
      sharesBlocks: true,
    });
    await stageVolume(model, volume, makeDirectory('/staging'), blockCapability());
    await copyContent(model, copy, async () => {});
    await expect(copyContent(model, { ...copy, pool: elsewhere }, async () => {})).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining('is in use (/dev/loop1)'),
    });
  });

  test('leaves a snapshot alone, which nobody writes to', async () => {
    const { model, copy, volume, elsewhere, makeDirectory } = await prepare(blockContent, {
      sharesBlocks: true,
    });
    await stageVolume(model, volume, makeDirectory('/staging'), blockCapability());
    const source = { ...copy.source, volume: undefined };
    expect(await copyContent(model, { ...copy, source, pool: elsewhere }, async () => 'made')).toBe('made');
  });
});
