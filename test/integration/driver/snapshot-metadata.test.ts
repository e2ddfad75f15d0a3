import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import type { BlockType } from '../../../src/model/ports/block-maps.ts';
import type { GetMetadataAllocatedRequest } from '../../../src/rpc/generated/csi/v1/GetMetadataAllocatedRequest.ts';
import type { GetMetadataAllocatedResponse__Output } from '../../../src/rpc/generated/csi/v1/GetMetadataAllocatedResponse.ts';
import type { GetMetadataDeltaRequest } from '../../../src/rpc/generated/csi/v1/GetMetadataDeltaRequest.ts';
import { faultsInChanges, faultsInData, type ReportedBlocks } from '../../support/block-truth.ts';
import { snapshotOf, takeDown } from '../../support/copies.ts';
import type { TestDriver } from '../../support/driver-process.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, fileSystem, image } from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { imagePools, nodeWith, type StorageNode } from '../../support/storages.ts';
import { type Published, startedNode, type TestNode } from '../../support/test-node.ts';
import { writeAt } from '../../support/write-at.ts';

const MIB = 1024 ** 2;
const SIZE = 16 * MIB;
const ENABLED = '--enable-snapshot-metadata';
const volume_capability = blockDevice();
const sized = (bytes: number) => ({ capacity_range: { required_bytes: bytes } });
const blockTypes: readonly BlockType[] = ['FIXED_LENGTH', 'VARIABLE_LENGTH'];

type Message = GetMetadataAllocatedResponse__Output;

function reportedBlocks(messages: readonly Message[], startingOffset = 0): ReportedBlocks {
  const [first] = messages;
  if (!first) throw new Error('there is no message');
  const { block_metadata_type, volume_capacity_bytes } = first;
  for (const each of messages) expect(each).toMatchObject({ block_metadata_type, volume_capacity_bytes });
  return {
    blockType: block_metadata_type as BlockType,
    sizeBytes: BigInt(volume_capacity_bytes),
    startingOffset: BigInt(startingOffset),
    ranges: messages.flatMap(({ block_metadata }) =>
      block_metadata.map(({ byte_offset, size_bytes }) => ({
        start: BigInt(byte_offset),
        end: BigInt(byte_offset) + BigInt(size_bytes),
      })),
    ),
  };
}

async function allocated(
  { snapshotMetadata }: TestNode,
  request: GetMetadataAllocatedRequest,
): Promise<ReportedBlocks> {
  const messages = await snapshotMetadata.GetMetadataAllocated(request).toArray();
  return reportedBlocks(messages, Number(request.starting_offset ?? 0));
}

async function delta(
  { snapshotMetadata }: TestNode,
  request: GetMetadataDeltaRequest,
): Promise<ReportedBlocks> {
  const messages = await snapshotMetadata.GetMetadataDelta(request).toArray();
  return reportedBlocks(messages, Number(request.starting_offset ?? 0));
}

/** Restarts the driver of a node, with the service in this block format. */
async function restartWith({ node, flags }: StorageNode, blockType: BlockType): Promise<TestDriver> {
  return node.restart({ flags: [...flags, ENABLED, `--snapshot-metadata-block-type=${blockType}`] });
}

/** Runs something while a volume is not staged, if a copy of it could not be of one instant otherwise. */
async function whileCuttable<T>(
  { node }: StorageNode,
  paths: Published,
  isShared: boolean,
  cut: () => Promise<T>,
): Promise<T> {
  if (isShared) return cut();
  await takeDown(node, paths);
  const result = await cut();
  await node.node.NodeStageVolume({ ...paths, volume_capability });
  await node.node.NodePublishVolume({ ...paths, volume_capability });
  return result;
}

