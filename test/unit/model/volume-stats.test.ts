import { describe, expect, test } from 'vitest';
import { DiskError, type VolumeError } from '../../../src/model/errors.ts';
import { deleteVolume, stageVolume, unstageVolume, volumeStats } from './fakes/calls.ts';
import { fakeNode } from './fakes/model.ts';
import { blockCapability, blockContent, capability } from './fakes/requests.ts';

async function stagedNode() {
  const node = fakeNode();
  const volume = await node.addVolume();
  await stageVolume(node.model, volume, node.makeDirectory('/staging'), capability());
  return { ...node, volume };
}

test('the usage of a volume is reported where it is mounted', async () => {
  const { model, mounts, volume } = await stagedNode();
  expect(await volumeStats(model, volume, '/staging')).toEqual(mounts.space);
});

test('only a nearly full volume with a quota is scanned for the files of others', async () => {
  const node = fakeNode({ directories: { backend: 'quota' } });
  const volume = await node.addVolume('a', { content: { backend: 'quota', projectId: 101 } });
  await stageVolume(node.model, volume, node.makeDirectory('/staging'), capability());
  const { recounted } = node.pool.backends.quota;
  await volumeStats(node.model, volume, '/staging');
  await node.model.recounts.idle();
  expect(recounted).toEqual([]);
  node.mounts.tree.makeFile(`${node.model.catalogue.dataOf(volume).path}/file`, 'x'.repeat(1024 ** 2));
  await volumeStats(node.model, volume, '/staging');
  await node.model.recounts.idle();
  expect(recounted).toEqual([volume.id]);
});

test('a path where the volume is not mounted is not found', async () => {
  const { model, mounts, volume, addVolume, makeDirectory } = await stagedNode();
  mounts.mountForeign(makeDirectory('/foreign'));
  for (const path of ['/missing', '/foreign', makeDirectory('/plain')]) {
    await expect(volumeStats(model, volume, path)).rejects.toMatchObject({
      kind: 'not-found',
      about: 'volumePath',
      message: `volume "${volume.id}" is not mounted at "${path}"`,
    });
  }
  await expect(volumeStats(model, await addVolume('b'), '/staging')).rejects.toMatchObject({
    kind: 'not-found',
  });
});

describe('a block volume', () => {
  async function stagedBlock() {
    const node = fakeNode();
    const volume = await node.addVolume('a', { content: blockContent });
    const stage = (path: string) => stageVolume(node.model, volume, path, blockCapability());
    const stats = (path: string) => volumeStats(node.model, volume, path);
    return { ...node, volume, stage, stats };
  }

  test('is found where it is staged, and in no other directory', async () => {
    const { makeDirectory, stage, stats } = await stagedBlock();
    const [staging, other] = [makeDirectory('/staging'), makeDirectory('/other')];
    await stage(staging);
    await stats(staging);
    for (const path of [other, '/', '/missing']) {
      await expect(stats(path)).rejects.toMatchObject({ kind: 'not-found' });
    }
  });

  test('can be staged at a few paths, and the last ones recorded are known', async () => {
    const { makeDirectory, stage, stats } = await stagedBlock();
    const paths = [1, 2, 3, 4, 5].map((number) => makeDirectory(`/staging${number}`));
    for (const path of [...paths, ...paths.slice(1)]) await stage(path);
    const [first = '', ...others] = paths;
    for (const path of others) await stats(path);
    await expect(stats(first)).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('that is no longer staged, or whose device has another label, is not found', async () => {
    const { model, volume, devices, makeDirectory, stage, stats } = await stagedBlock();
    const staging = makeDirectory('/staging');
    await stage(staging);
    await devices.setLabel(model.catalogue.dataOf(volume).path, '/srv/image');
    await expect(stats(staging)).rejects.toMatchObject({ kind: 'not-found' });
    await stage(staging);
    await stats(staging);
    await unstageVolume(model, volume.id, staging);
    await expect(stats(staging)).rejects.toMatchObject({ kind: 'not-found' });
  });
});

test('an invalid path is reported with the name of its field', async () => {
  const { model, mounts, volume } = await stagedNode();
  mounts.tree.makeSymlink('/link', '/');
  await expect(volumeStats(model, volume, '/link/staging')).rejects.toMatchObject({
    kind: 'invalid',
    about: 'volumePath',
  });
});

test('a volume whose data is missing is damaged', async () => {
  const { model, mounts, volume } = await stagedNode();
  mounts.tree.remove(model.catalogue.dataOf(volume).path);
  await expect(volumeStats(model, volume, '/staging')).rejects.toMatchObject({ kind: 'damaged' });
});

describe('a volume that disappears during the check', () => {
  /** Runs an action before the port call with this number, counted over all ports. */
  function before(count: number, objects: object[], act: () => Promise<unknown>): void {
    let calls = 0;
    for (const object of objects) {
      for (const name of ['inspect', 'usage', 'deviceAt'] as const) {
        const original = Reflect.get(object, name) as ((...words: unknown[]) => Promise<unknown>) | undefined;
        if (!original) continue;
        Reflect.set(object, name, async (...words: unknown[]) => {
          if (++calls === count) await act();
          return original.apply(object, words);
        });
      }
    }
  }

  async function outcomeWhile(count: number, act: (node: Awaited<ReturnType<typeof stagedNode>>) => unknown) {
    const node = await stagedNode();
    const { model, mounts, volume } = node;
    before(count, [mounts, node.pool.backends.directory], async () => act(node));
    return volumeStats(model, volume, '/staging').then(
      () => 'told',
      (error: VolumeError) => error.kind,
    );
  }

  test.each([1, 2, 3, 4, 5])(
    'is not found if it is unmounted and deleted before the call %i',
    async (count) => {
      const outcome = await outcomeWhile(count, async ({ model, volume }) => {
        await unstageVolume(model, volume.id, '/staging');
        await deleteVolume(model, volume.id);
      });
      expect(outcome).toBe(count === 5 ? 'told' : 'not-found');
    },
  );

  test.each([1, 2, 3, 4])('is not found if it is unmounted before call %i', async (count) => {
    const outcome = await outcomeWhile(count, ({ model, volume }) =>
      unstageVolume(model, volume.id, '/staging'),
    );
    expect(outcome).toBe('not-found');
  });

  test('a disk that fails during the check is reported as such', async () => {
    const outcome = await outcomeWhile(2, () => {
      throw new DiskError('unavailable', 'EIO');
    });
    expect(outcome).toBe('unavailable');
  });
});
