import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromSnapshot, fromVolume, snapshotOf, takeDown } from '../../support/copies.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { allocatedBytes, blockDevice, deviceBytes, fileSystem } from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { makeRichTree } from '../../support/rich-tree.ts';
import { imagePools, nodeWith } from '../../support/storages.ts';
import { listTree } from '../../support/tree-listing.ts';

const MIB = 1024 ** 2;
const SIZE = 32 * MIB;
const volume_capability = blockDevice();
const sized = (bytes: number) => ({ capacity_range: { required_bytes: bytes } });

/** Writes to a device, and waits until the data is on the disk. */
async function write(path: string, data: Buffer, position: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.write(data, 0, data.length, position);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const poolNames = Object.keys(imagePools) as (keyof typeof imagePools)[];

describe.skipIf(!isHostRoot).each(poolNames)('a block volume on %s', (poolName) => {
  const makePool = imagePools[poolName];

  test('is copied byte for byte to restored and cloned volumes, and they change independently', async () => {
    const { node, pool, parameters } = await nodeWith({ backend: 'image', makePool });
    const publish = (name: string, changes: Parameters<typeof node.create>[1]) =>
      node.createPublished(name, volume_capability, { parameters, ...changes });
    const source = await publish('source', sized(SIZE));
    await write(source.target_path, randomBytes(MIB), 0);
    await write(source.target_path, randomBytes(4096), SIZE - 4096);
    const content = readFileSync(source.target_path);
    await takeDown(node, source);
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    const clone = await publish('clone', fromVolume(source.volume_id));

    const again = { ...source, volume_capability };
    await node.node.NodeStageVolume(again);
    await node.node.NodePublishVolume(again);
    await write(source.target_path, randomBytes(2 * MIB), 0);
    const changed = readFileSync(source.target_path);
    const restored = await publish('restored', fromSnapshot(snapshot_id));
    for (const copy of [clone, restored]) {
      expect(readFileSync(copy.target_path).equals(content)).toBe(true);
      expect(allocatedBytes(join(pool, 'volumes', copy.volume_id, 'image'))).toBeLessThan(4 * MIB);
      await write(copy.target_path, randomBytes(4096), 8 * MIB);
    }
    expect(readFileSync(source.target_path).equals(changed)).toBe(true);
  });

  test('is followed by zeros in a larger copy', async () => {
    const { node, parameters } = await nodeWith({ backend: 'image', makePool });
    const source = await node.createPublished('source', volume_capability, { parameters, ...sized(SIZE) });
    await write(source.target_path, randomBytes(4096), SIZE - 4096);
    const content = readFileSync(source.target_path);
    await takeDown(node, source);
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    const changes = { parameters, ...fromSnapshot(snapshot_id), ...sized(SIZE + MIB) };
    const copy = await node.createPublished('larger', volume_capability, changes);
    expect(deviceBytes(copy.target_path)).toBe(SIZE + MIB);
    const copied = readFileSync(copy.target_path);
    expect(copied.subarray(0, SIZE).equals(content)).toBe(true);
    expect(copied.subarray(SIZE).equals(Buffer.alloc(MIB))).toBe(true);
  });

  test('can be copied while in use only if blocks can be shared', async () => {
    const { node, parameters } = await nodeWith({ backend: 'image', makePool });
    const source = await node.createPublished('source', volume_capability, { parameters, ...sized(SIZE) });
    const data = randomBytes(MIB);
    await write(source.target_path, data, MIB);
    if (makePool === undefined) {
      await expectRefusal(snapshotOf(node, source.volume_id), 'FAILED_PRECONDITION', source.volume_id);
      const clone = node.create('clone', {
        parameters,
        volume_capabilities: [volume_capability],
        ...fromVolume(source.volume_id),
      });
      await expectRefusal(clone, 'FAILED_PRECONDITION', source.volume_id);
      return;
    }
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    await write(source.target_path, randomBytes(MIB), MIB);
    const copy = await node.createPublished('copy', volume_capability, {
      parameters,
      ...fromSnapshot(snapshot_id),
    });
    expect(
      readFileSync(copy.target_path)
        .subarray(MIB, 2 * MIB)
        .equals(data),
    ).toBe(true);
  });

  test('can become a mount volume if the class allows it, and a mount volume can become a block volume', async () => {
    const { node, parameters } = await nodeWith({ backend: 'image', makePool });
    const capability = fileSystem('ext4');
    const source = await node.createPublished('source', capability, { parameters, ...sized(SIZE) });
    await makeRichTree(source.target_path);
    const content = await listTree(source.target_path);
    await takeDown(node, source);
    const block = await node.create('block', {
      parameters,
      volume_capabilities: [volume_capability],
      ...fromVolume(source.volume_id),
    });
    const { snapshot_id } = await snapshotOf(node, block);
    const refused = node.create('mounted', { parameters, ...fromSnapshot(snapshot_id) });
    await expectRefusal(refused, 'INVALID_ARGUMENT', 'parameters.allowVolumeModeChange: ');
    const mounted = await node.createPublished('mounted', capability, {
      parameters: { ...parameters, allowVolumeModeChange: 'true' },
      ...fromSnapshot(snapshot_id),
    });
    // A class that has changed since does not make it a different volume.
    expect(
      await node.create('mounted', {
        parameters,
        volume_capabilities: [capability],
        ...fromSnapshot(snapshot_id),
      }),
    ).toBe(mounted.volume_id);
    expect(await listTree(mounted.target_path)).toEqual(content);
  });
});