/** A volume with two snapshots: of its first content, and of its later content. */
async function twoSnapshots(on: StorageNode, isShared: boolean) {
  const { node, pool, parameters } = on;
  const paths = await node.createPublished('source', volume_capability, { parameters, ...sized(SIZE) });
  const { volume_id, target_path } = paths;
  await writeAt(target_path, randomBytes(2 * MIB), MIB);
  await writeAt(target_path, Buffer.alloc(MIB, 'compressible'), 8 * MIB);
  const base = await whileCuttable(on, paths, isShared, () => snapshotOf(node, volume_id, 'base'));
  await writeAt(target_path, randomBytes(5000), MIB + 300_000);
  await writeAt(target_path, Buffer.alloc(100_000), 2 * MIB);
  await writeAt(target_path, Buffer.alloc(100_000), 5 * MIB);
  await writeAt(target_path, randomBytes(512), SIZE - 512);
  const target = await whileCuttable(on, paths, isShared, () => snapshotOf(node, volume_id, 'target'));
  const contentOf = ({ snapshot_id }: { snapshot_id: string }) =>
    readFileSync(join(pool, 'snapshots', snapshot_id, 'image'));
  const ids = { base_snapshot_id: base.snapshot_id, target_snapshot_id: target.snapshot_id };
  return { paths, base, target, ids, baseContent: contentOf(base), content: contentOf(target) };
}

const poolNames = Object.keys(imagePools) as (keyof typeof imagePools)[];

describe.skipIf(!isHostRoot).each(poolNames)('of a block volume on %s', (poolName) => {
  const makePool = imagePools[poolName];

  test('the reported blocks match the bytes of its snapshots, also after the volume is deleted', async () => {
    const on = await nodeWith({ backend: 'image', makePool });
    const { node } = on;
    const { paths, base, target, ids, baseContent, content } = await twoSnapshots(on, makePool !== undefined);
    await takeDown(node, paths);
    await node.controller.DeleteVolume(paths);
    for (const blockType of blockTypes) {
      await restartWith(on, blockType);
      for (const starting_offset of [0, MIB + 301_000, SIZE - 1, SIZE]) {
        for (const [{ snapshot_id }, bytes] of [[base, baseContent] as const, [target, content] as const]) {
          const reported = await allocated(node, { snapshot_id, starting_offset });
          expect(reported).toMatchObject({ blockType, sizeBytes: BigInt(SIZE) });
          expect(faultsInData(reported, bytes)).toEqual([]);
        }
        const reported = await delta(node, { ...ids, starting_offset });
        expect(reported).toMatchObject({ blockType, sizeBytes: BigInt(SIZE) });
        expect(faultsInChanges(reported, baseContent, content)).toEqual([]);
        expect(reported.ranges.length > 0).toBe(starting_offset < SIZE);
      }
    }
  });

  test('unwritten areas hold no data, and have no changes', async () => {
    const { node, flags, parameters } = await nodeWith({ backend: 'image', makePool });
    await node.restart({ flags: [...flags, ENABLED] });
    const volume = { parameters, volume_capabilities: [volume_capability], ...sized(1024 * MIB) };
    const volume_id = await node.create('blank', volume);
    const { snapshot_id } = await snapshotOf(node, volume_id, 'one');
    const other = await snapshotOf(node, volume_id, 'other');
    expect((await allocated(node, { snapshot_id })).ranges).toEqual([]);
    const ids = { base_snapshot_id: snapshot_id, target_snapshot_id: other.snapshot_id };
    expect(await delta(node, ids)).toMatchObject({ ranges: [], sizeBytes: BigInt(1024 * MIB) });
  });

  test('the area added by an expansion counts as zeros before it', async () => {
    const { node, flags, pool, parameters } = await nodeWith({ backend: 'image', makePool });
    await node.restart({ flags: [...flags, ENABLED, '--snapshot-metadata-block-type=VARIABLE_LENGTH'] });
    const volume = { parameters, volume_capabilities: [volume_capability], ...sized(1_000_001) };
    const volume_id = await node.create('grows', volume);
    const base = await snapshotOf(node, volume_id, 'before');
    await node.controller.ControllerExpandVolume({ volume_id, ...sized(SIZE) });
    await writeAt(join(pool, 'volumes', volume_id, 'image'), Buffer.from('new'), 3 * MIB);
    const target = await snapshotOf(node, volume_id, 'after');
    const ids = { base_snapshot_id: base.snapshot_id, target_snapshot_id: target.snapshot_id };
    expect(await delta(node, ids)).toMatchObject({
      sizeBytes: BigInt(SIZE),
      ranges: [{ start: BigInt(3 * MIB), end: BigInt(3 * MIB + 4096) }],
    });
    const sectors = BigInt(Math.ceil(1_000_001 / 512) * 512);
    expect((await allocated(node, base)).sizeBytes).toBe(sectors);
  });
});

