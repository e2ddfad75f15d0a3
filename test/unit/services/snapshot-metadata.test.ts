import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../../src/model/objects/snapshot.ts';
import { csiServices } from '../../../src/rpc/proto.ts';
import { exampleGroup, exampleSnapshot } from '../model/example-snapshot.ts';
import { FakeBlocks } from '../model/fakes/fake-block-maps.ts';
import { fakeNode } from '../model/fakes/model.ts';
import { metadataMethodsOf, streamsOf } from './calls.ts';

const KIB = 1024;
const SIZE = 1024 * KIB;
const block = { backend: 'image', use: { accessType: 'block' } } as const;

interface Message {
  readonly block_metadata: { readonly byte_offset: string; readonly size_bytes: string }[];
}

/** A node with the service, and snapshots of a volume in it. */
function metadataNode(snapshotMetadata: 'FIXED_LENGTH' | 'VARIABLE_LENGTH' = 'FIXED_LENGTH') {
  const node = fakeNode({ features: { snapshotMetadata } });
  const { model, blockMaps, pool } = node;
  return {
    ...node,
    streams: streamsOf(csiServices.SnapshotMetadata, metadataMethodsOf(model)),
    imagePathOf: (snapshot: Snapshot) =>
      pool.backends.image.contentOf(model.catalogue.dataOfSnapshot(snapshot).directory),
    add(id: string, blocks: FakeBlocks, changes: Partial<Snapshot> = {}): Snapshot {
      const snapshot = exampleSnapshot({ id, name: id, content: block, ...changes });
      if (snapshot.groupId === undefined) model.catalogue.snapshots.add(snapshot);
      blockMaps.images.set(
        pool.backends.image.contentOf(model.catalogue.dataOfSnapshot(snapshot).directory),
        blocks,
      );
      return snapshot;
    },
  };
}

/** An image with content at some offsets. */
function written(offsets: readonly number[], sizeBytes = SIZE): FakeBlocks {
  const blocks = new FakeBlocks(BigInt(sizeBytes));
  for (const offset of offsets) blocks.write(Buffer.from('x'), offset);
  return blocks;
}

/** The blocks of all messages, in KiB. */
function blocksIn(messages: readonly Message[]): [offset: number, size: number][] {
  return messages.flatMap(({ block_metadata }) =>
    block_metadata.map((each): [number, number] => [
      Number(each.byte_offset) / KIB,
      Number(each.size_bytes) / KIB,
    ]),
  );
}

const first = { starting_offset: 0, max_results: 0 };

