import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errno } from '../../../src/kernel/calls/errno.ts';
import { fromSnapshot, fromVolume, snapshotOf } from '../../support/copies.ts';
import { makeDeep } from '../../support/deep-path.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { listing } from '../../support/listing.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { createRequest } from '../../support/requests.ts';
import { makeRichTree } from '../../support/rich-tree.ts';
import { directories, nodeWith, plainDirectory, subvolumes } from '../../support/storages.ts';
import { type Published, startedNode, type TestNode } from '../../support/test-node.ts';
import { listTree } from '../../support/tree-listing.ts';

const MIB = 1024 ** 2;
const sized = (mebibytes: number) => ({ capacity_range: { required_bytes: mebibytes * MIB } });

/** Appends to a file, synced, until it is refused. @returns the MiB written, and the error that ended it */
function fill(path: string, mebibytes: number): { written: number; error: number | undefined } {
  const block = Buffer.alloc(MIB, 7);
  for (let written = 0; written < mebibytes; written++) {
    try {
      writeFileSync(path, block, { flag: 'a', flush: true });
    } catch (error) {
      return { written, error: (error as NodeJS.ErrnoException).errno };
    }
  }
  return { written: mebibytes, error: undefined };
}

async function totalOf({ node }: TestNode, { volume_id, target_path }: Published): Promise<number> {
  const { usage } = await node.NodeGetVolumeStats({ volume_id, volume_path: target_path });
  return Number(usage[0]?.total);
}

const others = directories.filter((storage) => storage !== plainDirectory);

test('a directory that is too deep is not copied, with the reason, and nothing is left behind', async () => {
  const node = await startedNode();
  const volume_id = await node.create('deep');
  const levels = Array.from({ length: 8200 }, () => 'd');
  makeDeep(join(node.pool, 'volumes', volume_id, 'data'), levels);
  const reason = 'its directories are nested more than 8192 levels deep';
  await expectRefusal(snapshotOf(node, volume_id), 'FAILED_PRECONDITION', reason);
  await expectRefusal(node.create('clone', fromVolume(volume_id)), 'FAILED_PRECONDITION', reason);
  expect(listing(join(node.pool, 'snapshots'))).toEqual([]);
  await node.controller.DeleteVolume({ volume_id });
  // The driver removes it in the background, and the end of the test what is left.
  await eventually(() => expect(readdirSync(join(node.pool, '.outgoing'))).toEqual([]));
});

describe.skipIf(!isHostRoot).each(others)('between the default pool and $name', (storage) => {
  test('a directory is copied with its whole content, in both directions', async () => {
    const { node, parameters } = await nodeWith(storage);
    const source = await node.createPublished('source', undefined, sized(64));
    await makeRichTree(source.target_path);
    const content = await listTree(source.target_path);
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    const there = await node.createPublished('there', undefined, {
      parameters,
      ...fromSnapshot(snapshot_id),
    });
    const { volume } = await node.controller.ControllerGetVolume(there);
    expect(volume?.volume_context).toMatchObject({ pool: 'other', backend: storage.backend });
    expect(await listTree(there.target_path)).toEqual(content);

    // The snapshot is in the pool of its source; a volume made from it can be in any pool.
    const second = await snapshotOf(node, there.volume_id, 'of the copy');
    const back = await node.createPublished('back', undefined, fromSnapshot(second.snapshot_id));
    expect(await listTree(back.target_path)).toEqual(content);
    const clone = await node.createPublished('clone', undefined, fromVolume(there.volume_id));
    expect(await listTree(clone.target_path)).toEqual(content);
  });
});

const limited = subvolumes.filter(({ name }) => !name.endsWith('off'));

describe.skipIf(!isHostRoot).each(limited)('on btrfs, $name', (storage) => {
  test('a copy has a limit of its own, whatever the limit of its source', async () => {
    const { node, parameters } = await nodeWith(storage);
    const source = await node.createPublished('source', undefined, { parameters, ...sized(64) });
    writeFileSync(join(source.target_path, 'file'), Buffer.alloc(16 * MIB, 1));
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    const copies = {
      same: { ...fromSnapshot(snapshot_id), size: 64 },
      larger: { ...fromSnapshot(snapshot_id), ...sized(128), size: 128 },
      clone: { ...fromVolume(source.volume_id), size: 64 },
      'larger clone': { ...fromVolume(source.volume_id), ...sized(96), size: 96 },
    };
    for (const [name, { size, ...changes }] of Object.entries(copies)) {
      const copy = await node.createPublished(name, undefined, { parameters, ...changes });
      expect(await totalOf(node, copy), name).toBe(size * MIB);
      const { written, error } = fill(join(copy.target_path, 'more'), 2 * size);
      expect(error, name).toBe(-errno.EDQUOT);
      // Simple quotas do not charge a copy for blocks that it shares with its original.
      const charged = storage.name.endsWith('squota') ? 0 : 16;
      expect(written, name).toBeGreaterThan(0.75 * size - charged);
      expect(written, name).toBeLessThanOrEqual(size - charged);
    }
    // The source keeps its limit.
    expect(await totalOf(node, source)).toBe(64 * MIB);
    expect(fill(join(source.target_path, 'more'), 100).error).toBe(-errno.EDQUOT);
  });

  test('a snapshot of a full volume can be taken, restored to the same size, and deleted', async () => {
    const { node, parameters } = await nodeWith(storage);
    const source = await node.createPublished('full', undefined, { parameters, ...sized(64) });
    expect(fill(join(source.target_path, 'file'), 100).error).toBe(-errno.EDQUOT);
    const content = await listTree(source.target_path);
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    const restored = await node.createPublished('restored', undefined, {
      parameters,
      ...fromSnapshot(snapshot_id),
    });
    expect(await listTree(restored.target_path)).toEqual(content);
    await node.controller.DeleteSnapshot({ snapshot_id });
  });

  test('a source with more data than the copy can hold is refused, and nothing is left behind', async () => {
    const { node, pool, parameters } = await nodeWith(storage);
    // The size of a plain directory is not enforced.
    const source = await node.createPublished('source', undefined, sized(16));
    expect(fill(join(source.target_path, 'file'), 40)).toEqual({ written: 40, error: undefined });
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    const before = listing(join(pool, 'volumes'));
    for (const from of [fromSnapshot(snapshot_id), fromVolume(source.volume_id)]) {
      const request = createRequest('too small', { parameters, ...from });
      await expectRefusal(node.controller.CreateVolume(request), 'OUT_OF_RANGE', 'capacity_range');
    }
    expect(listing(join(pool, 'volumes'))).toEqual(before);
    expect(listing(join(pool, '.incoming'))).toEqual([]);
    expect(execFileSync('btrfs', ['subvolume', 'list', pool], { encoding: 'utf8' })).toBe('');
    const larger = { parameters, ...fromSnapshot(snapshot_id), ...sized(64) };
    const restored = await node.createPublished('large enough', undefined, larger);
    expect(await listTree(restored.target_path)).toEqual(await listTree(source.target_path));
  });
});
