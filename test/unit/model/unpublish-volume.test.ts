import { describe, expect, test } from 'vitest';
import { mutationSteps } from '../../../src/model/steps.ts';
import { publishVolume, stageVolume, unpublishVolume } from './fakes/calls.ts';
import { fakeNode } from './fakes/model.ts';
import { capability } from './fakes/requests.ts';

const target = '/pod/target';

async function publishedNode(steps: string[] = []) {
  const node = fakeNode({ onStep: (step) => void steps.push(step) });
  const volume = await node.addVolume();
  const stagingPath = node.makeDirectory('/staging');
  node.makeDirectory('/pod');
  await stageVolume(node.model, volume, stagingPath, capability());
  await publishVolume(node.model, volume, {
    stagingPath,
    targetPath: target,
    capability: capability(),
    readOnly: false,
  });
  const unpublish = (volumeId = volume.id, path = target) => unpublishVolume(node.model, volumeId, path);
  return { ...node, volume, unpublish };
}

describe('unpublishing', () => {
  test('unmounts and removes the target, and leaves the staged mount', async () => {
    const { model, mounts, volume, unpublish } = await publishedNode();
    await unpublish();
    expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
    expect((await mounts.inspect('/staging')).kind).toBe('mounted');
    expect(model.host.mountIndex.mountsOf(volume.id)).toMatchObject([{ path: '/staging' }]);
  });

  test('goes through every step of an unpublish', async () => {
    const steps: string[] = [];
    const { unpublish } = await publishedNode(steps);
    steps.length = 0;
    await unpublish();
    expect(steps).toEqual(mutationSteps.unpublishVolume);
  });

  test.each([target, '/missing/below'])('can be repeated if nothing is left: %s', async (path) => {
    const { volume, unpublish } = await publishedNode();
    await unpublish();
    await unpublish(volume.id, path);
  });

  test('removes a target that was unmounted or never mounted', async () => {
    const { mounts, volume, unpublish } = await publishedNode();
    await mounts.unmount(target);
    await unpublish();
    mounts.tree.makeFile('/pod/file', '');
    await unpublish(volume.id, '/pod/file');
    expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
    expect(await mounts.inspect('/pod/file')).toEqual({ kind: 'absent' });
  });

  test('unmounts an unreadable mount, unless it belongs to another volume', async () => {
    const { mounts, volume, unpublish } = await publishedNode();
    mounts.mountForeign(target);
    mounts.fail(target);
    await unpublish();
    expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
    mounts.fail('/staging');
    await expect(unpublish(volume.id, '/staging/inside')).rejects.toMatchObject({
      kind: 'precondition',
      about: 'targetPath',
      message: '"/staging/inside" answers EIO; its disk or server may have failed',
    });
  });

  test('of an unknown volume leaves a directory that is not mounted', async () => {
    const { mounts, unpublish } = await publishedNode();
    mounts.tree.makeDirectory('/pod/empty');
    await unpublish('unknown', '/pod/empty');
    expect((await mounts.inspect('/pod/empty')).kind).toBe('directory');
  });

  test('unmounts every mount stacked at the target', async () => {
    const { mounts, unpublish } = await publishedNode();
    mounts.mountForeign(target);
    await unpublish();
    expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
  });

  test('works for a volume that is no longer known', async () => {
    const { model, mounts, volume, unpublish } = await publishedNode();
    model.host.mountIndex.removePath(target);
    model.catalogue.volumes.remove(volume);
    await unpublish('long gone');
    expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
  });
});

describe('unpublishing is refused', () => {
  test.each(['known', 'only found by its root'])("for another volume's mount, %s", async (how) => {
    const { model, mounts, unpublish } = await publishedNode();
    if (how !== 'known') model.host.mountIndex.removePath(target);
    await expect(unpublish('other')).rejects.toMatchObject({ kind: 'precondition' });
    expect((await mounts.inspect(target)).kind).toBe('mounted');
  });

  test('for a mount that this driver has not made, whatever volume is named', async () => {
    const { makeDirectory, mounts, volume, unpublish } = await publishedNode();
    mounts.mountForeign(makeDirectory('/pod/foreign'));
    for (const id of [volume.id, 'unknown']) {
      await expect(unpublish(id, '/pod/foreign')).rejects.toMatchObject({
        kind: 'precondition',
        about: 'targetPath',
      });
    }
    expect((await mounts.inspect('/pod/foreign')).kind).toBe('mounted');
  });

  test('while a process uses the mount, which stays and is still known', async () => {
    const { model, mounts, volume, unpublish } = await publishedNode();
    const { release } = mounts.occupy(target);
    await expect(unpublish()).rejects.toMatchObject({ kind: 'precondition' });
    expect(model.host.mountIndex.mountsOf(volume.id)).toHaveLength(2);
    release();
    await unpublish();
    expect(await mounts.inspect(target)).toEqual({ kind: 'absent' });
  });

  test('for a directory that is not empty, and nothing in it is touched', async () => {
    const { mounts, volume, unpublish } = await publishedNode();
    mounts.tree.makeFile('/precious/file', 'content');
    await expect(unpublish(volume.id, '/precious')).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining('/precious'),
    });
    expect((await mounts.inspect('/precious/file')).kind).toBe('file');
  });

  test.each([
    ['the target is a symbolic link', '/link'],
    ['a symbolic link is in its path', '/link/target'],
  ])('if %s', async (_, path) => {
    const { mounts, volume, unpublish } = await publishedNode();
    mounts.tree.makeSymlink('/link', '/pod');
    await expect(unpublish(volume.id, path)).rejects.toMatchObject({
      kind: 'invalid',
      about: 'targetPath',
      message: expect.stringMatching(`${path}`),
    });
    expect((await mounts.inspect(target)).kind).toBe('mounted');
  });
});