describe('GetMetadataAllocated', () => {
  test('returns the blocks with data, with the size of the volume and the block format', async () => {
    const { streams, add, blockMaps } = metadataNode();
    add('s', written([0, 5 * KIB, 200 * KIB]));
    expect(await streams.GetMetadataAllocated({ snapshot_id: 's', ...first })).toEqual([
      {
        block_metadata_type: 'FIXED_LENGTH',
        volume_capacity_bytes: `${SIZE}`,
        block_metadata: [
          { byte_offset: '0', size_bytes: '65536' },
          { byte_offset: `${192 * KIB}`, size_bytes: '65536' },
        ],
      },
    ]);
    expect(blockMaps.openCount).toBe(0);
  });

  test('returns variable ranges if that is chosen', async () => {
    const { streams, add } = metadataNode('VARIABLE_LENGTH');
    add('s', written([0, 5 * KIB, 200 * KIB]));
    const messages = await streams.GetMetadataAllocated({ snapshot_id: 's', ...first });
    expect(messages.map((each) => each.block_metadata_type)).toEqual(['VARIABLE_LENGTH']);
    expect(blocksIn(messages)).toEqual([
      [0, 8],
      [200, 4],
    ]);
  });

  test('returns an empty message if there are none', async () => {
    const { streams, add } = metadataNode();
    add('s', written([]));
    const none = {
      block_metadata_type: 'FIXED_LENGTH',
      volume_capacity_bytes: `${SIZE}`,
      block_metadata: [],
    };
    expect(await streams.GetMetadataAllocated({ snapshot_id: 's', ...first })).toEqual([none]);
    add('s2', written([0]));
    const atEnd = { snapshot_id: 's2', starting_offset: SIZE, max_results: 0 };
    expect(await streams.GetMetadataAllocated(atEnd)).toEqual([none]);
  });

  test('returns blocks from an offset on', async () => {
    const { streams, add } = metadataNode();
    add('s', written([0, 200 * KIB, 300 * KIB]));
    const request = { snapshot_id: 's', starting_offset: 201 * KIB, max_results: 0 };
    expect(blocksIn(await streams.GetMetadataAllocated(request))).toEqual([
      [192, 64],
      [256, 64],
    ]);
  });

  test('has no more in a message than requested, and never more than a thousand', async () => {
    const { streams, add } = metadataNode('VARIABLE_LENGTH');
    const offsets = Array.from({ length: 2500 }, (_, index) => index * 8 * KIB);
    add('s', written(offsets, 2500 * 8 * KIB));
    const lengths = async (max_results: number) => {
      const messages = await streams.GetMetadataAllocated({
        snapshot_id: 's',
        starting_offset: 0,
        max_results,
      });
      return messages.map(({ block_metadata }) => block_metadata.length);
    };
    expect(await lengths(0)).toEqual([1000, 1000, 500]);
    expect(await lengths(999)).toEqual([999, 999, 502]);
    expect(await lengths(2 ** 31 - 1)).toEqual([1000, 1000, 500]);
  });

  test('works for a snapshot in a group', async () => {
    const { streams, add, model } = metadataNode();
    const [member] = exampleGroup(['v']).snapshots;
    if (!member) throw new Error('the group is empty');
    const snapshot = add(member.id, written([0]), member);
    model.catalogue.snapshots.add({ ...snapshot, content: block });
    const messages = await streams.GetMetadataAllocated({ snapshot_id: member.id, ...first });
    expect(blocksIn(messages)).toEqual([[0, 64]]);
  });
});

