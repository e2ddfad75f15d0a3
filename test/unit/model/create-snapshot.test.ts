import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { nameHash, newObjectId, parseObjectId } from '../../../src/model/objects/object-id.ts';
import type { Volume, VolumeContent } from '../../../src/model/objects/volume.ts';
import { mutationSteps, type OnStep } from '../../../src/model/steps.ts';
import { exampleSnapshot } from './example-snapshot.ts';
import { createSnapshot, deleteVolume, type SnapshotSpec, stageVolume } from './fakes/calls.ts';
import { failAt } from './fakes/gate.ts';
import { type FakeModelSettings, fakeNode, fixedNow, here } from './fakes/model.ts';
import { blockContent, capability, imageContent } from './fakes/requests.ts';

const elsewhere = { 'topology.hostpath.csi/node': 'node-2' };

/** A node with a volume, and a way to make a snapshot of it. */
async function nodeWith(changes: Partial<Volume> = {}, settings: FakeModelSettings = {}) {
  const node = fakeNode(settings);
  const volume = await node.addVolume('a', changes);
  const specOf = (spec: Partial<SnapshotSpec> = {}): SnapshotSpec => ({
    name: 's',
    sourceVolumeId: volume.id,
    requisite: [],
    ...spec,
  });
  const cut = (spec?: Partial<SnapshotSpec>) => createSnapshot(node.model, specOf(spec));
  return { ...node, volume, cut };
}

describe('a new snapshot', () => {
  test('matches the request, on disk and in the index', async () => {
    const root = { uid: 1, gid: 2, mode: 0o2770 };
    const { model, pool, volume, cut } = await nodeWith({
      root,
      sharing: { lineage: 'first', sharedBytes: 0n },
    });
    const snapshot = await cut();
    expect(snapshot).toEqual({
      id: snapshot.id,
      name: 's',
      pool: 'default',
      groupId: undefined,
      sourceVolumeId: volume.id,
      content: { backend: 'directory' },
      sizeBytes: volume.capacityBytes,
      occupiedBytes: undefined,
      root,
      lineage: 'first',
      createdAt: fixedNow.toISOString(),
    });
    expect(parseObjectId(snapshot.id)).toEqual({ nameHash: nameHash('s'), poolId: pool.id });
    expect((await pool.records.snapshots.load()).found).toEqual([snapshot]);
    expect(model.catalogue.snapshots.find(snapshot.id)).toBe(snapshot);
  });

  test.each<[VolumeContent, object, bigint | undefined]>([
    [{ backend: 'directory' }, { backend: 'directory' }, undefined],
    [{ backend: 'quota', projectId: 7 }, { backend: 'directory' }, 20n],
    [{ backend: 'subvolume', isLimited: true }, { backend: 'subvolume' }, 20n],
    [imageContent('xfs'), imageContent('xfs'), 0n],
    [blockContent, blockContent, 0n],
  ])('of %j is stored as %j, with its used space: %s', async (content, kept, occupiedBytes) => {
    const { model, mounts, volume, cut } = await nodeWith({ content });
    const { path } = model.catalogue.dataOf(volume);
    if (content.backend !== 'image') mounts.tree.makeFile(`${path}/file`, 'x'.repeat(20));
    expect(await cut()).toMatchObject({ content: kept, occupiedBytes });
  });

  test('has the content of the volume, and outlives it', async () => {
    const { model, mounts, volume, cut } = await nodeWith();
    mounts.tree.makeFile(`${model.catalogue.dataOf(volume).path}/file`, 'before');
    const { id } = await cut();
    mounts.tree.makeFile(`${model.catalogue.dataOf(volume).path}/file`, 'after');
    await deleteVolume(model, volume.id);
    const kept = mounts.tree.find(`/pools/default/snapshots/${id}/data/file`);
    expect(kept).toMatchObject({ kind: 'file', content: 'before' });
    expect(model.catalogue.snapshots.find(id)).toBeDefined();
  });

  test('is in the pool of its volume', async () => {
    const { fastPool, cut } = await nodeWith({ pool: 'fast' });
    const { id, pool } = await cut();
    expect([pool, parseObjectId(id)?.poolId]).toEqual(['fast', fastPool.id]);
  });

  test('goes through every step', async () => {
    const steps: string[] = [];
    const onStep: OnStep = (step) => void steps.push(step);
    const { cut } = await nodeWith({}, { onStep });
    steps.length = 0;
    await cut();
    expect(steps).toEqual(mutationSteps.createSnapshot);
  });

  test('of a mounted image without shared blocks freezes it during the copy', async () => {
    const steps: string[] = [];
    const onStep: OnStep = (step) => void steps.push(step);
    const { model, volume, makeDirectory, cut } = await nodeWith({ content: imageContent() }, { onStep });
    await stageVolume(model, volume, makeDirectory('/staging'), capability());
    steps.length = 0;
    await cut();
    const [made, written, ...rest] = mutationSteps.createSnapshot;
    expect(steps).toEqual([made, written, ...mutationSteps.freeze, ...rest]);
  });

  test('can have the name of a volume', async () => {
    const { volume, cut } = await nodeWith();
    expect((await cut({ name: volume.name })).name).toBe(volume.name);
  });
});

