import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { nameHash, newObjectId, parseObjectId } from '../../../src/model/objects/object-id.ts';
import type { GroupSnapshot } from '../../../src/model/objects/snapshot.ts';
import type { Volume, VolumeContent } from '../../../src/model/objects/volume.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import { exampleGroup } from './example-snapshot.ts';
import { createGroupSnapshot, stageVolume } from './fakes/calls.ts';
import { deferred } from './fakes/gate.ts';
import { type FakeModelSettings, type FakeNode, fakeNode, fixedNow } from './fakes/model.ts';
import { blockCapability, blockContent, capability, imageContent } from './fakes/requests.ts';

const directory: VolumeContent = { backend: 'directory' };

/** A node with these volumes, in this order, and a way to make a group of them. */
async function nodeWith(contents: readonly VolumeContent[], settings: FakeModelSettings = {}) {
  const node = fakeNode(settings);
  const volumes: Volume[] = [];
  for (const [index, content] of contents.entries()) {
    volumes.push(await node.addVolume(`v${index}`, { content, capacityBytes: 100n }));
  }
  const ids = volumes.map(({ id }) => id);
  const cut = (sourceVolumeIds = ids, name = 'g') =>
    createGroupSnapshot(node.model, { name, sourceVolumeIds });
  return { ...node, volumes, ids, cut };
}

/** Stages every volume, each at a path of its own. */
async function stageAll({ model, makeDirectory }: FakeNode, volumes: readonly Volume[]): Promise<string[]> {
  const paths: string[] = [];
  for (const volume of volumes) {
    const path = makeDirectory(`/staging/${volume.name}`);
    const isBlock = volume.content === blockContent;
    await stageVolume(model, volume, path, isBlock ? blockCapability() : capability());
    paths.push(path);
  }
  return paths;
}

async function expectNothingMade({ model, pool, mounts }: FakeNode): Promise<void> {
  expect((await pool.records.groups.load()).found).toEqual([]);
  expect([model.catalogue.groups.all(), model.catalogue.snapshots.all()]).toEqual([[], []]);
  for (const place of ['.incoming', 'groups']) {
    expect(mounts.tree.find(`/pools/default/${place}`)).toMatchObject({ entries: new Map() });
  }
}

describe('a new group', () => {
  test('has a snapshot of each volume, on disk and in the indexes', async () => {
    const contents = [directory, { backend: 'subvolume', isLimited: true } as const, imageContent('xfs')];
    const kept = [directory, { backend: 'subvolume' }, imageContent('xfs')];
    const { model, pool, ids, cut } = await nodeWith(contents);
    const group = await cut();
    expect(group).toMatchObject({ name: 'g', pool: 'default', createdAt: fixedNow.toISOString() });
    expect(group.snapshots).toMatchObject(
      ids.map((sourceVolumeId, index) => ({
        name: undefined,
        pool: 'default',
        groupId: group.id,
        sourceVolumeId,
        content: kept[index],
        sizeBytes: 100n,
        createdAt: group.createdAt,
      })),
    );
    const own = { nameHash: nameHash('g'), poolId: pool.id };
    const all = [group, ...group.snapshots];
    expect(all.map(({ id }) => parseObjectId(id))).toEqual(all.map(() => own));
    expect(new Set(all.map(({ id }) => id)).size).toBe(4);
    expect((await pool.records.groups.load()).found).toEqual([group]);
    expect(model.catalogue.groups.find(group.id)).toBe(group);
    for (const snapshot of group.snapshots)
      expect(model.catalogue.snapshots.find(snapshot.id)).toBe(snapshot);
  });

  test('has the content of each volume in its directory', async () => {
    const { model, mounts, volumes, cut } = await nodeWith([directory, directory]);
    for (const volume of volumes)
      mounts.tree.makeFile(`${model.catalogue.dataOf(volume).path}/file`, `${volume.name}`);
    const { id, snapshots } = await cut();
    const kept = snapshots.map((snapshot) =>
      mounts.tree.find(`/pools/default/groups/${id}/${snapshot.id}/data/file`),
    );
    expect(kept).toMatchObject([{ content: 'v0' }, { content: 'v1' }]);
  });

  test('goes through every step, and freezes nothing if nothing is staged', async () => {
    const steps: string[] = [];
    const { cut } = await nodeWith([directory, imageContent()], { onStep: (step) => void steps.push(step) });
    steps.length = 0;
    await cut();
    expect(steps).toEqual(mutationSteps.createGroupSnapshot);
  });

  test('can have the name of a volume, and of a snapshot', async () => {
    const { cut } = await nodeWith([directory]);
    expect((await cut(undefined, 'v0')).name).toBe('v0');
  });
});

