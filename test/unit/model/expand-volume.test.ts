import { describe, expect, test, vi } from 'vitest';
import type { Volume, VolumeContent } from '../../../src/model/objects/volume.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import { expandContent, expandMounted, expandStaged, stageVolume } from './fakes/calls.ts';
import { makeDirectoryEntry, plainStatus } from './fakes/fake-tree.ts';
import { failAt } from './fakes/gate.ts';
import { imageAt } from './fakes/images.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';
import { blockCapability, blockContent, capability, imageContent } from './fakes/requests.ts';

const quota: VolumeContent = { backend: 'quota', projectId: 7 };
const range = (requiredBytes: bigint, limitBytes = 0n) => ({ requiredBytes, limitBytes });

async function nodeWith(content: VolumeContent, settings: FakeModelSettings = {}) {
  const node = fakeNode(settings);
  const volume = await node.addVolume('a', { content, capacityBytes: 100n });
  const expand = (asked = range(200n), maximumBytes = 1000n) =>
    expandContent(node.model, node.model.catalogue.volumes.find(volume.id) ?? volume, asked, maximumBytes);
  const stored = async () => (await node.pool.records.volumes.load()).found[0]?.capacityBytes;
  return { ...node, volume, expand, stored };
}

describe('expanding the content', () => {
  test.each<[VolumeContent, boolean]>([
    [{ backend: 'directory' }, false],
    [quota, false],
    [blockContent, true],
    [imageContent(), true],
  ])(
    'of %j is recorded and accounted for; the node must be called: %s',
    async (content, needsNodeExpansion) => {
      const { model, pool, volume, expand, stored } = await nodeWith(content);
      const expanded = await expand();
      expect(expanded).toEqual({ volume: { ...volume, capacityBytes: 200n }, needsNodeExpansion });
      expect(model.catalogue.volumes.find(volume.id)).toEqual(expanded.volume);
      expect(await stored()).toBe(200n);
      expect(pool.account.reservedBytes).toBe(200n);
    },
  );

  test('raises the limit, or grows the image', async () => {
    const limited = await nodeWith(quota);
    await limited.expand();
    expect(limited.pool.backends.quota.limits.get(limited.volume.id)).toBe(200n);
    const image = await nodeWith(blockContent);
    await image.expand();
    expect(imageAt(image, image.volume).sizeBytes).toBe(200n);
  });

  test.each([range(0n), range(50n), range(100n), range(0n, 100n), range(50n, 150n)])(
    'of a volume that is large enough changes nothing: %o',
    async (asked) => {
      const { pool, volume, expand, stored } = await nodeWith(quota);
      expect((await expand(asked)).volume).toEqual(volume);
      expect(await stored()).toBe(100n);
      expect(pool.account.reservedBytes).toBe(100n);
    },
  );

  test('of an image makes whole sectors, and at least the next size of its file system', async () => {
    const node = await nodeWith(imageContent());
    node.devices.sectorBytes = 30n;
    expect((await node.expand(range(101n))).volume.capacityBytes).toBe(120n);
    imageAt(node, node.volume).holds = {
      fsType: 'btrfs',
      root: makeDirectoryEntry(plainStatus),
      sizeBytes: 100n,
      usedBytes: 0n,
    };
    await expect(node.expand(range(121n, 269n))).rejects.toMatchObject({
      kind: 'out-of-range',
      about: 'limitBytes',
      message: '269 is too small; the file system needs at least 256 bytes',
    });
    expect((await node.expand(range(121n, 270n))).volume.capacityBytes).toBe(270n);
  });

  test('of an image from an older driver fits its original request', async () => {
    const { devices, expand } = await nodeWith(blockContent);
    devices.sectorBytes = 50n;
    expect((await expand(range(99n, 99n))).volume.capacityBytes).toBe(100n);
  });

  test.each([
    ['it would shrink', range(0n, 99n), 1000n, 'out-of-range', 'cannot shrink'],
    ['it would exceed the maximum', range(201n), 200n, 'out-of-range', 'exceeds the maximum volume size'],
    [
      'there is no capacity',
      range(400n),
      1000n,
      'out-of-range',
      'has room for 200 bytes, but 300 are needed',
    ],
  ])('is refused if %s, and nothing changes', async (_, asked, maximumBytes, kind, message) => {
    const { pool, volume, expand, stored } = await nodeWith(quota, { freeBytes: 300n });
    await expect(expand(asked, maximumBytes)).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(message),
    });
    expect(await stored()).toBe(100n);
    expect(pool.backends.quota.limits.get(volume.id)).toBe(100n);
    expect(pool.account.reservedBytes).toBe(100n);
  });

  test.each(['expand: content grown'] as const)(
    'that fails at "%s" reserves nothing, and can be repeated',
    async (step) => {
      let isBroken = true;
      const failure = new Error('no luck');
      const { pool, expand, stored } = await nodeWith(quota, {
        onStep: (current) => (isBroken ? failAt(step, failure)(current) : undefined),
      });
      await expect(expand()).rejects.toBe(failure);
      expect([await stored(), pool.account.reservedBytes]).toEqual([100n, 100n]);
      isBroken = false;
      await expand();
      expect([await stored(), pool.account.reservedBytes]).toEqual([200n, 200n]);
    },
  );

  test.each<[VolumeContent, string]>([
    [quota, 'its limit'],
    [imageContent(), 'its image'],
  ])('of %j that is not recorded leaves %s unchanged', async (content) => {
    const node = await nodeWith(content);
    const { pool, model, volume, expand, stored } = node;
    const held = () =>
      content === quota ? pool.backends.quota.limits.get(volume.id) : imageAt(node, volume).sizeBytes;
    const failure = new Error('no luck');
    const replace = vi.spyOn(pool.records.volumes, 'replace').mockRejectedValueOnce(failure);
    await expect(expand()).rejects.toBe(failure);
    expect([held(), await stored(), pool.account.reservedBytes]).toEqual([100n, 100n, 100n]);
    expect(model.catalogue.volumes.find(volume.id)).toEqual(volume);
    // The record was never replaced, so nothing restores it.
    expect(replace).toHaveBeenCalledTimes(1);
    await expand();
    expect([held(), await stored(), pool.account.reservedBytes]).toEqual([200n, 200n, 200n]);
  });

  test('that may have been recorded restores the old record before it shrinks anything', async () => {
    const { pool, volume, expand, stored } = await nodeWith(quota);
    const { volumes } = pool.records;
    const replace = volumes.replace.bind(volumes);
    vi.spyOn(volumes, 'replace').mockImplementationOnce(async (object) => {
      await replace(object);
      throw new Error('not durable');
    });
    await expect(expand()).rejects.toThrow('not durable');
    expect([await stored(), pool.account.reservedBytes]).toEqual([100n, 100n]);
    expect(pool.backends.quota.limits.get(volume.id)).toBe(100n);
  });

  test('that can be neither recorded nor undone keeps its reservation, and is recorded by a retry', async () => {
    const { pool, model, volume, expand, stored } = await nodeWith(quota);
    vi.spyOn(pool.records.volumes, 'replace').mockRejectedValueOnce(new Error('no luck'));
    vi.spyOn(pool.backends.quota, 'undoGrowth').mockRejectedValueOnce(new Error('no luck either'));
    await expect(expand()).rejects.toThrow('no luck');
    expect([await stored(), pool.account.reservedBytes]).toEqual([100n, 200n]);
    expect(model.catalogue.volumes.find(volume.id)?.capacityBytes).toBe(200n);
    await expand();
    expect([await stored(), pool.account.reservedBytes]).toEqual([200n, 200n]);
  });

  test.each([imageContent(), blockContent])(
    'of an image (%j) that was truncated does not pad it',
    async (content) => {
      const node = await nodeWith(content);
      imageAt(node, node.volume).sizeBytes = 99n;
      await expect(node.expand()).rejects.toMatchObject({ kind: 'precondition' });
      expect(imageAt(node, node.volume).sizeBytes).toBe(99n);
      expect(node.pool.account.reservedBytes).toBe(100n);
    },
  );

  test('completes work that a crash has left undone', async () => {
    const { pool, volume, expand } = await nodeWith(quota);
    pool.backends.quota.limits.set(volume.id, 50n);
    await expand(range(100n));
    expect(pool.backends.quota.limits.get(volume.id)).toBe(100n);
  });

  test('restores the limit when the record cannot be written', async () => {
    const { pool, volume, expand } = await nodeWith(quota);
    pool.records.volumes.replace = () => Promise.reject(new Error('no'));
    await expect(expand()).rejects.toThrow('no');
    expect(pool.backends.quota.limits.get(volume.id)).toBe(100n);
    expect(pool.account.reservedBytes).toBe(100n);
  });

  test('of the same volume twice counts once', async () => {
    const { pool, expand } = await nodeWith(quota);
    await expand();
    await expand();
    await expand(range(300n));
    expect([pool.account.reservedBytes, pool.disk.reservedBytes]).toEqual([300n, 300n]);
  });

  test('goes through every step', async () => {
    const steps: string[] = [];
    const { expand } = await nodeWith(quota, { onStep: (step) => void steps.push(step) });
    steps.length = 0;
    await expand();
    expect(steps).toEqual(mutationSteps.expandVolume);
  });
});

