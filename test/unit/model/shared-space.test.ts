import { describe, expect, test, vi } from 'vitest';
import type { ContentCopy } from '../../../src/model/copying/copy-content.ts';
import { findSource } from '../../../src/model/copying/find-source.ts';
import { claimSpace, markShared } from '../../../src/model/copying/shared-space.ts';
import { contentPathOf } from '../../../src/model/find/staged-content.ts';
import { Account } from '../../../src/model/objects/account.ts';
import type { Volume, VolumeContent } from '../../../src/model/objects/volume.ts';
import type { Pool } from '../../../src/model/ports/pool.ts';
import { exampleSnapshot } from './example-snapshot.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';

const quota: VolumeContent = { backend: 'quota', projectId: 7 };
const { signal } = new AbortController();

/** A node with a volume of 100 bytes that holds 20, on a disk with 100 bytes left. */
async function nodeWith(settings: FakeModelSettings, content: VolumeContent = quota) {
  const node = fakeNode({ freeBytes: 100n, ...settings });
  const { model } = node;
  const volume = await node.addVolume('a', { content, capacityBytes: 100n });
  node.mounts.tree.makeFile(`${contentPathOf(model, volume)}/file`, 'x'.repeat(20));
  const source = await findSource(model, { kind: 'volume', id: volume.id });
  const copy = (changes: Partial<ContentCopy> = {}): ContentCopy => ({
    id: 'copy',
    source,
    pool: node.pool,
    backend: 'directory',
    reservedBytes: undefined,
    ...changes,
  });
  return { ...node, volume, source, copy, reserved: () => node.pool.disk.reservedBytes };
}

describe('the room for a copy that shares no blocks', () => {
  test('is what its original has to be copied, until the claim ends', async () => {
    const { model, copy, reserved } = await nodeWith({ freeBytes: 200n });
    const release = await claimSpace(model, copy(), signal);
    expect(reserved()).toBe(120n);
    release();
    expect(reserved()).toBe(100n);
  });

  test('is refused where the disk has less, and told; nothing is reserved', async () => {
    const { model, copy, reserved } = await nodeWith({ freeBytes: 90n });
    await expect(claimSpace(model, copy(), signal)).rejects.toMatchObject({
      kind: 'exhausted',
      message: 'pool "default" has room for 10 bytes, not for 20 more',
    });
    expect(reserved()).toBe(100n);
  });

  test('is not asked for twice where the size of the volume is reserved already', async () => {
    const { model, copy, reserved } = await nodeWith({ freeBytes: 0n });
    (await claimSpace(model, copy({ reservedBytes: 1000n }), signal))();
    expect(reserved()).toBe(100n);
  });

  test('is looked at before anything is copied where nothing holds the original to a size', async () => {
    const { model, source, copy } = await nodeWith({ freeBytes: 0n });
    const unheld = { ...source, occupiedBytes: undefined };
    vi.spyOn(source.pool.backends.quota, 'copyBytes').mockResolvedValue(3n * 1024n ** 2n);
    const claim = (reservedBytes: bigint) =>
      claimSpace(model, copy({ source: unheld, reservedBytes }), signal);
    await expect(claim(1024n ** 2n)).rejects.toMatchObject({
      kind: 'out-of-range',
      message: expect.stringContaining('1048576 bytes cannot hold the content source, which has 3145728'),
    });
    (await claim(3n * 1024n ** 2n))();
  });

  test('counts on another disk though the pool there shares blocks between its own files', async () => {
    const { model, fastPool, copy, reserved } = await nodeWith({ sharesBlocks: true });
    const pool: Pool = { ...fastPool, disk: new Account(undefined) };
    await claimSpace(model, copy({ pool }), signal);
    expect([pool.disk.reservedBytes, reserved()]).toEqual([20n, 100n]);
  });

  test('is counted by something that can be stopped', async () => {
    const { model, pool, copy } = await nodeWith({ freeBytes: 200n });
    const copyBytes = vi.spyOn(pool.backends.quota, 'copyBytes');
    await claimSpace(model, copy(), signal);
    expect(copyBytes.mock.calls[0]?.at(-1)).toBe(signal);
  });
});

