import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { newObjectId } from '../../../src/model/objects/object-id.ts';
import { defaultMutableParameters } from '../../../src/model/objects/volume.ts';
import { noMountFlags } from '../../../src/model/requests/mount-flags.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import {
  attachVolume,
  createVolume,
  deleteVolume,
  detachVolume,
  stageVolume,
  unstageVolume,
} from './fakes/calls.ts';
import { gateAt, settled } from './fakes/gate.ts';
import { fakeNode, fixedNow } from './fakes/model.ts';
import { capability, volumeSpec } from './fakes/requests.ts';

test('a deleted volume is removed from disk and index, and its content is removed', async () => {
  const { model, pool, mounts, addVolume } = fakeNode();
  const volume = await addVolume();
  const directory = pool.records.volumes.directoryOf(volume.id);
  await deleteVolume(model, volume.id);
  expect(model.catalogue.volumes.find(volume.id)).toBeUndefined();
  expect(model.catalogue.volumes.findByName(volume.name)).toBeUndefined();
  expect((await pool.records.volumes.load()).found).toEqual([]);
  await pool.records.volumes.idle();
  expect(mounts.entryAt(directory)).toBeUndefined();
});

test('goes through every step of a delete', async () => {
  const steps: string[] = [];
  const { model, pool, addVolume } = fakeNode({ onStep: (step) => void steps.push(step) });
  const volume = await addVolume();
  steps.length = 0;
  await deleteVolume(model, volume.id);
  await pool.records.volumes.idle();
  expect(steps).toEqual(mutationSteps.deleteVolume);
});

test.each([
  ['an id of this driver in an existing pool', newObjectId('a', 'aaaaaaaa')],
  ['an id of this driver in another pool', newObjectId('a', 'bbbbbbbb')],
  ['an id of any other form', '../../etc'],
  ['an id that another driver made', 'imported'],
])('a missing volume counts as deleted: %s', async (_, id) => {
  const { model } = fakeNode();
  await expect(deleteVolume(model, id)).resolves.toBeUndefined();
});

test("the id of another node's pool is refused, because its volume may still exist", async () => {
  const { model } = fakeNode();
  const id = newObjectId('a', 'cccccccc');
  await expect(deleteVolume(model, id)).rejects.toMatchObject({
    kind: 'precondition',
    about: 'volume',
    message: `"${id}" is in pool cccccccc, which does not exist on this node; if that pool is gone permanently, restart the driver with --abandoned-pools=cccccccc`,
  });
});

test('a volume in an abandoned pool counts as deleted, which is reported', async () => {
  const deleted: string[][] = [];
  const ids = new Set(['cccccccc']);
  const { model } = fakeNode({ abandoned: { ids, onDelete: (...words) => void deleted.push(words) } });
  const id = newObjectId('a', 'cccccccc');
  await deleteVolume(model, id);
  expect(deleted).toEqual([[id, 'cccccccc']]);
  await expect(deleteVolume(model, newObjectId('a', 'dddddddd'))).rejects.toMatchObject({
    kind: 'precondition',
    message: expect.stringContaining('dddddddd'),
  });
});

test('a volume whose record is damaged is never reported as deleted', async () => {
  const { model } = fakeNode();
  const id = newObjectId('a', 'aaaaaaaa');
  model.catalogue.volumes.addDamaged({ id, pool: 'default', reason: 'it is empty' });
  await expect(deleteVolume(model, id)).rejects.toMatchObject({ kind: 'damaged' });
});

test('a volume in an unreachable pool is refused and stays', async () => {
  const { model, pool, addVolume } = fakeNode();
  const volume = await addVolume();
  pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
  await expect(deleteVolume(model, volume.id)).rejects.toMatchObject({ kind: 'unavailable' });
  expect(model.catalogue.volumes.find(volume.id)).toBe(volume);
});

