import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CreateVolumeRequest } from '../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import { fromSnapshot, fromVolume, snapshotOf } from '../../support/copies.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, fileSystem, image } from '../../support/image-node.ts';
import { listing } from '../../support/listing.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { createRequest } from '../../support/requests.ts';
import { TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const foreignId = `pvc-${'0'.repeat(16)}-deadbeef-01234567`;

let node: TestNode;
let volumeId: string;
let snapshotId: string;

beforeAll(async () => {
  node = new TestNode();
  await node.start();
  volumeId = await node.create('source', { capacity_range: { required_bytes: 4 * MIB } });
  snapshotId = (await snapshotOf(node, volumeId)).snapshot_id;
  return () => node.dispose();
});

const sized = (required_bytes: number, limit_bytes = 0) => ({
  capacity_range: { required_bytes, limit_bytes },
});

function create(name: string, changes: Partial<CreateVolumeRequest>) {
  return node.controller.CreateVolume(createRequest(name, changes));
}

/** Makes a volume from the existing one, or from its snapshot. */
const sources = {
  snapshot: () => fromSnapshot(snapshotId),
  volume: () => fromVolume(volumeId),
} as const;

const kinds = Object.keys(sources) as (keyof typeof sources)[];

describe.each(kinds)('a volume from a %s', (kind) => {
  const source = sources[kind];

  test('has the size of its source by default, or the requested size', async () => {
    const { volume } = await create(`${kind} same`, source());
    expect(volume?.capacity_bytes).toBe(`${4 * MIB}`);
    const larger = await create(`${kind} larger`, { ...source(), ...sized(4 * MIB + 1, 5 * MIB) });
    expect(larger.volume?.capacity_bytes).toBe(`${4 * MIB + 1}`);
    const limited = await create(`${kind} limited`, { ...source(), ...sized(0, 100 * MIB) });
    expect(limited.volume?.capacity_bytes).toBe(`${4 * MIB}`);
  });

  test('is never smaller than its source', async () => {
    const tooSmall = sized(4 * MIB - 1);
    await expectRefusal(
      create(`${kind} small`, { ...source(), ...tooSmall }),
      'OUT_OF_RANGE',
      'required_bytes',
    );
    const tooLimited = sized(0, 4 * MIB - 1);
    await expectRefusal(
      create(`${kind} small`, { ...source(), ...tooLimited }),
      'OUT_OF_RANGE',
      'limit_bytes',
    );
  });

  test('reports its source in every reply, also after a restart', async () => {
    const changes = source();
    const { volume } = await create(`${kind} told`, changes);
    const expected = changes.volume_content_source;
    expect(volume?.content_source).toMatchObject({ ...expected, type: kind });
    const check = async () => {
      const { volume: got } = await node.controller.ControllerGetVolume({
        volume_id: volume?.volume_id ?? '',
      });
      expect(got).toEqual(volume);
      const { entries } = await node.controller.ListVolumes({});
      expect(entries.map((entry) => entry.volume)).toContainEqual(volume);
    };
    await check();
    await node.restart();
    await check();
  });

  test('is returned again for the same request, and its name is refused with another source', async () => {
    const name = `${kind} again`;
    const first = await create(name, source());
    expect(await create(name, source())).toEqual(first);
    const otherKind = kind === 'volume' ? sources.snapshot() : sources.volume();
    const { snapshot_id } = await snapshotOf(node, volumeId, `for ${name}`);
    const others = [{ volume_content_source: null }, otherKind, fromSnapshot(snapshot_id)];
    for (const other of others) {
      const call = create(name, { capacity_range: null, ...other });
      await expectRefusal(call, 'ALREADY_EXISTS', `content source ${kind}`);
    }
    await expectRefusal(create('source', { ...source() }), 'ALREADY_EXISTS', 'no content source');
  });

  test('is refused under its name with a range that it does not fit', async () => {
    await create(`${kind} range`, source());
    await expectRefusal(
      create(`${kind} range`, { ...source(), ...sized(8 * MIB) }),
      'ALREADY_EXISTS',
      `${4 * MIB}`,
    );
  });

  test('is still returned after its source is deleted', async () => {
    const { volume: gone } = await create(`${kind} will go`, {});
    const gone_id = gone?.volume_id ?? '';
    const { snapshot_id } = await snapshotOf(node, gone_id, `${kind} will go`);
    const changes = kind === 'volume' ? fromVolume(gone_id) : fromSnapshot(snapshot_id);
    const made = await create(`${kind} stays`, changes);
    await node.controller.DeleteSnapshot({ snapshot_id });
    await node.controller.DeleteVolume({ volume_id: gone_id });
    expect(await create(`${kind} stays`, changes)).toEqual(made);
    await expectRefusal(create(`${kind} too late`, changes), 'NOT_FOUND', 'does not exist');
  });
});

describe('a source that cannot be used', () => {
  test.each(['../x', '../../victim', '/etc', '.', '..', 'a/b', 'unknown', ''])(
    'with the id %j makes nothing and touches nothing',
    async (id) => {
      const victim = join(node.directory, 'victim', 'data');
      mkdirSync(victim, { recursive: true });
      writeFileSync(join(victim, 'file'), 'precious');
      // The volumes deleted by earlier tests are removed in the background.
      await eventually(() => expect(readdirSync(join(node.pool, '.outgoing'))).toEqual([]));
      const before = listing(node.directory);
      const code = id === '' ? 'INVALID_ARGUMENT' : 'NOT_FOUND';
      for (const changes of [fromSnapshot(id), fromVolume(id)]) {
        await expectRefusal(create(`from ${id}`, changes), code, id);
      }
      const snapshot = node.controller.CreateSnapshot({ name: `of ${id}`, source_volume_id: id });
      await expectRefusal(snapshot, code, id);
      await node.controller.DeleteSnapshot({ snapshot_id: id === '' ? 'unknown' : id });
      expect(listing(node.directory)).toEqual(before);
    },
  );

  test('on another node makes the CO try that node', async () => {
    await expectRefusal(create('foreign', fromSnapshot(foreignId)), 'RESOURCE_EXHAUSTED', 'deadbeef');
    await expectRefusal(create('foreign', fromVolume(foreignId)), 'RESOURCE_EXHAUSTED', 'deadbeef');
    const snapshot = node.controller.CreateSnapshot({ name: 'foreign', source_volume_id: foreignId });
    // The snapshotter would hang after RESOURCE_EXHAUSTED.
    await expectRefusal(snapshot, 'FAILED_PRECONDITION', 'deadbeef');
  });

  test('of an unknown type is named', async () => {
    const changes = { capacity_range: null, volume_content_source: {} };
    await expectRefusal(create('neither', changes), 'INVALID_ARGUMENT', 'volume_content_source');
  });

  test('is not found if the id of a volume is given as that of a snapshot, or the other way round', async () => {
    await expectRefusal(create('crossed', fromSnapshot(volumeId)), 'NOT_FOUND', volumeId);
    await expectRefusal(create('crossed', fromVolume(snapshotId)), 'NOT_FOUND', snapshotId);
  });
});

test.each(kinds)('a directory cannot become an image or a block volume from its %s', async (kind) => {
  const before = listing(node.pool);
  const asImage = create('as image', { ...sources[kind](), parameters: { backend: 'image' } });
  await expectRefusal(asImage, 'INVALID_ARGUMENT', 'parameters.backend');
  const asBlock = create('as block', { ...sources[kind](), volume_capabilities: [blockDevice()] });
  await expectRefusal(asBlock, 'INVALID_ARGUMENT', 'block volume');
  expect(listing(node.pool)).toEqual(before);
});

describe.skipIf(!isHostRoot)('the copy of an image', () => {
  test.each(kinds)('from its %s is an image with the same file system, and nothing else', async (kind) => {
    const capability = fileSystem('xfs');
    const { volume_id } = await node.createPublished(`xfs for ${kind}`, capability, image(320 * MIB));
    const { snapshot_id } = await snapshotOf(node, volume_id, `xfs for ${kind}`);
    const from = kind === 'volume' ? fromVolume(volume_id) : fromSnapshot(snapshot_id);
    const before = listing(join(node.pool, 'volumes'));
    const directory = create('other', { ...from, parameters: { backend: 'directory' } });
    await expectRefusal(directory, 'INVALID_ARGUMENT', 'parameters.backend');
    const other = create('other', { ...from, volume_capabilities: [fileSystem('ext4')] });
    await expectRefusal(other, 'INVALID_ARGUMENT', 'fs_type');
    expect(listing(join(node.pool, 'volumes'))).toEqual(before);
    // Both are the defaults.
    const { volume } = await create(`xfs from ${kind}`, { ...from, volume_capabilities: [fileSystem()] });
    expect(volume?.volume_context).toMatchObject({ backend: 'image' });
  });
});
