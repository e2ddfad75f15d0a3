import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { contentPathOf } from '../../../src/model/find/staged-content.ts';
import { stageVolume } from '../../../src/model/mounting/stage-volume.ts';
import { nameHash, newObjectId, parseOwnId } from '../../../src/model/objects/object-id.ts';
import type { Volume, VolumeContent } from '../../../src/model/objects/volume.ts';
import { createSnapshot, type SnapshotSpec } from '../../../src/model/snapshots/create-snapshot.ts';
import { mutationSteps, type OnStep } from '../../../src/model/steps.ts';
import { deleteVolume } from '../../../src/model/volumes/delete-volume.ts';
import { exampleSnapshot } from './example-snapshot.ts';
import { failAt } from './fakes/gate.ts';
import { type FakeModelSettings, fakeNode, fixedNow, here } from './fakes/model.ts';
import { blockContent, capability, imageContent } from './fakes/requests.ts';

const elsewhere = { 'topology.hostpath.csi/node': 'node-2' };

/** A node with a volume, and a way to cut it. */
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
  test('is what was asked for, on disk and in the index', async () => {
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
    expect(parseOwnId(snapshot.id)).toEqual({ nameHash: nameHash('s'), poolId: pool.id });
    expect((await pool.records.snapshots.load()).found).toEqual([snapshot]);
    expect(model.snapshots.find(snapshot.id)).toBe(snapshot);
  });

  test.each<[VolumeContent, object]>([
    [{ backend: 'quota', projectId: 7 }, { backend: 'directory' }],
    [{ backend: 'subvolume', isLimited: true }, { backend: 'subvolume' }],
    [imageContent('xfs'), imageContent('xfs')],
    [blockContent, blockContent],
  ])('of %j is kept as %j', async (content, kept) => {
    const { cut } = await nodeWith({ content });
    expect((await cut()).content).toEqual(kept);
  });

  test('holds what the volume held, and outlives it', async () => {
    const { model, mounts, volume, cut } = await nodeWith();
    mounts.tree.makeFile(`${contentPathOf(model, volume)}/file`, 'before');
    const { id } = await cut();
    mounts.tree.makeFile(`${contentPathOf(model, volume)}/file`, 'after');
    await deleteVolume(model, volume.id);
    const kept = mounts.tree.find(`/pools/default/snapshots/${id}/data/file`);
    expect(kept).toMatchObject({ kind: 'file', content: 'before' });
    expect(model.snapshots.find(id)).toBeDefined();
  });

  test('lies in the pool of its volume', async () => {
    const { fastPool, cut } = await nodeWith({ pool: 'fast' });
    const { id, pool } = await cut();
    expect([pool, parseOwnId(id)?.poolId]).toEqual(['fast', fastPool.id]);
  });

  test('goes through every step', async () => {
    const steps: string[] = [];
    const onStep: OnStep = (step) => void steps.push(step);
    const { cut } = await nodeWith({}, { onStep });
    steps.length = 0;
    await cut();
    expect(steps).toEqual(mutationSteps.createSnapshot);
  });

  test('of a mounted image without shared blocks freezes it in between', async () => {
    const steps: string[] = [];
    const onStep: OnStep = (step) => void steps.push(step);
    const { model, volume, makeDirectory, cut } = await nodeWith({ content: imageContent() }, { onStep });
    await stageVolume(model, volume, makeDirectory('/staging'), capability());
    steps.length = 0;
    await cut();
    const [made, written, ...rest] = mutationSteps.createSnapshot;
    expect(steps).toEqual([made, written, ...mutationSteps.freeze, ...rest]);
  });

  test('may have the name of a volume', async () => {
    const { volume, cut } = await nodeWith();
    expect((await cut({ name: volume.name })).name).toBe(volume.name);
  });
});