test.each([
  ['a directory in it is mounted elsewhere', 'data/sub'],
  ['its own directory is mounted elsewhere', ''],
])('a volume is refused while %s by another process', async (_, inside) => {
  const { model, pool, mounts, addVolume, makeDirectory } = fakeNode();
  const volume = await addVolume();
  const source = makeDirectory(posix.join(pool.records.volumes.directoryOf(volume.id), inside));
  const state = await mounts.inspect(source);
  if (state.kind !== 'directory') throw new Error(state.kind);
  await mounts.bind(source, makeDirectory('/backup'), noMountFlags, state.identity);
  await expect(deleteVolume(model, volume.id)).rejects.toMatchObject({
    kind: 'precondition',
    message: `volume "${volume.id}" is still in use: unmount "/backup" first`,
  });
  await mounts.unmount('/backup');
  await deleteVolume(model, volume.id);
});

test('a volume is refused while another file system is mounted in it', async () => {
  const { model, pool, mounts, addVolume, makeDirectory } = fakeNode();
  const volume = await addVolume();
  const inside = makeDirectory(posix.join(pool.records.volumes.directoryOf(volume.id), 'data', 'disk'));
  mounts.mountForeign(inside);
  await expect(deleteVolume(model, volume.id)).rejects.toMatchObject({
    kind: 'precondition',
    message: expect.stringContaining(`unmount "${inside}" first`),
  });
});

describe('a volume with onDelete=retain', () => {
  const mutable = { ...defaultMutableParameters, onDelete: 'retain' } as const;
  const deletion = { at: fixedNow.toISOString(), expiresAt: undefined };

  test('is deleted for every caller, and stays on disk and in the accounts', async () => {
    const steps: string[] = [];
    const { model, pool, mounts, addVolume } = fakeNode({
      capacityBytes: 2n * 1024n ** 2n,
      onStep: (step) => void steps.push(step),
    });
    const volume = await addVolume('a', { mutable });
    steps.length = 0;
    await deleteVolume(model, volume.id);
    await deleteVolume(model, volume.id);
    expect(steps).toEqual(['delete: checked', ...mutationSteps.retainVolume]);
    expect(model.catalogue.volumes.find(volume.id)).toBeUndefined();
    expect(model.catalogue.volumes.findByName('a')).toBeUndefined();
    expect(model.catalogue.retained.all()).toEqual([{ ...volume, deletion }]);
    expect((await pool.records.volumes.load()).found).toEqual([]);
    expect((await pool.records.retained.load()).found).toEqual([{ ...volume, deletion }]);
    expect(mounts.entryAt(`${pool.records.retained.directoryOf(volume.id)}/data`)).toBeDefined();
    expect(pool.account.reservedBytes).toBe(volume.capacityBytes);
  });

  test('frees its name', async () => {
    const { model, addVolume } = fakeNode();
    const { id } = await addVolume('a', { mutable });
    await deleteVolume(model, id);
    expect((await createVolume(model, volumeSpec())).id).not.toBe(id);
  });

  test('is refused while it is mounted, like any other', async () => {
    const { model, addVolume, makeDirectory } = fakeNode();
    const volume = await addVolume('a', { mutable });
    await stageVolume(model, volume, makeDirectory('/staging'), capability());
    await expect(deleteVolume(model, volume.id)).rejects.toMatchObject({ kind: 'precondition' });
    expect(model.catalogue.retained.all()).toEqual([]);
  });

  test('is no longer counted once its owner has removed it, and the space is needed', async () => {
    const { model, pool, mounts, addVolume } = fakeNode({ capacityBytes: 1024n ** 2n });
    const volume = await addVolume('a', { mutable });
    await deleteVolume(model, volume.id);
    await expect(createVolume(model, volumeSpec({ name: 'b' }))).rejects.toMatchObject({ kind: 'exhausted' });
    mounts.tree.remove(pool.records.retained.directoryOf(volume.id));
    await createVolume(model, volumeSpec({ name: 'b' }));
    expect(model.catalogue.retained.all()).toEqual([]);
    expect(pool.account.reservedBytes).toBe(1024n ** 2n);
  });
});

