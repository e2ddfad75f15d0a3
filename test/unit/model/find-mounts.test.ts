import { expect, test } from 'vitest';
import type { Parts } from '../../../src/model/parts.ts';
import { noMountFlags } from '../../../src/model/requests/mount-flags.ts';
import { MountIndex } from '../../../src/model/state/mount-index.ts';
import { deleteVolume, findMounts } from './fakes/calls.ts';
import { fakeNode } from './fakes/model.ts';

/** A node with a mounted volume, and a driver that has just started there. */
async function startedNode() {
  const node = fakeNode();
  const volume = await node.addVolume();
  const content = node.model.catalogue.dataOf(volume).path;
  const bind = async (source: string, path: string) => {
    const state = await node.mounts.inspect(source);
    if (state.kind !== 'directory') throw new Error(state.kind);
    return node.mounts.bind(source, node.makeDirectory(path), noMountFlags, state.identity);
  };
  const model: Parts = {
    ...node.model,
    host: { ...node.model.host, mountIndex: new MountIndex(node.mounts, node.mounts) },
  };
  return { ...node, model, volume, content, bind };
}

test('the mounts of a volume are found, including those of directories inside it', async () => {
  const { model, volume, content, bind, makeDirectory } = await startedNode();
  makeDirectory(`${content}/sub`);
  const whole = await bind(content, '/staging');
  const inside = await bind(`${content}/sub`, '/subpath');
  expect(await findMounts(model)).toBe(2);
  expect(model.host.mountIndex.mountsOf(volume.id)).toEqual([
    { volumeId: volume.id, path: '/staging', mountId: whole, use: { kind: 'found' } },
    { volumeId: volume.id, path: '/subpath', mountId: inside, use: { kind: 'inside' } },
  ]);
});

test.each(['/staging', '/subpath'])('a volume found mounted at %s is not deleted', async (path) => {
  const { model, volume, content, bind, makeDirectory } = await startedNode();
  makeDirectory(`${content}/sub`);
  await bind(path === '/staging' ? content : `${content}/sub`, path);
  await findMounts(model);
  await expect(deleteVolume(model, volume.id)).rejects.toMatchObject({ kind: 'precondition' });
});

test.each(['/', '/pool/volumes/unknown/data', '/pool/volumes', '/elsewhere/data'])(
  'a mount of something else is not mistaken for one of a volume: %s',
  async (root) => {
    const { model, mounts, makeDirectory } = await startedNode();
    mounts.mountForeign(makeDirectory('/mnt'), root);
    expect(await findMounts(model)).toBe(0);
  },
);

test('the same path on another file system is not mistaken for the volume', async () => {
  const { model, mounts, content, volume, makeDirectory } = await startedNode();
  mounts.mountForeign(makeDirectory('/mnt'), content);
  expect(await findMounts(model)).toBe(0);
  expect(model.host.mountIndex.mountsOf(volume.id)).toEqual([]);
});

test('a mount that cannot be compared, because another one hides it or the data is gone, is kept', async () => {
  const { model, mounts, content, volume, bind } = await startedNode();
  await bind(content, '/a');
  mounts.mountForeign('/a', content);
  await bind(content, '/b');
  mounts.tree.remove(content);
  await findMounts(model);
  expect(model.host.mountIndex.mountsOf(volume.id).map(({ path }) => path)).toContain('/b');
});
