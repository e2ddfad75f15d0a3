import { describe, expect, test, vi } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { mutationSteps, type Step } from '../../../src/model/steps.ts';
import { publishInline, unpublishVolume } from './fakes/calls.ts';
import { failAt } from './fakes/gate.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';
import { inlineSpec } from './fakes/requests.ts';
import { systemError } from './fakes/system-error.ts';

const { volumeId, targetPath: target } = inlineSpec();
const kinds = ['directory', 'image'] as const;

async function publishedNode(
  backend: (typeof kinds)[number] = 'directory',
  settings: FakeModelSettings = {},
) {
  const node = fakeNode(settings);
  node.makeDirectory('/pod');
  const contentRequest = { backend, enforceCapacity: 'auto' } as const;
  await publishInline(node.model, inlineSpec({ contentRequest }));
  const volume = node.model.catalogue.volumes.find(volumeId);
  if (!volume) throw new Error('there is no volume');
  const unpublish = (path = target) => unpublishVolume(node.model, volumeId, path);
  const exists = () => node.model.catalogue.volumes.find(volumeId) !== undefined;
  return { ...node, volume, unpublish, isThere: exists };
}

type Node = Awaited<ReturnType<typeof publishedNode>>;

async function expectNothing({ model, pool, mounts, devices }: Node): Promise<void> {
  await pool.records.volumes.idle();
  expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
  expect(model.catalogue.volumes.all()).toEqual([]);
  expect(model.host.mountIndex.mountsOf(volumeId)).toEqual([]);
  expect(mounts.entryAt(`${pool.path}/volumes`)).toMatchObject({ entries: new Map() });
  expect(await devices.list()).toEqual([]);
  expect(pool.account.reservedBytes).toBe(0n);
  expect(pool.disk.reservedBytes).toBe(0n);
}