describe('a volume with onDelete=archive', () => {
  const archive = { ...defaultMutableParameters, onDelete: 'archive', archiveExpirySeconds: 60 } as const;

  test('is kept with the times of its deletion and expiry, in its record too', async () => {
    const { model, pool, addVolume } = fakeNode();
    const { id } = await addVolume('a', { mutable: archive });
    await deleteVolume(model, id);
    const deletion = { at: '2024-05-06T07:08:09.010Z', expiresAt: '2024-05-06T07:09:09.010Z' };
    expect(model.catalogue.retained.all()).toMatchObject([{ id, deletion }]);
    expect((await pool.records.retained.load()).found).toMatchObject([{ id, deletion }]);
  });

  test('has its whole time from its creation on, if the clock is behind that', async () => {
    const { model, addVolume } = fakeNode();
    const { id } = await addVolume('a', { mutable: archive, createdAt: '2026-01-01T00:00:00.000Z' });
    await deleteVolume(model, id);
    expect(model.catalogue.retained.all()).toMatchObject([
      { deletion: { at: '2026-01-01T00:00:00.000Z', expiresAt: '2026-01-01T00:01:00.000Z' } },
    ]);
  });
});

test('an attached volume is refused, and can be deleted when it is detached', async () => {
  const { model, addVolume } = fakeNode({ features: { attach: true } });
  const volume = await addVolume();
  await attachVolume(model, volume, { nodeId: 'node-1', capability: capability(), readOnly: false });
  await expect(deleteVolume(model, volume.id)).rejects.toMatchObject({
    kind: 'precondition',
    message: expect.stringContaining('node-1'),
  });
  await detachVolume(model, model.catalogue.volumes.find(volume.id) ?? volume, undefined);
  await deleteVolume(model, volume.id);
  expect(model.catalogue.volumes.find(volume.id)).toBeUndefined();
});

describe('a mounted volume', () => {
  async function stagedVolume() {
    const node = fakeNode();
    const volume = await node.addVolume();
    const path = node.makeDirectory('/staging');
    await stageVolume(node.model, volume, path, capability());
    return { ...node, volume, path };
  }

  test('is refused with the path, and can be deleted when it is unmounted', async () => {
    const { model, volume, path } = await stagedVolume();
    await expect(deleteVolume(model, volume.id)).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining(path),
    });
    expect(model.catalogue.volumes.find(volume.id)).toBe(volume);
    await unstageVolume(model, volume.id, path);
    await deleteVolume(model, volume.id);
    expect(model.catalogue.volumes.find(volume.id)).toBeUndefined();
  });

  test('is refused while its mount is hidden by another one', async () => {
    const { model, volume, mounts, path } = await stagedVolume();
    mounts.mountForeign(path);
    await expect(deleteVolume(model, volume.id)).rejects.toMatchObject({ kind: 'precondition' });
  });

  test('can be deleted when another process has unmounted it', async () => {
    const { model, volume, mounts, path } = await stagedVolume();
    await mounts.unmount(path);
    await deleteVolume(model, volume.id);
    expect(model.catalogue.volumes.find(volume.id)).toBeUndefined();
  });

  test('can be deleted when another process has unmounted it and put a file in its place', async () => {
    const { model, volume, mounts, makeDirectory } = await stagedVolume();
    await stageVolume(model, volume, makeDirectory('/pod/staging'), capability());
    await mounts.unmount('/staging');
    await mounts.unmount('/pod/staging');
    mounts.tree.remove('/pod');
    mounts.tree.makeFile('/pod', '');
    await deleteVolume(model, volume.id);
    expect(model.catalogue.volumes.find(volume.id)).toBeUndefined();
  });
});

test.each(['create: record written', 'create: renamed'] as const)(
  'a volume that is being created, at the step "%s", is deleted when the create ends',
  async (step) => {
    const gate = gateAt(step);
    const { model, pool, mounts } = fakeNode({ onStep: gate.onStep });
    const making = createVolume(model, volumeSpec());
    await gate.reached;
    const [id = ''] = ['volumes', '.incoming'].flatMap((name) => {
      const entry = mounts.tree.find(`${pool.path}/${name}`);
      return entry?.kind === 'directory' ? [...entry.entries.keys()] : [];
    });
    let isDeleted = false;
    const deleting = deleteVolume(model, id).then(() => {
      isDeleted = true;
    });
    await settled();
    expect(isDeleted).toBe(false);
    gate.open();
    await making;
    await deleting;
    expect(model.catalogue.volumes.all()).toEqual([]);
    expect((await pool.records.volumes.load()).found).toEqual([]);
  },
);
