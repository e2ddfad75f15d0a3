import { describe, expect, test, vi } from 'vitest';
import type { VolumeContent } from '../../../src/model/objects/volume.ts';
import { createSnapshot, createVolume, type VolumeSpec } from './fakes/calls.ts';
import { deferred, gateAt } from './fakes/gate.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';
import { volumeSpec } from './fakes/requests.ts';

const quota: VolumeContent = { backend: 'quota', projectId: 7 };
const sharesBlocks = true;

/**
 * A node with a volume of 100 bytes that has 20 bytes of data, on a disk with 100 bytes left, and copies of it that
 * return the bytes reserved on that disk while they were made.
 */
async function nodeWith(settings: FakeModelSettings = {}, content: VolumeContent = quota) {
  const node = fakeNode({ freeBytes: 100n, ...settings });
  const { model, mounts, pool, fastPool } = node;
  const volume = await node.addVolume('a', { content, capacityBytes: 100n });
  const write = (name: string, bytes: number) =>
    mounts.tree.makeFile(`${model.catalogue.dataOf(volume).path}/${name}`, 'x'.repeat(bytes));
  write('file', 20);
  const reserved = () => pool.disk.reservedBytes;
  const during: bigint[] = [];
  for (const backend of [pool, fastPool].flatMap(({ backends }) => Object.values(backends))) {
    const { snapshot } = backend;
    vi.spyOn(backend, 'snapshot').mockImplementation((...args) => {
      during.push(reserved());
      return snapshot.apply(backend, args);
    });
  }
  const cut = async (name = 's') => {
    await createSnapshot(model, { name, sourceVolumeId: volume.id, requisite: [] });
    return during.at(-1);
  };
  const clone = async (changes: Partial<VolumeSpec> = {}) => {
    const range = { requiredBytes: 0n, limitBytes: 0n };
    await createVolume(
      model,
      volumeSpec({ name: 'b', range, source: { kind: 'volume', id: volume.id }, ...changes }),
    );
    return during.at(-1);
  };
  return { ...node, volume, write, reserved, during, cut, clone };
}

test('a copy knows about how much it will copy', async () => {
  const { model, pool, volume } = await nodeWith({ freeBytes: 200n, directories: { backend: 'quota' } });
  const expected: unknown[] = [];
  for (const [kind, method] of [
    ['directory', 'snapshot'],
    ['quota', 'provisionCopy'],
  ] as const) {
    vi.spyOn(pool.backends[kind], method).mockImplementation(async () => {
      expected.push(...model.copying.copies.running.map(({ expectedBytes }) => expectedBytes));
    });
  }
  const source = { kind: 'volume', id: volume.id } as const;
  await createSnapshot(model, { name: 's', sourceVolumeId: volume.id, requisite: [] });
  await createVolume(model, volumeSpec({ name: 'b', range: { requiredBytes: 0n, limitBytes: 0n }, source }));
  expect(expected).toEqual([20n, 20n]);
});

describe('for a copy that shares no blocks the disk needs', () => {
  test('the used space of its original, until the copy ends', async () => {
    const { reserved, cut } = await nodeWith({ freeBytes: 200n });
    expect([await cut(), reserved()]).toEqual([120n, 100n]);
  });

  test('the same, also if the copy fails', async () => {
    const { pool, reserved, cut } = await nodeWith({ freeBytes: 200n });
    const failure = new Error('full');
    vi.spyOn(pool.backends.quota, 'snapshot').mockRejectedValue(failure);
    vi.spyOn(pool.backends.directory, 'snapshot').mockRejectedValue(failure);
    await expect(cut()).rejects.toBe(failure);
    expect(reserved()).toBe(100n);
  });

  test('that space, or the copy is refused: nothing is written or reserved', async () => {
    const { reserved, during, cut } = await nodeWith({ freeBytes: 90n });
    await expect(cut()).rejects.toMatchObject({
      kind: 'exhausted',
      message: 'pool "default" has room for 10 bytes, but 20 are needed',
    });
    expect([during, reserved()]).toEqual([[], 100n]);
  });

  test('no more than the size of the new volume if that is enforced, and nothing is measured', async () => {
    const { pool, reserved, clone } = await nodeWith({
      freeBytes: 180n,
      directories: { backend: 'quota' },
    });
    const copyBytes = vi.spyOn(pool.backends.quota, 'copyBytes');
    expect([await clone(), reserved()]).toEqual([200n, 200n]);
    expect(copyBytes).not.toHaveBeenCalled();
  });

  test('as much on another disk, even if the pool there shares blocks between its own files', async () => {
    const { fastPool, reserved, clone } = await nodeWith({ sharesBlocks, hasTwoDisks: true });
    let reservedThere: bigint | undefined;
    vi.spyOn(fastPool.backends.directory, 'provisionCopy').mockImplementation(async () => {
      reservedThere = fastPool.disk.reservedBytes;
    });
    await clone({ pools: ['fast'] });
    expect([reservedThere, fastPool.disk.reservedBytes, reserved()]).toEqual([20n, 0n, 100n]);
  });

  test('a size that is checked before anything is copied, if that of the original is not enforced', async () => {
    const MiB = 1024n ** 2n;
    const settings = { freeBytes: 10n * MiB, directories: { backend: 'quota' } } as const;
    const { pool, during, clone } = await nodeWith(settings, { backend: 'directory' });
    vi.spyOn(pool.backends.directory, 'copyBytes').mockResolvedValue(3n * MiB);
    await expect(clone({ range: { requiredBytes: MiB, limitBytes: 0n } })).rejects.toMatchObject({
      kind: 'out-of-range',
      message: expect.stringContaining('1048576 is smaller than the content source (3145728 bytes)'),
    });
    expect(during).toEqual([]);
    expect(await clone({ range: { requiredBytes: 3n * MiB, limitBytes: 0n } })).toBe(3n * MiB);
  });

  test('to be measured, which stops with the driver', async () => {
    const { model, pool, during, cut } = await nodeWith({ freeBytes: 200n });
    const begun = deferred();
    vi.spyOn(pool.backends.quota, 'copyBytes').mockImplementation((_path, signal?: AbortSignal) => {
      begun.resolve();
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    });
    const cutting = cut();
    cutting.catch(() => {});
    await begun.promise;
    await model.copying.copies.stop();
    await expect(cutting).rejects.toMatchObject({ kind: 'unavailable' });
    expect(during).toEqual([]);
  });
});