describe('images that are staged', () => {
  test('are all frozen while they are copied, after the others; then they go on', async () => {
    const node = await nodeWith([imageContent(), imageContent(), imageContent()]);
    const { pool, mounts, volumes, ids, cut } = node;
    const paths = await stageAll(node, volumes.slice(0, 2));
    const seen: [string, boolean[]][] = [];
    const take = pool.backends.image.snapshot.bind(pool.backends.image);
    vi.spyOn(pool.backends.image, 'snapshot').mockImplementation((to, original, control) => {
      seen.push(['path' in original ? original.path : '', paths.map((path) => mounts.isFrozen(path))]);
      return take(to, original, control);
    });
    await cut();
    expect(seen).toEqual([
      [`/pools/default/volumes/${ids[2]}/image`, [false, false]],
      [`/pools/default/volumes/${ids[0]}/image`, [true, true]],
      [`/pools/default/volumes/${ids[1]}/image`, [true, true]],
    ]);
    expect(paths.some((path) => mounts.isFrozen(path))).toBe(false);
    expect(pool.freezeMarks.marked.size).toBe(0);
  });

  test.each([true, false])(
    'are frozen in a pool that shares blocks, and in one that does not: %s',
    async (sharesBlocks) => {
      const steps: string[] = [];
      const node = await nodeWith([imageContent(), imageContent()], {
        sharesBlocks,
        onStep: (step) => void steps.push(step),
      });
      await stageAll(node, node.volumes);
      steps.length = 0;
      await node.cut();
      const [made, written, ...rest] = mutationSteps.createGroupSnapshot;
      expect(steps).toEqual([made, written, ...mutationSteps.freeze, ...rest]);
    },
  );

  test('take one slot together if they are copied in full, and none if they share blocks', async () => {
    for (const [sharesBlocks, outcome] of [
      [true, 'fulfilled'],
      [false, 'rejected'],
    ] as const) {
      const node = await nodeWith([imageContent(), imageContent()], { sharesBlocks, copySlots: 0 });
      await stageAll(node, node.volumes);
      const [result] = await Promise.allSettled([node.cut()]);
      expect(result?.status).toBe(outcome);
    }
  });

  test('are recorded as shared before they are, if blocks are shared', async () => {
    const node = await nodeWith([imageContent(), imageContent()], { sharesBlocks: true });
    await stageAll(node, node.volumes);
    await node.cut();
    const shared = node.ids.map((id) => node.model.catalogue.volumes.find(id)?.sharing.sharedBytes);
    expect(shared).toEqual([100n, 100n]);
  });

  test('leave no member, and nothing frozen or reserved, when the second cannot be copied', async () => {
    const node = await nodeWith([imageContent(), imageContent()]);
    const { pool, mounts, volumes, cut } = node;
    const paths = await stageAll(node, volumes);
    const reserved = pool.disk.reservedBytes;
    const take = pool.backends.image.snapshot.bind(pool.backends.image);
    const failure = new VolumeError('exhausted', 'full');
    vi.spyOn(pool.backends.image, 'snapshot').mockImplementationOnce(take).mockRejectedValueOnce(failure);
    await expect(cut()).rejects.toBe(failure);
    await expectNothingMade(node);
    expect(paths.some((path) => mounts.isFrozen(path))).toBe(false);
    expect([pool.freezeMarks.marked.size, pool.disk.reservedBytes]).toEqual([0, reserved]);
    expect((await cut()).snapshots).toHaveLength(2);
  });

  test('are not frozen if there is no space for the last of them', async () => {
    const node = await nodeWith([imageContent(), imageContent()], { freeBytes: 150n });
    const { mounts, volumes, pool, cut } = node;
    await stageAll(node, volumes);
    const mark = vi.spyOn(pool.freezeMarks, 'add');
    const reserved = pool.disk.reservedBytes;
    mounts.space = { ...mounts.space, bytes: { ...mounts.space.bytes, available: 150n } };
    await expect(cut()).rejects.toMatchObject({ kind: 'exhausted' });
    expect(mark).not.toHaveBeenCalled();
    expect(pool.disk.reservedBytes).toBe(reserved);
    await expectNothingMade(node);
  });
});

describe('images whose copy takes longer than writers may be blocked', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  test('are thawed, and there is no group', async () => {
    const node = await nodeWith([imageContent(), imageContent()]);
    const { pool, mounts, volumes, cut } = node;
    const paths = await stageAll(node, volumes);
    const begun = deferred();
    vi.spyOn(pool.backends.image, 'snapshot').mockImplementation(async (_to, _original, { signal }) => {
      begun.resolve();
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const cutting = cut();
    cutting.catch(() => {});
    await begun.promise;
    vi.advanceTimersByTime(10_000);
    await expect(cutting).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining(`copying "${node.ids[0]}", "${node.ids[1]}" took longer than 10 s`),
    });
    expect(paths.some((path) => mounts.isFrozen(path))).toBe(false);
    await expectNothingMade(node);
  });
});

