import { describe, expect, test, vi } from 'vitest';
import { publishInline, removeOrphans } from './fakes/calls.ts';
import { fakeNode, realKubeletDir } from './fakes/model.ts';
import { inlineSpec } from './fakes/requests.ts';
import { systemError } from './fakes/system-error.ts';

const { volumeId } = inlineSpec();
const pods = `${realKubeletDir}/pods`;
const podTarget = `${pods}/uid-1/volumes/kubernetes.io~csi/scratch/mount`;
const otherTarget = '/work/pod/target';

/** A node after a reboot: nothing is mounted, and an inline volume has a record. */
async function rebootedNode(targetPath = podTarget, backend: 'directory' | 'image' = 'directory') {
  const node = fakeNode();
  const { model, mounts } = node;
  node.makeDirectory(targetPath.slice(0, targetPath.lastIndexOf('/')));
  node.makeDirectory(`${pods}/uid-2`);
  node.makeDirectory('/work/neighbour');
  const contentRequest = { backend, enforceCapacity: 'auto' } as const;
  await publishInline(model, inlineSpec({ targetPath, contentRequest }));
  await mounts.unmount(targetPath);
  const volume = model.catalogue.volumes.find(volumeId);
  if (!volume) throw new Error('there is no volume');
  const exists = () => model.catalogue.volumes.find(volumeId) !== undefined;
  return { ...node, volume, isThere: exists, sweep: () => removeOrphans(model, 'default') };
}

describe.each([
  ['below the kubelet’s directory', podTarget, `${pods}/uid-1`, pods],
  ['elsewhere', otherTarget, '/work/pod', '/work'],
])('an inline volume whose target is %s', (_, targetPath, userDirectory, parent) => {
  const reported = (kind: string) => [{ volumeId, targetPath, outcome: expect.objectContaining({ kind }) }];

  test('stays while its pod exists, and nothing is logged', async () => {
    const { isThere: exists, sweep } = await rebootedNode(targetPath);
    expect(await sweep()).toEqual([]);
    expect(exists()).toBe(true);
  });

  test.each(['directory', 'image'] as const)('is removed when its pod is gone: %s', async (backend) => {
    const { mounts, pool, isThere: exists, sweep } = await rebootedNode(targetPath, backend);
    mounts.tree.remove(userDirectory);
    expect(await sweep()).toEqual(reported('removed'));
    expect(exists()).toBe(false);
    await pool.records.volumes.idle();
    expect(mounts.entryAt(`${pool.path}/volumes`)).toMatchObject({ entries: new Map() });
    expect(pool.account.reservedBytes).toBe(0n);
    expect(await sweep()).toEqual([]);
  });

  test('stays when something else has replaced its pod', async () => {
    const { mounts, isThere: exists, sweep } = await rebootedNode(targetPath);
    mounts.tree.remove(userDirectory);
    mounts.tree.makeSymlink(userDirectory, '/nowhere');
    expect(await sweep()).toEqual([]);
    expect(exists()).toBe(true);
  });

  test.each<[string, (tree: Awaited<ReturnType<typeof rebootedNode>>['mounts']['tree']) => void]>([
    [
      'is empty',
      (tree) => {
        tree.remove(parent);
        tree.makeDirectory(parent);
      },
    ],
    ['is missing', (tree) => tree.remove(parent)],
    [
      'is a file',
      (tree) => {
        tree.remove(parent);
        tree.makeFile(parent, '');
      },
    ],
    [
      'is a symbolic link',
      (tree) => {
        tree.remove(parent);
        tree.makeSymlink(parent, '/elsewhere');
      },
    ],
  ])('stays when the directory of its pod %s', async (_how, change) => {
    const { mounts, isThere: exists, sweep } = await rebootedNode(targetPath);
    change(mounts.tree);
    expect(await sweep()).toEqual(reported('unknown'));
    expect(exists()).toBe(true);
  });

  test('stays when its pod cannot be checked', async () => {
    const { mounts, isThere: exists, sweep } = await rebootedNode(targetPath);
    mounts.tree.remove(userDirectory);
    vi.spyOn(mounts, 'hasEntries').mockRejectedValueOnce(systemError('EIO'));
    expect(await sweep()).toEqual(reported('unknown'));
    expect(exists()).toBe(true);
  });

  test('stays while part of it is mounted, or attached', async () => {
    const {
      model,
      mounts,
      devices,
      volume,
      isThere: exists,
      sweep,
    } = await rebootedNode(targetPath, 'image');
    mounts.tree.remove(userDirectory);
    const image = model.catalogue.dataOf(volume).path;
    await devices.attach(image);
    expect(await sweep()).toEqual(reported('in use'));
    await devices.detach(image);
    const mountId = mounts.mountForeign('/work/neighbour');
    model.host.mountIndex.add({ volumeId, path: '/work/neighbour', mountId, use: { kind: 'inside' } });
    expect(await sweep()).toEqual(reported('in use'));
    expect(exists()).toBe(true);
    await mounts.unmount('/work/neighbour');
    expect(await sweep()).toEqual(reported('removed'));
  });

  test('that cannot be removed is logged, and the others are handled', async () => {
    const { model, pool, makeDirectory, mounts, sweep } = await rebootedNode(targetPath);
    const second = makeDirectory(`${userDirectory}/second`);
    await publishInline(model, inlineSpec({ volumeId: 'csi-4567', targetPath: `${second}/mount` }));
    await mounts.unmount(`${second}/mount`);
    mounts.tree.remove(userDirectory);
    vi.spyOn(pool.records.volumes, 'remove').mockRejectedValueOnce(systemError('EIO'));
    const outcomes = (await sweep()).map(({ outcome }) => outcome.kind);
    expect(outcomes[0]).toBe('failed');
    expect(outcomes).toHaveLength(2);
  });
});

test("the kubelet's directory can be a mount point in the driver's own namespace", async () => {
  const { mounts, isThere: exists, sweep } = await rebootedNode();
  mounts.tree.remove(`${pods}/uid-1`);
  const state = await mounts.inspect(pods);
  if (state.kind !== 'directory') throw new Error(state.kind);
  await mounts.bind(pods, pods, state.flags, state.identity);
  await sweep();
  expect(exists()).toBe(false);
});

test('volumes that are not inline and those of another pool are not checked', async () => {
  const { model, mounts, addVolume, isThere: exists } = await rebootedNode();
  mounts.tree.remove(`${pods}/uid-1`);
  const { id } = await addVolume('other');
  expect(await removeOrphans(model, 'fast')).toEqual([]);
  await removeOrphans(model, 'default');
  expect(exists()).toBe(false);
  expect(model.catalogue.volumes.find(id)).toBeDefined();
});