describe.each(kinds)('unpublishing an inline volume: %s', (kind) => {
  test('unmounts and removes the target, and deletes the volume', async () => {
    const node = await publishedNode(kind);
    await node.unpublish();
    await expectNothing(node);
  });

  test('can be repeated, and works if target or volume are already gone', async () => {
    const again = await publishedNode(kind);
    await again.unpublish();
    await again.unpublish();
    const withoutTarget = await publishedNode(kind);
    await withoutTarget.mounts.unmount(target);
    await withoutTarget.mounts.remove(target);
    await withoutTarget.unpublish();
    await expectNothing(withoutTarget);
    const withoutVolume = await publishedNode(kind);
    withoutVolume.model.catalogue.volumes.remove(withoutVolume.volume);
    await withoutVolume.unpublish();
    expect(await withoutVolume.mounts.inspect(target)).toEqual({ kind: 'absent' });
  });

  test('goes through every step of an unpublish and a delete', async () => {
    const steps: string[] = [];
    const node = await publishedNode(kind, { onStep: (step) => void steps.push(step) });
    steps.length = 0;
    await node.unpublish();
    await node.pool.records.volumes.idle();
    expect(steps).toEqual([...mutationSteps.unpublishVolume, ...mutationSteps.deleteVolume]);
  });

  test.each<Step>([...mutationSteps.unpublishVolume, 'delete: checked', 'delete: renamed'])(
    'that failed at "%s" can be repeated, and nothing is left',
    async (step) => {
      let isBroken = true;
      const fail = failAt(step, systemError('EIO'));
      const node = await publishedNode(kind, {
        onStep: (current) => (isBroken ? fail(current) : undefined),
      });
      await expect(node.unpublish()).rejects.toThrow();
      isBroken = false;
      await node.unpublish();
      await expectNothing(node);
    },
  );

  test('at another path leaves the volume while it is mounted at its own', async () => {
    const { mounts, makeDirectory, unpublish, isThere: exists } = await publishedNode(kind);
    await unpublish(makeDirectory('/pod/other'));
    expect(await mounts.inspect('/pod/other')).toEqual({ kind: 'absent' });
    expect((await mounts.inspect(target)).kind).toBe('mounted');
    expect(exists()).toBe(true);
  });

  test('at another path deletes a volume that is not mounted', async () => {
    const node = await publishedNode(kind);
    await node.mounts.unmount(target);
    await node.unpublish('/pod/other');
    expect(node.isThere()).toBe(false);
  });

  test('while a process uses the mount is refused, and the volume stays', async () => {
    const node = await publishedNode(kind);
    const { release } = node.mounts.occupy(target);
    await expect(node.unpublish()).rejects.toMatchObject({ kind: 'precondition' });
    expect(node.isThere()).toBe(true);
    release();
    await node.unpublish();
    await expectNothing(node);
  });

  test('while it is mounted elsewhere, for instance as a subPath of its pod, is refused until it is unmounted', async () => {
    const node = await publishedNode(kind);
    const { mounts, model } = node;
    const state = await mounts.inspect(target);
    if (state.kind !== 'mounted') throw new Error(state.kind);
    node.makeDirectory('/sub-path');
    const mountId = await mounts.bind(target, '/sub-path', state.flags, state.identity);
    model.host.mountIndex.add({ volumeId, path: '/sub-path', mountId, use: { kind: 'inside' } });
    await expect(node.unpublish()).rejects.toMatchObject({
      kind: 'precondition',
      message: `volume "${volumeId}" is still mounted at /sub-path`,
    });
    expect(node.isThere()).toBe(true);
    await mounts.unmount('/sub-path');
    await node.unpublish();
    await expectNothing(node);
  });

  test('while its pool is unreachable leaves the volume, and the pod need not wait', async () => {
    const { pool, mounts, unpublish, isThere: exists } = await publishedNode(kind);
    pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'pool "default" is away'));
    await unpublish();
    expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
    expect(exists()).toBe(true);
  });

  test('reports an error of its pool', async () => {
    const { pool, unpublish } = await publishedNode(kind);
    pool.checkReachable = () => Promise.reject(systemError('EMFILE'));
    await expect(unpublish()).rejects.toThrow('EMFILE');
  });

  test('whose pool comes back without it succeeds', async () => {
    const { model, pool, volume, unpublish, isThere: exists } = await publishedNode(kind);
    pool.checkReachable = async () => void model.catalogue.volumes.remove(volume);
    await unpublish();
    expect(exists()).toBe(false);
  });

  test('whose record is damaged unmounts it, and leaves the rest unchanged', async () => {
    const { model, pool, mounts, volume, unpublish } = await publishedNode(kind);
    model.catalogue.volumes.remove(volume);
    model.catalogue.volumes.addDamaged({ id: volumeId, pool: 'default', reason: 'it is empty' });
    await unpublish();
    expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
    expect((await pool.records.volumes.load()).found).toEqual([volume]);
  });
});

test('an image held by another mount namespace keeps its volume until it is released', async () => {
  const node = await publishedNode('image');
  const { model, devices, mounts, volume } = node;
  const device = await devices.find(model.catalogue.dataOf(volume).path);
  if (!device) throw new Error('it is not attached');
  const loop = mounts.loops.existing(device);
  loop.userCount++;
  await expect(node.unpublish()).rejects.toMatchObject({
    kind: 'precondition',
    message: `volume "${volumeId}" is still in use: its image is attached to ${device.path}`,
  });
  loop.userCount--;
  await node.unpublish();
  await expectNothing(node);
});

test('a device that has been attached permanently since does not keep the volume', async () => {
  const node = await publishedNode('image');
  await node.devices.attach(node.model.catalogue.dataOf(node.volume).path);
  await node.unpublish();
  await expectNothing(node);
});

test('a volume that is gone by the time it is deleted is subtracted once', async () => {
  const node = await publishedNode();
  const { model, pool, volume, unpublish } = node;
  const remove = pool.records.volumes.remove.bind(pool.records.volumes);
  vi.spyOn(pool.records.volumes, 'remove').mockImplementationOnce(async (id) => {
    await remove(id);
    // As a concurrent look at the pool does, while it is read again.
    model.catalogue.volumes.remove(volume);
    pool.account.release(volume.capacityBytes);
  });
  await unpublish();
  expect(pool.account.reservedBytes).toBe(0n);
});
