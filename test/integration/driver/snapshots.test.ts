import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CreateSnapshotRequest } from '../../../src/rpc/generated/csi/v1/CreateSnapshotRequest.ts';
import { fromSnapshot, snapshotOf } from '../../support/copies.ts';
import { listing } from '../../support/listing.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const foreignId = `snapshot-${'0'.repeat(16)}-deadbeef-01234567`;
const here = { segments: { 'topology.hostpath.csi/node': 'node-1' } };
const elsewhere = { segments: { 'topology.hostpath.csi/node': 'node-2' } };

let node: TestNode;
let volumeId: string;

beforeAll(async () => {
  node = new TestNode();
  await node.start({ ownProcess: true });
  volumeId = await node.create('source', { capacity_range: { required_bytes: 4 * MIB } });
  return () => node.dispose();
});

async function cut(changes: CreateSnapshotRequest) {
  const { snapshot } = await node.controller.CreateSnapshot({ source_volume_id: volumeId, ...changes });
  if (!snapshot) throw new Error('the reply has no snapshot');
  return snapshot;
}

describe('a snapshot', () => {
  test('is ready at once, and reports the same source, size and time in every reply', async () => {
    const before = Date.now();
    const snapshot = await cut({ name: 'told' });
    const after = Date.now();
    expect(snapshot).toMatchObject({
      source_volume_id: volumeId,
      size_bytes: `${4 * MIB}`,
      ready_to_use: true,
      group_snapshot_id: '',
      accessible_topology: [here],
    });
    const { seconds, nanos } = snapshot.creation_time ?? { seconds: '0', nanos: 0 };
    const time = Number(seconds) * 1000 + nanos / 1_000_000;
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(after);
    const { snapshot_id } = snapshot;
    expect(await node.controller.GetSnapshot({ snapshot_id })).toEqual({ snapshot });
    const { entries } = await node.controller.ListSnapshots({ snapshot_id });
    expect(entries).toEqual([{ snapshot }]);
  });

  test('is returned again for the same request, and its name is refused for another volume', async () => {
    const snapshot = await cut({ name: 'again' });
    expect(await cut({ name: 'again' })).toEqual(snapshot);
    const source_volume_id = await node.create('other source');
    const other = node.controller.CreateSnapshot({ name: 'again', source_volume_id });
    await expectRefusal(other, 'ALREADY_EXISTS', volumeId);
    await node.controller.DeleteVolume({ volume_id: source_volume_id });
    const gone = node.controller.CreateSnapshot({ name: 'again', source_volume_id });
    await expectRefusal(gone, 'ALREADY_EXISTS', volumeId);
  });

  test('can have the name of a volume, and a volume that of a snapshot', async () => {
    const { snapshot_id } = await cut({ name: 'source' });
    const volume_id = await node.create('again', fromSnapshot(snapshot_id));
    expect(volume_id).not.toBe(snapshot_id);
  });

  test('of a volume that does not exist is refused', async () => {
    await expectRefusal(cut({ name: 'of nothing', source_volume_id: 'unknown' }), 'NOT_FOUND', 'unknown');
    await expectRefusal(cut({ name: '' }), 'INVALID_ARGUMENT', 'name');
    await expectRefusal(cut({ name: 'x', source_volume_id: '' }), 'INVALID_ARGUMENT', 'source_volume_id');
    await expectRefusal(cut({ name: 'x', parameters: { speed: 'high' } }), 'INVALID_ARGUMENT', 'speed');
  });

  test('is gone after it is deleted, once or twice, and its name can be reused', async () => {
    const { snapshot_id } = await cut({ name: 'deleted' });
    expect(existsSync(join(node.pool, 'snapshots', snapshot_id))).toBe(true);
    await node.controller.DeleteSnapshot({ snapshot_id });
    expect(existsSync(join(node.pool, 'snapshots', snapshot_id))).toBe(false);
    await node.controller.DeleteSnapshot({ snapshot_id });
    await expectRefusal(node.controller.GetSnapshot({ snapshot_id }), 'NOT_FOUND', snapshot_id);
    expect((await node.controller.ListSnapshots({ snapshot_id })).entries).toEqual([]);
    expect((await cut({ name: 'deleted' })).snapshot_id).not.toBe(snapshot_id);
  });

  test.each(['unknown', '../volumes', '/', '..'])(
    'with the unknown id %j counts as deleted',
    async (snapshot_id) => {
      const before = listing(node.directory, ['pool/.outgoing']);
      await node.controller.DeleteSnapshot({ snapshot_id });
      await expectRefusal(node.controller.GetSnapshot({ snapshot_id }), 'NOT_FOUND', snapshot_id);
      expect(listing(node.directory, ['pool/.outgoing'])).toEqual(before);
    },
  );

  test('of another node cannot be deleted here', async () => {
    const call = node.controller.DeleteSnapshot({ snapshot_id: foreignId });
    await expectRefusal(call, 'FAILED_PRECONDITION', 'deadbeef');
    await expectRefusal(node.controller.GetSnapshot({ snapshot_id: foreignId }), 'NOT_FOUND', foreignId);
  });

  test('cannot be used as a volume, nor a volume as a snapshot', async () => {
    const { snapshot_id } = await cut({ name: 'no volume' });
    await node.controller.DeleteVolume({ volume_id: snapshot_id });
    await node.controller.DeleteSnapshot({ snapshot_id: volumeId });
    await node.controller.GetSnapshot({ snapshot_id });
    await node.controller.ControllerGetVolume({ volume_id: volumeId });
  });

  test('needs an id for delete and get', async () => {
    await expectRefusal(node.controller.DeleteSnapshot({}), 'INVALID_ARGUMENT', 'snapshot_id');
    await expectRefusal(node.controller.GetSnapshot({}), 'INVALID_ARGUMENT', 'snapshot_id');
  });
});