describe('a snapshot with a name that is taken', () => {
  test('is returned if it is of the same volume', async () => {
    const { pool, cut } = await nodeWith();
    const snapshot = await cut();
    expect(await cut({ requisite: [elsewhere, here] })).toBe(snapshot);
    expect((await pool.records.snapshots.load()).found).toHaveLength(1);
  });

  test('is returned if the volume is deleted by now', async () => {
    const { model, volume, cut } = await nodeWith();
    const snapshot = await cut();
    await deleteVolume(model, volume.id);
    expect(await cut()).toBe(snapshot);
  });

  test('is refused if it is of another volume, which is named', async () => {
    const { addVolume, volume, cut } = await nodeWith();
    await cut();
    const other = await addVolume('b');
    await expect(cut({ sourceVolumeId: other.id })).rejects.toMatchObject({
      kind: 'already-exists',
      about: 'name',
      message: `a snapshot named "s" already exists for volume "${volume.id}"`,
    });
  });

  test('is refused if its topology does not match the request', async () => {
    const { cut } = await nodeWith();
    await cut();
    await expect(cut({ requisite: [elsewhere] })).rejects.toMatchObject({
      kind: 'already-exists',
      about: 'name',
      message: `a snapshot named "s" already exists with topology ${JSON.stringify(here)}`,
    });
  });

  test('is refused if the existing one is damaged', async () => {
    const { model, pool, cut } = await nodeWith();
    model.catalogue.snapshots.addDamaged({
      id: newObjectId('s', pool.id),
      pool: 'default',
      reason: 'it is empty',
    });
    await expect(cut()).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('is unavailable while its pool is unreachable', async () => {
    const { pool, cut } = await nodeWith();
    await cut();
    pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
    await expect(cut()).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test.each([
    ['the same volume', 'OK'],
    ['another volume', 'already-exists'],
  ])('is found in a pool that has just become reachable: of %s', async (which, outcome) => {
    const { model, pool, volume, cut } = await nodeWith();
    const sourceVolumeId = which === 'the same volume' ? volume.id : 'other';
    const known = exampleSnapshot({ sourceVolumeId });
    pool.checkReachable = async () => {
      if (!model.catalogue.snapshots.findIntact(known.id)) model.catalogue.snapshots.add(known);
    };
    const answer = cut().then(
      (snapshot) => (snapshot === known ? 'OK' : 'another'),
      (error: unknown) => (error instanceof VolumeError ? error.kind : error),
    );
    expect(await answer).toBe(outcome);
    expect((await pool.records.snapshots.load()).found).toEqual([]);
  });
});

describe('an impossible snapshot', () => {
  test.each([
    [
      'of a volume that does not exist',
      'not-found',
      { sourceVolumeId: 'nobody' },
      'volume "nobody" does not exist',
    ],
    [
      'of a volume of another node',
      'precondition',
      { sourceVolumeId: newObjectId('a', 'cccccccc') },
      'is in pool cccccccc',
    ],
    [
      'on another node only',
      'exhausted',
      { requisite: [elsewhere] },
      'none of the 1 requested topologies matches this node',
    ],
  ])('is refused, and nothing is made: %s', async (_, kind, spec, message) => {
    const { model, pool, cut } = await nodeWith();
    await expect(cut(spec)).rejects.toMatchObject({ kind, message: expect.stringContaining(message) });
    expect((await pool.records.snapshots.load()).found).toEqual([]);
    expect(model.catalogue.snapshots.all()).toEqual([]);
  });

  test('leaves the name free, and nothing behind, when the disk fails', async () => {
    const failure = new VolumeError('exhausted', 'no inodes left');
    let isBroken = true;
    const onStep: OnStep = (step) => (isBroken ? failAt('snapshot: content made', failure)(step) : undefined);
    const { model, mounts, cut } = await nodeWith({}, { onStep });
    await expect(cut()).rejects.toBe(failure);
    expect(model.catalogue.snapshots.findByName('s')).toBeUndefined();
    for (const place of ['.incoming', 'snapshots']) {
      expect(mounts.tree.find(`/pools/default/${place}`)).toMatchObject({ entries: new Map() });
    }
    isBroken = false;
    expect((await cut()).name).toBe('s');
  });
});

test('with topology off, the requisite topology is ignored', async () => {
  const { cut } = await nodeWith({}, { topology: undefined });
  expect((await cut({ requisite: [elsewhere] })).name).toBe('s');
  expect((await cut({ requisite: [elsewhere] })).name).toBe('s');
});