describe('expanding a staged volume', () => {
  async function stagedNode(content: VolumeContent) {
    const steps: string[] = [];
    const node = await nodeWith(content, { onStep: (step) => void steps.push(step) });
    const asked = content === blockContent ? blockCapability() : capability();
    await stageVolume(node.model, node.volume, node.makeDirectory('/staging'), asked);
    const { volume } = await node.expand();
    steps.length = 0;
    const deviceBytes = async (each: Volume) => {
      const device = await node.devices.find(node.model.catalogue.dataOf(each).path);
      return device && node.mounts.loops.existing(device).sizeBytes;
    };
    return { ...node, volume, steps, deviceBytes };
  }

  test('makes the device and its file system fill the image', async () => {
    const { model, mounts, volume, steps, deviceBytes } = await stagedNode(imageContent());
    expect(await expandStaged(model, volume, '/staging')).toBe(200n);
    expect(await deviceBytes(volume)).toBe(200n);
    expect((await mounts.usage('/staging')).bytes.total).toBe(200n);
    expect(steps).toEqual(mutationSteps.expandImage);
  });

  test('reports that the file system can only grow at its next stage', async () => {
    const { model, mounts, volume } = await stagedNode(imageContent());
    mounts.canGrowExt4 = false;
    expect(await expandStaged(model, volume, '/staging')).toBeUndefined();
  });

  test('gives the device no more than the recorded size', async () => {
    const node = await stagedNode(imageContent());
    const { model, volume, deviceBytes } = node;
    // As after a crash before the record was replaced.
    imageAt(node, volume).sizeBytes = 300n;
    expect(await expandStaged(model, volume, '/staging')).toBe(200n);
    expect([await deviceBytes(volume), imageAt(node, volume).sizeBytes]).toEqual([200n, 200n]);
  });

  test('reserves the space in use of an image that is larger than its record', async () => {
    const node = await stagedNode(imageContent());
    const { model, pool, volume } = node;
    const image = imageAt(node, volume);
    image.sizeBytes = 300n;
    if (image.holds !== 'blank' && image.holds !== 'unknown') image.holds.sizeBytes = 300n;
    expect(await expandStaged(model, volume, '/staging')).toBe(300n);
    expect([await node.stored(), pool.account.reservedBytes]).toEqual([300n, 300n]);
  });

  test('grows the device of a block volume, wherever it is', async () => {
    const { model, volume, deviceBytes } = await stagedNode(blockContent);
    await expandMounted(model, volume);
    expect(await deviceBytes(volume)).toBe(200n);
  });

  test('finds where an image is mounted', async () => {
    const { model, mounts, volume } = await stagedNode(imageContent());
    await expandMounted(model, volume);
    expect((await mounts.usage('/staging')).bytes.total).toBe(200n);
  });

  test('does nothing for a directory, or if nothing is staged', async () => {
    const { model, volume } = await nodeWith(quota);
    expect(await expandStaged(model, volume, '/staging')).toBe(100n);
    for (const content of [imageContent(), blockContent]) {
      const image = await nodeWith(content);
      await expandMounted(image.model, image.volume);
      expect(await expandStaged(image.model, image.volume, '/staging')).toBe(100n);
    }
  });
});