describe('a snapshot that must be reached from', () => {
  test('this node is made, and so is one without requirements', async () => {
    for (const requisite of [[here], [elsewhere, here], []]) {
      const name = `reached ${requisite.length}`;
      const snapshot = await cut({ name, accessibility_requirements: { requisite } });
      expect(snapshot.accessible_topology).toEqual([here]);
      expect(await cut({ name, accessibility_requirements: { requisite } })).toEqual(snapshot);
    }
  });

  test('only another node is not made here', async () => {
    const accessibility_requirements = { requisite: [elsewhere] };
    const call = cut({ name: 'elsewhere', accessibility_requirements });
    await expectRefusal(call, 'RESOURCE_EXHAUSTED', 'accessibility_requirements.requisite');
    await cut({ name: 'reached from here' });
    const existing = cut({ name: 'reached from here', accessibility_requirements });
    await expectRefusal(existing, 'ALREADY_EXISTS', 'topology');
  });

  test('a preferred node is made here anyway, and reports its actual topology', async () => {
    for (const [name, place] of Object.entries({ 'prefers here': here, 'prefers elsewhere': elsewhere })) {
      const { snapshot_id } = await cut({ name, accessibility_requirements: { preferred: [place] } });
      const { snapshot } = await node.controller.GetSnapshot({ snapshot_id });
      expect(snapshot?.accessible_topology).toEqual([here]);
    }
  });
});

describe('after the driver was killed', () => {
  test('the same snapshots are listed, and can be restored and deleted', async () => {
    const { snapshot_id } = await snapshotOf(node, volumeId, 'survives');
    const before = await node.controller.ListSnapshots({});
    await node.stop('SIGKILL');
    await node.start();
    expect(await node.controller.ListSnapshots({})).toEqual(before);
    expect(await snapshotOf(node, volumeId, 'survives')).toMatchObject({ snapshot_id });
    await node.create('restored after it', fromSnapshot(snapshot_id));
    await node.controller.DeleteSnapshot({ snapshot_id });
  });
});