describe('the room for a copy that shares its blocks', () => {
  test('is what its original would take to write anew', async () => {
    const { model, copy, reserved } = await nodeWith({ sharesBlocks: true });
    const release = await claimSpace(model, copy(), signal);
    expect(reserved()).toBe(120n);
    release();
    expect(reserved()).toBe(100n);
  });

  test('is refused where the disk has less', async () => {
    const { model, copy } = await nodeWith({ sharesBlocks: true, freeBytes: 99n });
    await expect(claimSpace(model, copy(), signal)).rejects.toMatchObject({
      kind: 'exhausted',
      message: 'pool "default" has room for 19 bytes, not for 20 more',
    });
  });

  test('is none where all of the original is shared already', async () => {
    const { model, volume, copy, reserved } = await nodeWith({ sharesBlocks: true });
    await markShared(model, volume);
    model.snapshots.add(exampleSnapshot({ lineage: volume.id }));
    const current = model.volumes.find(volume.id);
    const source = { ...copy().source, volume: current };
    await claimSpace(model, copy({ source }), signal);
    expect(reserved()).toBe(100n);
  });

  test('is none for a plain directory, which nothing is kept free for', async () => {
    const { model, copy, reserved } = await nodeWith({ sharesBlocks: true }, { backend: 'directory' });
    await claimSpace(model, copy(), signal);
    expect(reserved()).toBe(0n);
  });

  test('is none for a snapshot, which nobody writes anew', async () => {
    const { model, source, copy, reserved } = await nodeWith({ sharesBlocks: true, freeBytes: 0n });
    await claimSpace(model, copy({ source: { ...source, volume: undefined } }), signal);
    expect(reserved()).toBe(100n);
  });
});

describe('what a volume may share from now on', () => {
  const sharedOf = (model: { volumes: { find(id: string): Volume | undefined } }, { id }: Volume) =>
    model.volumes.find(id)?.sharing.sharedBytes;

  test('is all it has, on disk and in the index', async () => {
    const { model, pool, volume } = await nodeWith({});
    await markShared(model, volume);
    expect(sharedOf(model, volume)).toBe(20n);
    const { found } = await pool.records.volumes.load();
    expect(found).toEqual([{ ...volume, sharing: { lineage: volume.id, sharedBytes: 20n } }]);
  });

  test('is written only where it is more than before', async () => {
    const { model, pool, volume, mounts } = await nodeWith({});
    await markShared(model, volume);
    const replace = vi.spyOn(pool.records.volumes, 'replace');
    await markShared(model, volume);
    expect(replace).not.toHaveBeenCalled();
    mounts.tree.makeFile(`${contentPathOf(model, volume)}/more`, 'x'.repeat(5));
    await markShared(model, volume);
    expect(sharedOf(model, volume)).toBe(25n);
  });

  test('is put on what the volume is by now, not on what it was', async () => {
    const { model, volume } = await nodeWith({});
    model.volumes.replace({ ...volume, capacityBytes: 500n });
    await markShared(model, volume);
    expect(model.volumes.find(volume.id)).toMatchObject({
      capacityBytes: 500n,
      sharing: { sharedBytes: 20n },
    });
  });

  test('need not be remembered where the file system tells it, or where nothing holds the volume', async () => {
    for (const content of [{ backend: 'subvolume', isLimited: true }, { backend: 'directory' }] as const) {
      const { model, pool, volume } = await nodeWith({}, content);
      vi.spyOn(pool.backends.subvolume, 'occupiedBytes').mockResolvedValue({ total: 20n, exclusive: 3n });
      await markShared(model, volume);
      expect(model.volumes.find(volume.id)).toBe(volume);
    }
  });
});
