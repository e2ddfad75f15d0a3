import { describe, expect, test, vi } from 'vitest';
import { checkOwner, volumeOfFile, volumeOfMount } from '../../../src/model/find/mount-owner.ts';
import { contentPathOf } from '../../../src/model/find/staged-content.ts';
import { directoryNameOf, newObjectId } from '../../../src/model/objects/object-id.ts';
import { VolumeIndex } from '../../../src/model/objects/volume-index.ts';
import { noMountFlags } from '../../../src/model/requests/mount-flags.ts';
import { exampleVolume, fakeNode } from './fakes/model.ts';
import { blockContent, capability } from './fakes/requests.ts';

const { pools, locations } = fakeNode().model;
const volumes = new VolumeIndex();
const own = newObjectId('a', 'aaaaaaaa');
for (const id of ['v', own]) volumes.add(exampleVolume({ id, name: id }));
const dirV = directoryNameOf('v');
const model = { volumes, pools, locations };
const noDevices = { attached: [], nodes: { fileSystem: '0:5', path: '/' } };
const ownerOf = (root: string, fileSystem = '8:1') =>
  volumeOfMount(model, { root: root.replaceAll('dir-v', dirV), source: 'x', fileSystem }, noDevices);

test.each([
  ['/pools/default/volumes/dir-v/data', true],
  ['/pools/default/volumes/dir-v/data/sub/path', false],
  ['/pools/default/volumes/dir-v/data//deleted', false],
  ['/pools/default/volumes/dir-v/data/volumes/other/data', false],
])('%s is of the volume; the whole of it: %s', (root, isWhole) => {
  expect(ownerOf(root)).toEqual({ volumeId: 'v', isWhole });
});

test.each([
  '/',
  '/pools/default/volumes/dir-v',
  '/pools/default/volumes/dir-v/database',
  '/pools/default/volumes/v/data',
  '/pools/default/xvolumes/dir-v/data',
])('%s is of no volume', (root) => {
  expect(ownerOf(root)).toBeUndefined();
});

test.each([
  ['in an emptyDir', '/kubelet/pods/x/volumes/empty/volumes/dir-v/data', '8:1'],
  ['deeper in that', '/kubelet/pods/x/volumes/empty/volumes/dir-v/data/sub', '8:1'],
  ['in another volume', '/pools/default/volumes/other/data/volumes/dir-v/data/sub', '8:1'],
  ['in another file system', '/pools/default/volumes/dir-v/data', '8:2'],
])('a directory is not told by its name: %s', (_, root, fileSystem) => {
  expect(ownerOf(root, fileSystem)).toBeUndefined();
});

describe('a mount that a device is part of', () => {
  const attached = (file: string) => ({
    ...noDevices,
    attached: [{ path: '/dev/loop3', number: '7:3', file, isRemoved: false }],
  });
  const image = `/pools/fast/volumes/${dirV}/image`;

  test.each([
    ['the file system on it', '/', '/dev/loop3', '7:3', true],
    ['a directory in that', '/sub', '/dev/loop3', '7:3', false],
    ['its node', '/loop3', 'udev', '0:5', true],
  ])('is of the volume whose image is attached to it: %s', (_, root, source, fileSystem, isWhole) => {
    const mount = { root, source, fileSystem };
    expect(volumeOfMount(model, mount, attached(image))).toEqual({ volumeId: 'v', isWhole });
  });

  test.each([
    ['another device', '/', '/dev/loop33', image],
    ['a file outside of the pools', '/', '/dev/loop3', `/elsewhere/volumes/${dirV}/image`],
    ['another file of the volume', '/', '/dev/loop3', `/pools/fast/volumes/${dirV}/image.new`],
    ['a file that pods see', '/', '/dev/loop3', `/pools/fast/volumes/${dirV}/data/image`],
    ['an image of a volume that nobody knows', '/', '/dev/loop3', '/pools/fast/volumes/unknown/image'],
    ['a directory of a pod that is called like the node', '/loop3', 'tmpfs', image],
  ])('is of no volume: %s', (_, root, source, file) => {
    const mount = { root, source, fileSystem: '0:77' };
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
    const know = (id = mountId, volumeId = 'v') =>
      node.model.mountIndex.add({
        volumeId,
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
    await expect(check('other')).rejects.toMatchObject({
      message: expect.stringContaining('does not belong'),
    });
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

  test("a volume's mount is its own, whatever its id says", async () => {
    const { mountId, check, know } = await mountedNode();
    know(mountId, 'this driver');
    await check('this driver');
    await expect(check('other')).rejects.toMatchObject({
      message: '"/mnt" is the mount point of volume "this driver", not of "other"',
    });
  });

  test('a mount that this driver has not made is left', async () => {
    const { check } = await mountedNode();
    await expect(check('anybody')).rejects.toMatchObject({
      kind: 'precondition',
      about: 'targetPath',
      message: 'the mount at "/mnt" does not belong to this driver; unmount it manually',
    });
  });

  describe('what only the driver mounts is taken down for whoever asks', () => {
    const check = async ({ model, mounts }: ReturnType<typeof fakeNode>, path: string) => {
      const state = await mounts.inspect(path);
      if (state.kind !== 'mounted') throw new Error(state.kind);
      await checkOwner(model, 'targetPath', 'gone', path, state.mountId);
    };

    test('a directory of a pool, of which there is no record', async () => {
      const node = fakeNode();
      node.mounts.tree.makeDirectory('/pools/default/volumes/unknown/data');
      node.makeDirectory('/mnt');
      const source = '/pools/default/volumes/unknown/data';
      const state = await node.mounts.inspect(source);
      if (state.kind !== 'directory') throw new Error(state.kind);
      await node.mounts.bind(source, '/mnt', noMountFlags, state.identity);
      await check(node, '/mnt');
    });

    test('a directory of this volume on a disk that is no pool any more', async () => {
      const node = fakeNode();
      node.mounts.mountForeign(node.makeDirectory('/mnt'), `/old/volumes/${directoryNameOf('gone')}/data`);
      await check(node, '/mnt');
    });

    test('the node of a loop device that was taken away', async () => {
      const node = fakeNode();
      node.mounts.tree.makeFile('/node', '');
      await node.mounts.bindDevice({ path: '/dev/loop4100', number: '7:4100' }, '/node');
      await check(node, '/node');
    });
  });
});