describe.skipIf(!isHostRoot)('snapshots of a group', () => {
  test('can be compared with each other and with single ones', async () => {
    const node = await startedNode({ flags: [ENABLED, '--snapshot-metadata-block-type=VARIABLE_LENGTH'] });
    const volume = { volume_capabilities: [volume_capability], ...sized(MIB) };
    const volumes = [await node.create('a', volume), await node.create('b', volume)];
    const imageOf = (id = '') => join(node.pool, 'volumes', id, 'image');
    const cut = async (name: string) => {
      const { group_snapshot } = await node.groupController.CreateVolumeGroupSnapshot({
        name,
        source_volume_ids: volumes,
      });
      const member = group_snapshot?.snapshots.find((each) => each.source_volume_id === volumes[0]);
      return member?.snapshot_id ?? '';
    };
    const base_snapshot_id = await cut('first');
    await writeAt(imageOf(volumes[0]), Buffer.from('x'), 8192);
    const second = await cut('second');
    const { snapshot_id: single } = await snapshotOf(node, volumes[0] ?? '', 'single');
    const changed = [{ start: 8192n, end: 12_288n }];
    for (const target_snapshot_id of [second, single]) {
      expect((await delta(node, { base_snapshot_id, target_snapshot_id })).ranges).toEqual(changed);
    }
    const ids = { base_snapshot_id: second, target_snapshot_id: single };
    expect((await delta(node, ids)).ranges).toEqual([]);
    expect((await allocated(node, { snapshot_id: second })).ranges).toEqual(changed);
  });
});

/** A snapshot with so many blocks that no stream of it ends before it is read. */
async function largeSnapshot(node: TestNode) {
  const BLOCK = 512;
  const bytes = 16 * MIB + BLOCK;
  const volume = { volume_capabilities: [volume_capability], ...sized(bytes) };
  const volume_id = await node.create('large', volume);
  await writeAt(join(node.pool, 'volumes', volume_id, 'image'), randomBytes(bytes), 0);
  const { snapshot_id } = await snapshotOf(node, volume_id);
  return { snapshot_id, blockCount: bytes / BLOCK };
}

function callsIn(driver: TestDriver, method: string): Record<string, unknown>[] {
  const lines = driver.log().split('\n').filter(Boolean);
  return lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['method'] === method);
}

describe.skipIf(!isHostRoot)('a stream', () => {
  async function nodeWithLarge() {
    const node = await startedNode();
    const driver = await node.restart({ ownProcess: true, flags: [ENABLED, '-v=5'] });
    return { node, driver, ...(await largeSnapshot(node)) };
  }

  test('has at most the requested number of ranges in a message', async () => {
    const { node, snapshot_id, blockCount } = await nodeWithLarge();
    for (const [max_results, most] of [
      [0, 1000],
      [7, 7],
      [5000, 1000],
    ] as const) {
      const request = { snapshot_id, max_results };
      const messages = await node.snapshotMetadata.GetMetadataAllocated(request).toArray();
      expect(Math.max(...messages.map((each) => each.block_metadata.length))).toBe(most);
      expect(reportedBlocks(messages).ranges).toHaveLength(blockCount);
    }
  });

  test('can be resumed after it broke off', async () => {
    const { node, snapshot_id, blockCount } = await nodeWithLarge();
    const all = await allocated(node, { snapshot_id });
    const starting_offset = all.ranges[999]?.end.toString() ?? '';
    const rest = await allocated(node, { snapshot_id, starting_offset });
    expect(rest.ranges).toEqual(all.ranges.slice(1000));
    expect(all.ranges).toHaveLength(blockCount);
  });

  test('continues to its end when the snapshot is deleted during it', async () => {
    const { node, snapshot_id, blockCount } = await nodeWithLarge();
    const stream = node.snapshotMetadata.GetMetadataAllocated({ snapshot_id, max_results: 1 });
    await once(stream, 'readable');
    await node.controller.DeleteSnapshot({ snapshot_id });
    expect(reportedBlocks(await stream.toArray()).ranges).toHaveLength(blockCount);
    await expectRefusal(allocated(node, { snapshot_id }), 'NOT_FOUND', snapshot_id);
  });

  test('that is cancelled, or whose deadline expires, is logged as such, and others go on', async () => {
    const { node, driver, snapshot_id, blockCount } = await nodeWithLarge();
    const request = { snapshot_id, max_results: 1, secrets: { key: 'correct-horse' } };
    const slow = node.snapshotMetadata.GetMetadataAllocated(request);
    await once(slow, 'readable');
    const cancelled = node.snapshotMetadata.GetMetadataAllocated(request);
    await once(cancelled, 'readable');
    cancelled.cancel();
    await expect(cancelled.toArray()).rejects.toMatchObject({ code: status.CANCELLED });
    const late = node.snapshotMetadata.GetMetadataAllocated(request, { deadline: Date.now() + 5000 });
    await once(late, 'readable');
    const [error] = await once(late, 'error');
    expect(error).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    expect(reportedBlocks(await slow.toArray()).ranges).toHaveLength(blockCount);
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    const calls = callsIn(driver, 'GetMetadataAllocated');
    expect(calls.map((line) => line['code'])).toEqual(['CANCELLED', 'CANCELLED', 'OK']);
    for (const line of calls) expect(line).toMatchObject({ snapshotId: snapshot_id });
    expect(driver.log()).not.toContain('correct-horse');
  });
});