describe('a group that cannot be of one instant is refused, and nothing is made', () => {
  test.each<[string, VolumeContent, string]>([
    ['a directory', directory, 'a mounted directory'],
    ['a quota directory', { backend: 'quota', projectId: 7 }, 'a mounted directory'],
    ['a subvolume', { backend: 'subvolume', isLimited: true }, 'a mounted directory'],
    ['a block volume', blockContent, 'a device in use (/dev/loop1)'],
  ])('if %s in it is staged', async (_, content, what) => {
    const node = await nodeWith([imageContent(), content], { sharesBlocks: true });
    const { volumes, ids, cut } = node;
    await stageAll(node, volumes.slice(1));
    await expect(cut()).rejects.toMatchObject({
      kind: 'precondition',
      about: 'sourceVolumes',
      message: expect.stringMatching(
        new RegExp(
          `^volume "${ids[1]}" is ${what.replace(/[()]/g, '\\$&')}.*; unstage it before taking a group snapshot$`,
        ),
      ),
    });
    await expectNothingMade(node);
  });

  test('if an image in it is attached but its mount is not visible here', async () => {
    const node = await nodeWith([imageContent()]);
    const [volume] = node.volumes;
    if (volume) await node.devices.attach(node.model.catalogue.dataOf(volume).path);
    await expect(node.cut()).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining('a device in use (/dev/loop1)'),
    });
  });

  test('if its volumes are in different pools, which are named', async () => {
    const node = await nodeWith([directory]);
    const { id } = await node.addVolume('far', { pool: 'fast' });
    await expect(node.cut([...node.ids, id])).rejects.toMatchObject({
      kind: 'precondition',
      about: 'sourceVolumes',
      message: 'the volumes are in pools "default" and "fast"; a group snapshot needs them in one pool',
    });
    await expectNothingMade(node);
  });

  test.each([
    ['not-found', 'nobody'],
    ['precondition', newObjectId('a', 'cccccccc')],
  ])('if one of its volumes is %s: %s', async (kind, id) => {
    const node = await nodeWith([directory]);
    await expect(node.cut([...node.ids, id])).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(`volume "${id}"`),
    });
    await expectNothingMade(node);
  });
});

describe('a group with a name that is taken', () => {
  test('is returned if it has the same volumes, in any order', async () => {
    const { pool, ids, cut } = await nodeWith([directory, directory]);
    const group = await cut();
    expect(await cut([...ids].reverse())).toBe(group);
    expect((await pool.records.groups.load()).found).toHaveLength(1);
  });

  test('is returned if a volume is deleted or staged by now', async () => {
    const node = await nodeWith([directory, directory]);
    const { model, volumes, cut } = node;
    const group = await cut();
    const [first] = volumes;
    if (first) model.catalogue.volumes.remove(first);
    await stageAll(node, volumes.slice(1));
    expect(await cut()).toBe(group);
  });

  test.each([
    ['one less', ([first = '']: string[]) => [first]],
    ['one more', (ids: string[]) => [...ids, 'more']],
    ['another', ([first = '']: string[]) => [first, 'other']],
  ])('is refused if it has other volumes, and its volumes are named: %s', async (_, change) => {
    const { ids, cut } = await nodeWith([directory, directory]);
    await cut();
    await expect(cut(change(ids))).rejects.toMatchObject({
      kind: 'already-exists',
      about: 'name',
      message: `a group snapshot named "g" already exists, with other volumes: "${ids[0]}", "${ids[1]}"`,
    });
  });

  test('is refused if the existing one is damaged', async () => {
    const { model, pool, cut } = await nodeWith([directory]);
    model.catalogue.groups.addDamaged({
      id: newObjectId('g', pool.id),
      pool: 'default',
      reason: 'it is empty',
    });
    await expect(cut()).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('is unavailable while its pool is unreachable', async () => {
    const { pool, cut } = await nodeWith([directory]);
    await cut();
    pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
    await expect(cut()).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test('is found in a pool that has just become reachable', async () => {
    const node = await nodeWith([directory, directory]);
    const known: GroupSnapshot = exampleGroup(node.ids);
    node.pool.checkReachable = async () => {
      if (!node.model.catalogue.groups.findIntact(known.id)) node.model.catalogue.groups.add(known);
    };
    expect(await node.cut()).toBe(known);
    expect((await node.pool.records.groups.load()).found).toEqual([]);
  });
});

test('a group whose last member cannot be copied leaves no member', async () => {
  const node = await nodeWith([imageContent(), imageContent(), directory]);
  const failure = new VolumeError('exhausted', 'full');
  vi.spyOn(node.pool.backends.directory, 'snapshot').mockRejectedValueOnce(failure);
  await expect(node.cut()).rejects.toBe(failure);
  await expectNothingMade(node);
  expect((await node.cut()).snapshots).toHaveLength(3);
});