describe('for a copy that shares its blocks the disk needs', () => {
  test('the space to overwrite its original', async () => {
    const { reserved, cut } = await nodeWith({ sharesBlocks });
    expect([await cut(), reserved()]).toEqual([120n, 100n]);
  });

  test('that space, or the copy is refused', async () => {
    const { during, cut } = await nodeWith({ sharesBlocks, freeBytes: 99n });
    await expect(cut()).rejects.toMatchObject({
      kind: 'exhausted',
      message: 'pool "default" has room for 19 bytes, but 20 are needed',
    });
    expect(during).toEqual([]);
  });

  test('nothing more if all of the original is already shared', async () => {
    const { cut } = await nodeWith({ sharesBlocks });
    await cut();
    expect(await cut('t')).toBe(100n);
  });

  test('nothing for a plain directory, for which no space is reserved', async () => {
    const { cut } = await nodeWith({ sharesBlocks }, { backend: 'directory' });
    expect(await cut()).toBe(0n);
  });

  test('nothing for a snapshot, which is never overwritten', async () => {
    const { model, cut, clone } = await nodeWith({ sharesBlocks, freeBytes: 200n });
    await cut();
    const [snapshot] = model.catalogue.snapshots.all();
    expect(await clone({ source: { kind: 'snapshot', id: snapshot?.id ?? '' } })).toBe(100n);
  });
});

describe('the shared size of a volume', () => {
  test('is its used size, on disk and in the index', async () => {
    const { model, pool, volume, cut } = await nodeWith({ sharesBlocks });
    await cut();
    const marked = { ...volume, sharing: { lineage: volume.id, sharedBytes: 20n } };
    expect(model.catalogue.volumes.find(volume.id)).toEqual(marked);
    expect((await pool.records.volumes.load()).found).toEqual([marked]);
  });

  test('is written only if it is more than before', async () => {
    const { model, pool, volume, write, cut } = await nodeWith({ sharesBlocks });
    await cut();
    const replace = vi.spyOn(pool.records.volumes, 'replace');
    await cut('t');
    expect(replace).not.toHaveBeenCalled();
    write('more', 5);
    await cut('u');
    expect(model.catalogue.volumes.find(volume.id)?.sharing.sharedBytes).toBe(25n);
  });

  test('is stored with the current volume, not with an earlier state', async () => {
    const gate = gateAt('snapshot: directory made');
    const { model, volume, cut } = await nodeWith({ sharesBlocks, onStep: gate.onStep });
    const cutting = cut();
    await gate.reached;
    model.catalogue.volumes.replace({ ...volume, capacityBytes: 500n });
    gate.open();
    await cutting;
    expect(model.catalogue.volumes.find(volume.id)).toMatchObject({
      capacityBytes: 500n,
      sharing: { sharedBytes: 20n },
    });
  });

  test.each<[string, VolumeContent]>([
    ['the file system reports it', { backend: 'subvolume', isLimited: true }],
    ['the size of the volume is not enforced', { backend: 'directory' }],
  ])('need not be recorded if %s', async (_, content) => {
    const { model, pool, volume, cut } = await nodeWith({ sharesBlocks }, content);
    vi.spyOn(pool.backends.subvolume, 'occupiedBytes').mockResolvedValue({ total: 20n, exclusive: 3n });
    await cut();
    expect(model.catalogue.volumes.find(volume.id)).toBe(volume);
  });
});
