import { describe, expect, test, vi } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { contentPathOf } from '../../../src/model/find/staged-content.ts';
import { publishInline } from '../../../src/model/mounting/publish-inline.ts';
import { unpublishVolume } from '../../../src/model/mounting/publish-volume.ts';
import { mutationSteps, type Step } from '../../../src/model/steps.ts';
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
  const wish = { backend, enforceCapacity: 'auto' } as const;
  await publishInline(node.model, inlineSpec({ wish }));
  const volume = node.model.volumes.find(volumeId);
  if (!volume) throw new Error('there is no volume');
  const unpublish = (path = target) => unpublishVolume(node.model, volumeId, path);
  const isThere = () => node.model.volumes.find(volumeId) !== undefined;
  return { ...node, volume, unpublish, isThere };
}

type Node = Awaited<ReturnType<typeof publishedNode>>;

async function expectNothing({ model, pool, mounts, devices }: Node): Promise<void> {
  await pool.records.volumes.idle();
  expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
  expect(model.volumes.all()).toEqual([]);
  expect(model.mountIndex.of(volumeId)).toEqual([]);
  expect(mounts.entryAt(`${pool.path}/volumes`)).toMatchObject({ entries: new Map() });
  expect(await devices.list()).toEqual([]);
  expect(pool.account.reservedBytes).toBe(0n);
  expect(pool.disk.reservedBytes).toBe(0n);
}

describe.each(kinds)('unpublishing an inline volume: %s', (kind) => {
  test('takes down the mount and the target, and deletes the volume', async () => {
    const node = await publishedNode(kind);
    await node.unpublish();
    await expectNothing(node);
  });

  test('may be repeated, and works where target or volume are gone already', async () => {
    const again = await publishedNode(kind);
    await again.unpublish();
    await again.unpublish();
    const withoutTarget = await publishedNode(kind);
    await withoutTarget.mounts.unmount(target);
    await withoutTarget.mounts.remove(target);
    await withoutTarget.unpublish();
    await expectNothing(withoutTarget);
    const withoutVolume = await publishedNode(kind);
    withoutVolume.model.volumes.remove(withoutVolume.volume);
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
    const { mounts, makeDirectory, unpublish, isThere } = await publishedNode(kind);
    await unpublish(makeDirectory('/pod/other'));
    expect(await mounts.inspect('/pod/other')).toEqual({ kind: 'absent' });
    expect((await mounts.inspect(target)).kind).toBe('mounted');
    expect(isThere()).toBe(true);
  });

  test('at another path deletes a volume that is mounted nowhere', async () => {
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

  test('while it is mounted elsewhere, a subPath of its pod for instance, is refused until it is not', async () => {
    const node = await publishedNode(kind);
    const { mounts, model } = node;
    const state = await mounts.inspect(target);
    if (state.kind !== 'mounted') throw new Error(state.kind);
    node.makeDirectory('/sub-path');
    const mountId = await mounts.bind(target, '/sub-path', state.flags, state.identity);
    model.mountIndex.add({ volumeId, path: '/sub-path', mountId, use: { kind: 'inside' } });
    await expect(node.unpublish()).rejects.toMatchObject({
      kind: 'precondition',
      message: `volume "${volumeId}" is still mounted at /sub-path`,
    });
    expect(node.isThere()).toBe(true);
    await mounts.unmount('/sub-path');
    await node.unpublish();
    await expectNothing(node);
  });

  test('while its pool is not there leaves the volume, and the pod need not wait', async () => {
    const { pool, mounts, unpublish, isThere } = await publishedNode(kind);
    pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'pool "default" is away'));
    await unpublish();
    expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
    expect(isThere()).toBe(true);
  });

  test('tells a fault of its pool', async () => {
    const { pool, unpublish } = await publishedNode(kind);
    pool.checkReachable = () => Promise.reject(systemError('EMFILE'));
    await expect(unpublish()).rejects.toThrow('EMFILE');
  });

  test('whose pool comes back without it is done', async () => {
    const { model, pool, volume, unpublish, isThere } = await publishedNode(kind);
    pool.checkReachable = async () => void model.volumes.remove(volume);
    await unpublish();
    expect(isThere()).toBe(false);
  });

  test('whose record is damaged takes down the mount, and leaves the rest as it is', async () => {
    const { model, pool, mounts, volume, unpublish } = await publishedNode(kind);
    model.volumes.remove(volume);
    model.volumes.addDamaged({ id: volumeId, pool: 'default', reason: 'it is empty' });
    await unpublish();
    expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
    expect((await pool.records.volumes.load()).found).toEqual([volume]);
  });
});

test('an image that another mount namespace holds keeps its volume, until it lets go', async () => {
  const node = await publishedNode('image');
  const { model, devices, mounts, volume } = node;
  const device = await devices.find(contentPathOf(model, volume));
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

test('a device that was attached for good meanwhile does not keep the volume', async () => {
  const node = await publishedNode('image');
  await node.devices.attach(contentPathOf(node.model, node.volume));
  await node.unpublish();
  await expectNothing(node);
});

test('a volume that is gone by the time it is deleted is discounted once', async () => {
  const node = await publishedNode();
  const { model, pool, volume, unpublish } = node;
  const remove = pool.records.volumes.remove.bind(pool.records.volumes);
  vi.spyOn(pool.records.volumes, 'remove').mockImplementationOnce(async (id) => {
    await remove(id);
    // As another look at the pool does, while it is read anew.
    model.volumes.remove(volume);
    pool.account.release(volume.capacityBytes);
  });
  await unpublish();
  expect(pool.account.reservedBytes).toBe(0n);
});
