import { describe, expect, test } from 'vitest';
import { noMountFlags } from '../../../src/model/requests/mount-flags.ts';
import { publishVolume, stageVolume, unpublishVolume, unstageVolume } from './fakes/calls.ts';
import { fakeNode } from './fakes/model.ts';
import { capability } from './fakes/requests.ts';

const target = '/pod/target';

async function publishedNode() {
  const node = fakeNode();
  const volume = await node.addVolume();
  const stagingPath = node.makeDirectory('/staging');
  node.makeDirectory('/pod');
  await stageVolume(node.model, volume, stagingPath, capability());
  const publish = (targetPath: string) =>
    publishVolume(node.model, volume, { stagingPath, targetPath, capability: capability(), readOnly: false });
  await publish(target);
  // A directory of the pod's own, visible wherever the volume is mounted.
  await node.mounts.makeDirectory(`${target}/own`);
  return { ...node, volume, publish };
}

describe('a path inside a mounted volume belongs to the pods, so', () => {
  test('nothing is published there', async () => {
    const { mounts, publish } = await publishedNode();
    await expect(publish(`${target}/own`)).rejects.toMatchObject({
      kind: 'invalid',
      about: 'targetPath',
      message: expect.stringMatching(/is inside volume/),
    });
    expect(await mounts.inspect(`${target}/own`)).toMatchObject({ kind: 'directory' });
  });

  test('nothing is staged there', async () => {
    const { model, addVolume } = await publishedNode();
    const other = await addVolume('other');
    await expect(stageVolume(model, other, `${target}/own`, capability())).rejects.toMatchObject({
      kind: 'invalid',
      about: 'stagingPath',
      message: expect.stringMatching(/is inside volume/),
    });
  });

  test('unpublishing removes nothing there', async () => {
    const { model, mounts, volume } = await publishedNode();
    await expect(unpublishVolume(model, volume.id, `${target}/own`)).rejects.toMatchObject({
      kind: 'invalid',
    });
    expect(await mounts.inspect(`${target}/own`)).toMatchObject({ kind: 'directory' });
  });

  test('it is free again when the volume is no longer mounted above it', async () => {
    const { model, mounts, volume, makeDirectory } = await publishedNode();
    await mounts.unmount(target);
    makeDirectory(`${target}/own`);
    await unpublishVolume(model, volume.id, `${target}/own`);
    expect(await mounts.inspect(`${target}/own`)).toEqual({ kind: 'absent' });
  });
});

describe('a path inside a bind mount of a pool belongs to the driver, so', () => {
  /** A node where this directory of a pool, or a parent of a pool, is bound to `/alias`. */
  async function nodeWithAlias(source: string) {
    const node = await publishedNode();
    const state = await node.mounts.inspect(source);
    if (state.kind !== 'directory') throw new Error(state.kind);
    await node.mounts.bind(source, node.makeDirectory('/alias'), noMountFlags, state.identity);
    return node;
  }

  test.each([
    ['/pools', '/alias/default/target'],
    ['/pools/default', '/alias/target'],
    ['/pools/default/volumes', '/alias/target'],
  ])('nothing is published or removed there: %s', async (source, path) => {
    const { model, mounts, volume, publish } = await nodeWithAlias(source);
    const refusal = {
      kind: 'invalid',
      about: 'targetPath',
      message: `${JSON.stringify(path)} is inside a bind mount of a pool`,
    };
    await expect(publish(path)).rejects.toMatchObject(refusal);
    await expect(unpublishVolume(model, volume.id, path)).rejects.toMatchObject(refusal);
    expect(await mounts.inspect(path)).toEqual({ kind: 'absent' });
  });

  test('a path beside the pools is free', async () => {
    const { mounts, publish } = await nodeWithAlias('/pools');
    await publish('/alias/target');
    expect((await mounts.inspect('/alias/target')).kind).toBe('mounted');
  });

  test('a directory of another file system with the path of a pool is free', async () => {
    const { mounts, publish, makeDirectory } = await publishedNode();
    mounts.mountForeign(makeDirectory('/other'), '/pools/default');
    await publish('/other/target');
    expect((await mounts.inspect('/other/target')).kind).toBe('mounted');
  });
});

test('unpublishing a staging path is refused, since its directory belongs to the CO', async () => {
  const { model, mounts, volume } = await publishedNode();
  await expect(unpublishVolume(model, volume.id, '/staging')).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining('the staging path of a volume'),
  });
  expect(await mounts.inspect('/staging')).toMatchObject({ kind: 'mounted' });
});

test('unstaging a target is refused, since the target would be left behind', async () => {
  const { model, mounts, volume } = await publishedNode();
  await expect(unstageVolume(model, volume.id, target)).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining('the target path of a volume'),
  });
  expect(await mounts.inspect(target)).toMatchObject({ kind: 'mounted' });
});
