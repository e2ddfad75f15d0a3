import { expect, test } from 'vitest';
import { stageVolume } from '../../../src/volume/stage-volume.ts';
import { contentPathOf } from '../../../src/volume/staged-content.ts';
import { volumeStats } from '../../../src/volume/volume-stats.ts';
import { fakeNode } from './fakes/model.ts';
import { capability } from './fakes/requests.ts';

async function stagedNode() {
  const node = fakeNode();
  const volume = await node.addVolume();
  await stageVolume(node.model, volume, node.makeDirectory('/staging'), capability());
  return { ...node, volume };
}

test('the space of a volume is told where it is mounted', async () => {
  const { model, mounts, volume } = await stagedNode();
  expect(await volumeStats(model, volume, '/staging')).toEqual(mounts.space);
});

test('a path where the volume is not mounted is not found', async () => {
  const { model, mounts, volume, addVolume, makeDirectory } = await stagedNode();
  mounts.mountForeign(makeDirectory('/foreign'));
  for (const path of ['/missing', '/foreign', makeDirectory('/plain')]) {
    await expect(volumeStats(model, volume, path)).rejects.toMatchObject({
      kind: 'not-found',
      message: `volume_path: volume "${volume.id}" is not mounted at "${path}"`,
    });
  }
  await expect(volumeStats(model, await addVolume('b'), '/staging')).rejects.toMatchObject({
    kind: 'not-found',
  });
});

test('a path that cannot be walked is told with the name of its field', async () => {
  const { model, mounts, volume } = await stagedNode();
  mounts.tree.makeSymlink('/link', '/');
  await expect(volumeStats(model, volume, '/link/staging')).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringMatching(/^volume_path: /),
  });
});

test('a volume whose data is gone is damaged', async () => {
  const { model, mounts, volume } = await stagedNode();
  mounts.tree.remove(contentPathOf(model, volume));
  await expect(volumeStats(model, volume, '/staging')).rejects.toMatchObject({ kind: 'damaged' });
});