describe('a snapshot with a name that is taken', () => {
  test('is the one there is where it is of the same volume', async () => {
    const { pool, cut } = await nodeWith();
    const snapshot = await cut();
    expect(await cut({ requisite: [elsewhere, here] })).toBe(snapshot);
    expect((await pool.records.snapshots.load()).found).toHaveLength(1);
  });

  test('is answered where the volume is gone by now', async () => {
    const { model, volume, cut } = await nodeWith();
    const snapshot = await cut();
    await deleteVolume(model, volume.id);
    expect(await cut()).toBe(snapshot);
  });

  test('is refused where it is of another volume, which is named', async () => {
    const { addVolume, volume, cut } = await nodeWith();
    await cut();
    const other = await addVolume('b');
    await expect(cut({ sourceVolumeId: other.id })).rejects.toMatchObject({
      kind: 'already-exists',
      about: 'name',
      message: `a snapshot named "s" exists already, of volume "${volume.id}"`,
    });
  });

  test('is refused where it can be reached from other places than asked for', async () => {
    const { cut } = await nodeWith();
    await cut();
    await expect(cut({ requisite: [elsewhere] })).rejects.toMatchObject({
      kind: 'already-exists',
      about: 'name',
      message: `a snapshot named "s" exists already, with topology ${JSON.stringify(here)}`,
    });
  });

  test('is refused where the one of that name is damaged', async () => {
    const { model, pool, cut } = await nodeWith();
    model.snapshots.addDamaged({ id: newObjectId('s', pool.id), pool: 'default', reason: 'it is empty' });
    await expect(cut()).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('is unavailable while its pool is not reachable', async () => {
    const { pool, cut } = await nodeWith();
    await cut();
    pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
    await expect(cut()).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test.each([
    ['the same volume', 'OK'],
    ['another volume', 'already-exists'],
  ])('is found in a pool that comes back just then: of %s', async (which, outcome) => {
    const { model, pool, volume, cut } = await nodeWith();
    const sourceVolumeId = which === 'the same volume' ? volume.id : 'other';
    const known = exampleSnapshot({ sourceVolumeId });
    pool.checkReachable = async () => {
      if (!model.snapshots.findIntact(known.id)) model.snapshots.add(known);
    };
    const answer = cut().then(
      (snapshot) => (snapshot === known ? 'OK' : 'another'),
      (error: unknown) => (error instanceof VolumeError ? error.kind : error),
    );
    expect(await answer).toBe(outcome);
    expect((await pool.records.snapshots.load()).found).toEqual([]);
  });
});

describe('a snapshot that cannot be', () => {
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
      'lies in a pool with the id cccccccc',
    ],
    [
      'in a place that is another node',
      'exhausted',
      { requisite: [elsewhere] },
      'none of the 1 places listed is this node',
    ],
  ])('is refused, and nothing is made: %s', async (_, kind, spec, message) => {
    const { model, pool, cut } = await nodeWith();
    await expect(cut(spec)).rejects.toMatchObject({ kind, message: expect.stringContaining(message) });
    expect((await pool.records.snapshots.load()).found).toEqual([]);
    expect(model.snapshots.all()).toEqual([]);
  });

  test('leaves the name free, and nothing behind, when the disk fails', async () => {
    const failure = new VolumeError('exhausted', 'no inodes left');
    let isBroken = true;
    const onStep: OnStep = (step) => (isBroken ? failAt('snapshot: content made', failure)(step) : undefined);
    const { model, mounts, cut } = await nodeWith({}, { onStep });
    await expect(cut()).rejects.toBe(failure);
    expect(model.snapshots.findByName('s')).toBeUndefined();
    for (const place of ['.incoming', 'snapshots']) {
      expect(mounts.tree.find(`/pools/default/${place}`)).toMatchObject({ entries: new Map() });
    }
    isBroken = false;
    expect((await cut()).name).toBe('s');
  });
});

test('with topology off, required places are not looked at', async () => {
  const { cut } = await nodeWith({}, { topology: undefined });
  expect((await cut({ requisite: [elsewhere] })).name).toBe('s');
  expect((await cut({ requisite: [elsewhere] })).name).toBe('s');
});