describe('GetMetadataDelta', () => {
  const delta = { base_snapshot_id: 'base', target_snapshot_id: 'target', ...first };

  test('returns the changed blocks', async () => {
    const { streams, add, blockMaps } = metadataNode();
    add('base', written([0, 100 * KIB]));
    add('target', written([0, 100 * KIB, 300 * KIB]));
    const messages = await streams.GetMetadataDelta(delta);
    expect(messages).toMatchObject([
      { block_metadata_type: 'FIXED_LENGTH', volume_capacity_bytes: `${SIZE}` },
    ]);
    expect(blocksIn(messages)).toEqual([[256, 64]]);
    expect(blockMaps.openCount).toBe(0);
  });

  test('returns the size of the later one when the volume has grown in between', async () => {
    const { streams, add } = metadataNode();
    add('base', written([0]));
    add('target', written([0, SIZE + 5], 2 * SIZE));
    const messages = await streams.GetMetadataDelta(delta);
    expect(messages.map((each) => each.volume_capacity_bytes)).toEqual([`${2 * SIZE}`]);
    expect(blocksIn(messages)).toEqual([[SIZE / KIB, 64]]);
  });

  test('returns nothing without changes, also between a snapshot and itself', async () => {
    const { streams, add } = metadataNode();
    add('base', written([0]));
    add('target', written([0]));
    const isEmpty = [{ volume_capacity_bytes: `${SIZE}`, block_metadata: [] }];
    expect(await streams.GetMetadataDelta(delta)).toMatchObject(isEmpty);
    expect(await streams.GetMetadataDelta({ ...delta, target_snapshot_id: 'base' })).toMatchObject(isEmpty);
  });

  test('refuses snapshots of two volumes', async () => {
    const { streams, add, blockMaps } = metadataNode();
    add('base', written([0]));
    add('target', written([0]), { sourceVolumeId: 'w' });
    await expect(streams.GetMetadataDelta(delta)).rejects.toMatchObject({
      kind: 'invalid',
      message: 'target_snapshot_id: "target" is a snapshot of volume "w", but "base" is of "v"',
    });
    expect(blockMaps.openCount).toBe(0);
  });

  test('needs both, and closes the first when the second is missing', async () => {
    const { streams, add, blockMaps, model, imagePathOf } = metadataNode();
    const base = add('base', written([0]));
    await expect(streams.GetMetadataDelta(delta)).rejects.toMatchObject({ kind: 'not-found' });
    const target = add('target', written([0]));
    blockMaps.images.delete(imagePathOf(target));
    await expect(streams.GetMetadataDelta(delta)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(blockMaps.openCount).toBe(0);
    model.catalogue.snapshots.remove(base);
    await expect(streams.GetMetadataDelta(delta)).rejects.toMatchObject({
      kind: 'not-found',
      message: 'snapshot "base" does not exist',
    });
  });
});

describe('refuses', () => {
  const allocated = (changes: object) => ({ snapshot_id: 's', ...first, ...changes });

  test.each([
    ['no id', { snapshot_id: '' }, 'invalid', 'snapshot_id is required'],
    ['an unknown id', { snapshot_id: '../x' }, 'not-found', 'snapshot "../x" does not exist'],
    [
      'a negative offset',
      { starting_offset: -1 },
      'out-of-range',
      'starting_offset: -1 must be between 0 and',
    ],
    [
      'an offset beyond the end',
      { starting_offset: SIZE + 1 },
      'out-of-range',
      `must be between 0 and ${SIZE}`,
    ],
    ['a negative limit', { max_results: -1 }, 'invalid', 'max_results: -1 must not be negative'],
  ])('%s', async (_, changes, kind, text) => {
    const { streams, add, blockMaps } = metadataNode();
    add('s', written([0]));
    await expect(streams.GetMetadataAllocated(allocated(changes))).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(text),
    });
    expect(blockMaps.openCount).toBe(0);
  });

  test.each([
    ['base_snapshot_id', { base_snapshot_id: '', target_snapshot_id: 's' }],
    ['target_snapshot_id', { base_snapshot_id: 's', target_snapshot_id: '' }],
  ])('a delta without %s', async (field, ids) => {
    const { streams, add } = metadataNode();
    add('s', written([0]));
    await expect(streams.GetMetadataDelta({ ...ids, ...first })).rejects.toMatchObject({
      kind: 'invalid',
      message: `${field} is required`,
    });
  });

  test.each(['directory', 'subvolume'] as const)('a snapshot that has no blocks: %s', async (backend) => {
    const { streams, model } = metadataNode();
    model.catalogue.snapshots.add(exampleSnapshot({ id: 's', content: { backend } }));
    const message = expect.stringContaining('"s" is a snapshot of a directory');
    const refusal = { kind: 'invalid', message };
    await expect(streams.GetMetadataAllocated(allocated({}))).rejects.toMatchObject(refusal);
    const delta = { base_snapshot_id: 's', target_snapshot_id: 's', ...first };
    await expect(streams.GetMetadataDelta(delta)).rejects.toMatchObject(refusal);
  });

  test('a snapshot whose pool cannot be reached', async () => {
    const { streams, add, pool } = metadataNode();
    add('s', written([0]));
    const error = new Error('away');
    pool.checkReachable = () => Promise.reject(error);
    await expect(streams.GetMetadataAllocated(allocated({}))).rejects.toBe(error);
  });

  test('to continue when the caller has disconnected', async () => {
    const { streams, add, blockMaps } = metadataNode();
    add('s', written([0]));
    const reason = new Error('gone');
    const stopped = AbortSignal.abort(reason);
    await expect(streams.GetMetadataAllocated(allocated({}), stopped)).rejects.toBe(reason);
    const delta = { base_snapshot_id: 's', target_snapshot_id: 's', ...first };
    await expect(streams.GetMetadataDelta(delta, stopped)).rejects.toBe(reason);
    expect(blockMaps.openCount).toBe(0);
  });
});

test('a caller that needs no more gets the images closed', async () => {
  const { add, model, blockMaps } = metadataNode('VARIABLE_LENGTH');
  add('s', written([0, 100 * KIB, 200 * KIB]));
  const { GetMetadataAllocated } = metadataMethodsOf(model);
  const request = { snapshot_id: 's', starting_offset: '0', max_results: 1, secrets: {} };
  for await (const _ of GetMetadataAllocated?.stream(request, new AbortController().signal) ?? []) {
    expect(blockMaps.openCount).toBe(1);
    break;
  }
  expect(blockMaps.openCount).toBe(0);
});

test('without the flag the service has no methods', () => {
  expect(metadataMethodsOf(fakeNode().model)).toEqual({});
});
