import { describe, expect, test } from 'vitest';
import { publishVolume, unpublishVolume } from '../../../src/model/mounting/publish-volume.ts';
import { stageVolume, unstageVolume } from '../../../src/model/mounting/stage-volume.ts';
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
  // A directory of the pod's own, seen wherever the volume is mounted.
  await node.mounts.makeDirectory(`${target}/own`);
  return { ...node, volume, publish };
}

describe('a path inside a mounted volume is the pods’, so', () => {
  test('nothing is published there', async () => {
    const { mounts, publish } = await publishedNode();
    await expect(publish(`${target}/own`)).rejects.toMatchObject({
      kind: 'invalid',
      about: 'targetPath',
      message: expect.stringMatching(/lies inside volume/),
    });
    expect(await mounts.inspect(`${target}/own`)).toMatchObject({ kind: 'directory' });
  });

  test('nothing is staged there', async () => {
    const { model, addVolume } = await publishedNode();
    const other = await addVolume('other');
    await expect(stageVolume(model, other, `${target}/own`, capability())).rejects.toMatchObject({
      kind: 'invalid',
      about: 'stagingPath',
      message: expect.stringMatching(/lies inside volume/),
    });
  });

  test('unpublishing removes nothing there', async () => {
    const { model, mounts, volume } = await publishedNode();
    await expect(unpublishVolume(model, volume.id, `${target}/own`)).rejects.toMatchObject({
      kind: 'invalid',
    });
    expect(await mounts.inspect(`${target}/own`)).toMatchObject({ kind: 'directory' });
  });

  test('it is free again when the volume is no longer mounted around it', async () => {
    const { model, mounts, volume, makeDirectory } = await publishedNode();
    await mounts.unmount(target);
    makeDirectory(`${target}/own`);
    await unpublishVolume(model, volume.id, `${target}/own`);
    expect(await mounts.inspect(`${target}/own`)).toEqual({ kind: 'absent' });
  });
});

test('unpublishing a staging path is refused, since its directory is the CO’s', async () => {
  const { model, mounts, volume } = await publishedNode();
  await expect(unpublishVolume(model, volume.id, '/staging')).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining('where a volume is staged'),
  });
  expect(await mounts.inspect('/staging')).toMatchObject({ kind: 'mounted' });
});

test('unstaging a target is refused, since it would stay behind', async () => {
  const { model, mounts, volume } = await publishedNode();
  await expect(unstageVolume(model, volume.id, target)).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining('where a volume is published'),
  });
  expect(await mounts.inspect(target)).toMatchObject({ kind: 'mounted' });
});
