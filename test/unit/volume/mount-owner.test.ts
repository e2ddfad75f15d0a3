import { describe, expect, test, vi } from 'vitest';
import { checkOwner, volumeOfFile, volumeOfMount } from '../../../src/volume/mount-owner.ts';
import { directoryNameOf, newObjectId } from '../../../src/volume/object-id.ts';
import { contentPathOf } from '../../../src/volume/staged-content.ts';
import { VolumeIndex } from '../../../src/volume/volume-index.ts';
import { exampleVolume, fakeNode } from './fakes/model.ts';
import { blockContent, capability } from './fakes/requests.ts';

const { pools } = fakeNode().model;
const volumes = new VolumeIndex();
const own = newObjectId('a', 'aaaaaaaa');
for (const id of ['v', own]) volumes.add(exampleVolume({ id, name: id }));
const dirV = directoryNameOf('v');
const model = { volumes, pools };
const ownerOf = (root: string) =>
  volumeOfMount(model, { root: root.replaceAll('dir-v', dirV), source: 'x' }, []);

test.each([
  ['/volumes/dir-v/data', true],
  ['/a/pool/volumes/dir-v/data', true],
  ['/pool/volumes/dir-v/data/sub/path', false],
  ['/pool/volumes/dir-v/data//deleted', false],
  ['/pool/volumes/dir-v/data/volumes/other/data', false],
])('%s is of the volume; the whole of it: %s', (root, isWhole) => {
  expect(ownerOf(root)).toEqual({ volumeId: 'v', isWhole });
});

test.each([
  '/',
  '/pool/volumes/dir-v',
  '/pool/volumes/dir-v/database',
  '/pool/volumes/v/data',
  '/xvolumes/dir-v/data',
])('%s is of no volume', (root) => {
  expect(ownerOf(root)).toBeUndefined();
});

test.each([
  ['/volumes/ssd/data/volumes/dir-v/data', true],
  ['/volumes/ssd/data/pool/volumes/dir-v/data/sub', false],
])('a pool may itself lie in a directory of such a name: %s', (root, isWhole) => {
  expect(ownerOf(root)).toEqual({ volumeId: 'v', isWhole });
});

describe('a mount that a device is part of', () => {
  const attached = (file: string) => [{ path: '/dev/loop3', number: '7:3', file, isRemoved: false }];
  const image = `/pools/fast/volumes/${dirV}/image`;

  test.each([
    ['the file system on it', '/', '/dev/loop3', true],
    ['a directory in that', '/sub', '/dev/loop3', false],
    ['its node', '/loop3', 'udev', true],
  ])('is of the volume whose image is attached to it: %s', (_, root, source, isWhole) => {
    const mount = { path: '/mnt', mountId: 1, root, source };
    expect(volumeOfMount(model, mount, attached(image))).toEqual({ volumeId: 'v', isWhole });
  });

  test.each([
    ['another device', '/', '/dev/loop33', image],
    ['a file outside of the pools', '/', '/dev/loop3', `/elsewhere/volumes/${dirV}/image`],
    ['another file of the volume', '/', '/dev/loop3', `/pools/fast/volumes/${dirV}/image.new`],
    ['a file that pods see', '/', '/dev/loop3', `/pools/fast/volumes/${dirV}/data/image`],
    ['an image of a volume that nobody knows', '/', '/dev/loop3', '/pools/fast/volumes/unknown/image'],
  ])('is of no volume: %s', (_, root, source, file) => {
    const mount = { path: '/mnt', mountId: 1, root, source };
    expect(volumeOfMount(model, mount, attached(file))).toBeUndefined();
  });

  test.each(['v', own])('the image of the volume %s is told by its directory', (id) => {
    const directoryName = directoryNameOf(id);
    const file = `/pools/default/volumes/${directoryName}/image`;
    expect(volumeOfFile(model, file)).toEqual({ directoryName, volumeId: id });
  });

  test('the image of a volume whose record is gone is still known by its directory', () => {
    expect(volumeOfFile(model, '/pools/default/volumes/gone/image')).toEqual({
      directoryName: 'gone',
      volumeId: undefined,
    });
  });
});

describe('checkOwner', () => {
  /** A mount that tells nothing by its root. */
  async function mountedNode() {
    const node = fakeNode();
    const mountId = node.mounts.mountForeign(node.makeDirectory('/mnt'));
    const list = vi.spyOn(node.mounts, 'list');
    const check = async (volumeId: string) => {
      const state = await node.mounts.inspect('/mnt');
      if (state.kind !== 'mounted') throw new Error(state.kind);
      return checkOwner(node.model, 'targetPath', volumeId, '/mnt', state.mountId);
    };
    const know = (id = mountId) =>
      node.model.mountIndex.add({
        volumeId: 'v',
        path: '/mnt',
        mountId: id,
        use: { kind: 'staging', capability: capability(), readOnly: false },
      });
    return { mountId, list, check, know };
  }

  test('a mount of ours is told by what is remembered, without reading every mount there is', async () => {
    const { list, check, know } = await mountedNode();
    know();
    await check('v');
    await expect(check('other')).rejects.toMatchObject({
      kind: 'precondition',
      about: 'targetPath',
      message: '"/mnt" is the mount point of volume "v", not of "other"',
    });
    expect(list).not.toHaveBeenCalled();
  });

  test('what is remembered counts for nothing once another mount is there', async () => {
    const { mountId, check, know } = await mountedNode();
    know(mountId + 1);
    await check('other');
  });

  test('a device is told by the volume whose image it has when nothing is remembered', async () => {
    const { model, mounts, devices, addVolume } = fakeNode();
    const volume = await addVolume('a', { content: blockContent });
    mounts.tree.makeFile('/node', '');
    await mounts.bindDevice(await devices.attach(contentPathOf(model, volume)), '/node');
    const state = await mounts.inspect('/node');
    if (state.kind !== 'mounted') throw new Error(state.kind);
    await checkOwner(model, 'targetPath', volume.id, '/node', state.mountId);
    await expect(checkOwner(model, 'targetPath', 'other', '/node', state.mountId)).rejects.toMatchObject({
      kind: 'precondition',
      about: 'targetPath',
      message: `"/node" is the mount point of volume "${volume.id}", not of "other"`,
    });
  });

  test('a mount that nobody can tell is left to whoever asks', async () => {
    const { check } = await mountedNode();
    await check('anybody');
  });
});
