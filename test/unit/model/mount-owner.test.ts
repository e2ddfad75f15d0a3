import { describe, expect, test, vi } from 'vitest';
import { directoryNameOf, newObjectId } from '../../../src/model/objects/object-id.ts';
import type { AttachedFile, Device } from '../../../src/model/ports/devices-port.ts';
import type { MountedPath } from '../../../src/model/ports/mounts-port.ts';
import { noMountFlags } from '../../../src/model/requests/mount-flags.ts';
import { findMounts, unpublishVolume } from './fakes/calls.ts';
import { exampleVolume, fakeNode } from './fakes/model.ts';
import { blockContent, capability } from './fakes/requests.ts';

const own = newObjectId('a', 'aaaaaaaa');
const dirV = directoryNameOf('v');

/** The volume that a start finds for a mount with this root, and whether the whole of it is mounted. */
async function ownerOf(mount: Partial<MountedPath>, attached: readonly AttachedFile[] = []) {
  const { model, mounts, devices } = fakeNode();
  for (const id of ['v', own]) model.catalogue.volumes.add(exampleVolume({ id, name: id }));
  const listed: MountedPath = {
    path: '/elsewhere/mount',
    mountId: 1,
    fileSystem: '8:1',
    root: '/',
    source: 'x',
    isReadOnly: false,
    isFileSystemReadOnly: false,
    ...mount,
  };
  const others = await mounts.list();
  vi.spyOn(mounts, 'list').mockResolvedValue([...others, listed]);
  vi.spyOn(devices, 'list').mockResolvedValue([...attached]);
  await findMounts(model);
  const known = model.host.mountIndex.at(listed.path);
  return known && { volumeId: known.volumeId, isWhole: known.use.kind === 'found' };
}

test.each([
  [`/pools/default/volumes/${dirV}/data`, true],
  [`/pools/default/volumes/${dirV}/data/sub/path`, false],
  [`/pools/default/volumes/${dirV}/data//deleted`, false],
  [`/pools/default/volumes/${dirV}/data/volumes/other/data`, false],
])('a mount of %s belongs to the volume; the whole of it: %s', async (root, isWhole) => {
  expect(await ownerOf({ root })).toEqual({ volumeId: 'v', isWhole });
});

test.each([
  '/',
  `/pools/default/volumes/${dirV}`,
  `/pools/default/volumes/${dirV}/database`,
  '/pools/default/volumes/v/data',
  `/pools/default/xvolumes/${dirV}/data`,
])('a mount of %s belongs to no volume', async (root) => {
  expect(await ownerOf({ root })).toBeUndefined();
});

test.each([
  ['in an emptyDir', `/kubelet/pods/x/volumes/empty/volumes/${dirV}/data`, '8:1'],
  ['deeper in one', `/kubelet/pods/x/volumes/empty/volumes/${dirV}/data/sub`, '8:1'],
  ['in another volume', `/pools/default/volumes/other/data/volumes/${dirV}/data/sub`, '8:1'],
  ['in another file system', `/pools/default/volumes/${dirV}/data`, '8:2'],
])('a directory is not recognised by its name: %s', async (_, root, fileSystem) => {
  expect(await ownerOf({ root, fileSystem })).toBeUndefined();
});

describe('a mount with a loop device', () => {
  const attached = (file: string) => [{ path: '/dev/loop3', number: '7:3', file, isRemoved: false }];
  const image = `/pools/fast/volumes/${dirV}/image`;

  test.each([
    ['the file system on it', '/', '/dev/loop3', '7:3', true],
    ['a directory in that', '/sub', '/dev/loop3', '7:3', false],
    ['its node', '/loop3', 'udev', '0:5', true],
  ])('belongs to the volume whose image is attached: %s', async (_, root, source, fileSystem, isWhole) => {
    expect(await ownerOf({ root, source, fileSystem }, attached(image))).toEqual({ volumeId: 'v', isWhole });
  });

  test.each([
    ['v', '/pools/default'],
    [own, '/pools/default'],
    // Of the path in a mount namespace that has ended.
    ['v', '/default'],
    ['v', ''],
  ])('belongs to the volume %s, recognised by the end of its path in "%s"', async (id, pool) => {
    const file = `${pool}/volumes/${directoryNameOf(id)}/image`;
    const mount = { root: '/', source: '/dev/loop3', fileSystem: '7:3' };
    expect(await ownerOf(mount, attached(file))).toEqual({ volumeId: id, isWhole: true });
  });

  test.each([
    ['another device', '/', '/dev/loop33', image],
    ['a file in no directory of volumes', '/', '/dev/loop3', `/elsewhere/${dirV}/image`],
    ['another file of the volume', '/', '/dev/loop3', `/pools/fast/volumes/${dirV}/image.new`],
    ['a file that pods see', '/', '/dev/loop3', `/pools/fast/volumes/${dirV}/data/image`],
    ['an image of an unknown volume', '/', '/dev/loop3', '/pools/fast/volumes/unknown/image'],
    ['a directory of a pod with the name of the node', '/loop3', 'tmpfs', image],
  ])('belongs to no volume: %s', async (_, root, source, file) => {
    expect(await ownerOf({ root, source, fileSystem: '0:77' }, attached(file))).toBeUndefined();
  });
});