describe('the service', () => {
  test('is declared if it is enabled', async () => {
    const node = await startedNode({ flags: [ENABLED] });
    const { capabilities } = await node.identity.GetPluginCapabilities({});
    expect(capabilities.map(({ service }) => service?.type)).toContain('SNAPSHOT_METADATA_SERVICE');
  });

  test('reports no blocks for directories, for snapshots of two volumes, or for an empty request', async () => {
    const node = await startedNode({ flags: [ENABLED] });
    const directory = await node.create('directory');
    const { snapshot_id } = await snapshotOf(node, directory);
    await expectRefusal(allocated(node, { snapshot_id }), 'INVALID_ARGUMENT', snapshot_id);
    await expectRefusal(allocated(node, {}), 'INVALID_ARGUMENT', 'snapshot_id');
    await expectRefusal(allocated(node, { snapshot_id: 'absent' }), 'NOT_FOUND', 'absent');
    await expectRefusal(
      delta(node, { base_snapshot_id: 'absent' }),
      'INVALID_ARGUMENT',
      'target_snapshot_id',
    );
    const ids = { base_snapshot_id: snapshot_id, target_snapshot_id: snapshot_id };
    await expectRefusal(delta(node, ids), 'INVALID_ARGUMENT', 'base_snapshot_id');
  });

  test.skipIf(!isHostRoot)('refuses offsets outside of the snapshot, and other volumes', async () => {
    const node = await startedNode({ flags: [ENABLED] });
    const volume = { volume_capabilities: [volume_capability], ...sized(MIB) };
    const [one, other] = [await node.create('one', volume), await node.create('other', volume)];
    const { snapshot_id } = await snapshotOf(node, one, 'of one');
    const { snapshot_id: ofOther } = await snapshotOf(node, other, 'of other');
    for (const starting_offset of [-1, MIB + 1]) {
      await expectRefusal(
        allocated(node, { snapshot_id, starting_offset }),
        'OUT_OF_RANGE',
        `${starting_offset}`,
      );
    }
    await expectRefusal(allocated(node, { snapshot_id, max_results: -1 }), 'INVALID_ARGUMENT', 'max_results');
    const ids = { base_snapshot_id: snapshot_id, target_snapshot_id: ofOther };
    await expectRefusal(delta(node, ids), 'INVALID_ARGUMENT', other);
  });

  test.skipIf(!isHostRoot)('also reports the blocks of an image with a file system', async () => {
    const node = await startedNode({ flags: [ENABLED] });
    const paths = await node.createStaged('mounted', fileSystem('ext4'), image(SIZE));
    const { snapshot_id } = await snapshotOf(node, paths.volume_id);
    const content = readFileSync(join(node.pool, 'snapshots', snapshot_id, 'image'));
    const reported = await allocated(node, { snapshot_id });
    expect(reported.ranges.length).toBeGreaterThan(0);
    expect(faultsInData(reported, content)).toEqual([]);
  });
});