describe('unpublishing', () => {
  const notTheirs = (owner: string) => ({
    kind: 'precondition',
    about: 'targetPath',
    message: `"/mnt" is the mount point of volume "${owner}", not of "other"`,
  });

  /** A mount whose root gives no information. */
  async function mountedNode() {
    const node = fakeNode();
    const { model, mounts } = node;
    const mountId = mounts.mountForeign(node.makeDirectory('/mnt'));
    const unpublish = (volumeId: string) => unpublishVolume(model, volumeId, '/mnt');
    const know = (id = mountId, volumeId = 'v') =>
      model.host.mountIndex.add({
        volumeId,
        path: '/mnt',
        mountId: id,
        use: { kind: 'target', capability: capability(), readOnly: false },
      });
    return { ...node, mountId, unpublish, know };
  }

  test('recognises a mount that this driver made without reading the list of mounts', async () => {
    const { mounts, unpublish, know } = await mountedNode();
    const list = vi.spyOn(mounts, 'list');
    know();
    await expect(unpublish('other')).rejects.toMatchObject(notTheirs('v'));
    expect(list).not.toHaveBeenCalled();
    await unpublish('v');
    expect(await mounts.inspect('/mnt')).toEqual({ kind: 'absent' });
  });

  test('does not recognise it by its path once another mount has replaced it', async () => {
    const { mountId, unpublish, know } = await mountedNode();
    know(mountId + 1);
    await expect(unpublish('other')).rejects.toMatchObject({
      message: expect.stringContaining('does not belong'),
    });
  });

  test('accepts any id of a volume', async () => {
    const { mountId, mounts, unpublish, know } = await mountedNode();
    know(mountId, 'this driver');
    await expect(unpublish('other')).rejects.toMatchObject(notTheirs('this driver'));
    await unpublish('this driver');
    expect(await mounts.inspect('/mnt')).toEqual({ kind: 'absent' });
  });

  test('leaves a mount that this driver has not made', async () => {
    const { mounts, unpublish } = await mountedNode();
    await expect(unpublish('anybody')).rejects.toMatchObject({
      kind: 'precondition',
      about: 'targetPath',
      message: 'the mount at "/mnt" does not belong to this driver; unmount it manually',
    });
    expect((await mounts.inspect('/mnt')).kind).toBe('mounted');
  });

  /** A node with the node of a device mounted on a file. */
  async function nodeWithDeviceAt(
    path: string,
    attach: (node: ReturnType<typeof fakeNode>) => Promise<Device>,
  ) {
    const node = fakeNode();
    node.mounts.tree.makeFile(path, '');
    await node.mounts.bindDevice(await attach(node), path);
    return node;
  }

  test("recognises an unknown device by its image's volume", async () => {
    let volumeId = '';
    const { model, mounts } = await nodeWithDeviceAt('/mnt', async ({ model, devices, addVolume }) => {
      const volume = await addVolume('a', { content: blockContent });
      volumeId = volume.id;
      return devices.attach(model.catalogue.dataOf(volume).path);
    });
    await expect(unpublishVolume(model, 'other', '/mnt')).rejects.toMatchObject(notTheirs(volumeId));
    await unpublishVolume(model, volumeId, '/mnt');
    expect(await mounts.inspect('/mnt')).toEqual({ kind: 'absent' });
  });

  describe('unmounts for any caller what only the driver mounts:', () => {
    test('a directory of a pool without a record', async () => {
      const { model, mounts, makeDirectory } = fakeNode();
      const source = makeDirectory('/pools/default/volumes/unknown/data');
      makeDirectory('/mnt');
      const state = await mounts.inspect(source);
      if (state.kind !== 'directory') throw new Error(state.kind);
      await mounts.bind(source, '/mnt', noMountFlags, state.identity);
      await unpublishVolume(model, 'gone', '/mnt');
      expect(await mounts.inspect('/mnt')).toEqual({ kind: 'absent' });
    });

    test('a directory of this volume on a disk that is no longer a pool', async () => {
      const { model, mounts, makeDirectory } = fakeNode();
      mounts.mountForeign(makeDirectory('/mnt'), `/old/volumes/${directoryNameOf('gone')}/data`);
      await unpublishVolume(model, 'gone', '/mnt');
      expect(await mounts.inspect('/mnt')).toEqual({ kind: 'absent' });
    });

    test('the node of a loop device that was taken away', async () => {
      const device = { path: '/dev/loop4100', number: '7:4100' };
      const { model, mounts } = await nodeWithDeviceAt('/mnt', async () => device);
      await unpublishVolume(model, 'gone', '/mnt');
      expect(await mounts.inspect('/mnt')).toEqual({ kind: 'absent' });
    });
  });
});
