import { describe, expect, test, vi } from 'vitest';
import { VolumeError } from '../../../../src/model/errors.ts';
import type { VolumeContent } from '../../../../src/model/objects/volume.ts';
import { publishVolume, stageVolume, unpublishVolume } from '../fakes/calls.ts';
import { settled } from '../fakes/gate.ts';
import type { FakeModelSettings } from '../fakes/model.ts';
import { blockCapability, blockContent, capability, imageContent } from '../fakes/requests.ts';
import { surveyedNode } from './surveyed-node.ts';

const directoryContent: VolumeContent = { backend: 'quota', projectId: 7 };

/** A node whose volumes can be published, and their problems in a survey. */
function mountingNode(settings?: FakeModelSettings) {
  const node = surveyedNode(settings);
  const { model, surveys, survey, clock } = node;
  const publish = async (name: string, content: VolumeContent, pool = 'default') => {
    const volume = await node.addVolume(name, { content, pool });
    const stagingPath = node.makeDirectory(`/staging-${name}`);
    const targetPath = `/pod-${name}/target`;
    node.makeDirectory(`/pod-${name}`);
    const how = content === blockContent ? blockCapability() : capability();
    await stageVolume(model, volume, stagingPath, how);
    await publishVolume(model, volume, { stagingPath, targetPath, capability: how, readOnly: false });
    return { ...volume, stagingPath, targetPath };
  };
  /** The reasons of a new survey. */
  const reasons = async ({ id, pool }: { id: string; pool: string }) => {
    clock.nowMs += 60_000;
    await survey();
    return surveys
      .known(pool)
      .volume(id)
      ?.findings.map(({ reason }) => reason);
  };
  return { ...node, publish, reasons };
}

const contents: Record<string, VolumeContent> = {
  directory: directoryContent,
  image: imageContent(),
  block: blockContent,
};

describe.each(Object.entries(contents))('a published volume of the kind %s', (_, content) => {
  test('has no problem', async () => {
    const { publish, reasons } = mountingNode();
    expect(await reasons(await publish('a', content))).toEqual([]);
  });

  test('is not mounted if another process has unmounted it, until it is published again', async () => {
    const { model, mounts, publish, reasons, findings } = mountingNode();
    const volume = await publish('a', content);
    await mounts.unmount(volume.targetPath);
    expect(await reasons(volume)).toEqual(['NotMounted']);
    expect(findings).toMatchObject([{ volumeId: volume.id, where: { path: volume.targetPath } }]);
    await unpublishVolume(model, volume.id, volume.targetPath);
    expect(await reasons(volume)).toEqual([]);
  });

  test('is hidden by another mount', async () => {
    const { mounts, publish, reasons } = mountingNode();
    const volume = await publish('a', content);
    mounts.mountForeign(volume.targetPath);
    expect(await reasons(volume)).toEqual(['WrongMount']);
  });
});

test('an image whose file system answers with errors has a problem, though its file can be read', async () => {
  const { mounts, publish, reasons } = mountingNode();
  const volume = await publish('a', imageContent());
  mounts.fail(volume.stagingPath, 'fails with EIO');
  expect(new Set(await reasons(volume))).toEqual(new Set(['DiskError']));
});

test('a block volume without a device is not attached, and one that a pod detaches works until the driver stops', async () => {
  const { mounts, publish, reasons } = mountingNode();
  const [lost, detached] = [await publish('a', blockContent), await publish('b', blockContent)];
  const [first, second] = mounts.loops.all;
  if (!first || !second) throw new Error('they are not attached');
  mounts.loops.all = [second];
  second.isTemporary = true;
  expect(await reasons(lost)).toEqual(['NotAttached']);
  expect(await reasons(detached)).toEqual(['DetachedByOthers']);
});

test('a volume in use and one that is not have problems of their own', async () => {
  const { mounts, addQuotaVolume, publish, reasons } = mountingNode();
  const unused = await addQuotaVolume('unused');
  const [one, other] = [await publish('a', directoryContent), await publish('b', imageContent())];
  await mounts.unmount(one.targetPath);
  expect(await reasons(unused)).toEqual([]);
  expect(await reasons(one)).toEqual(['NotMounted']);
  expect(await reasons(other)).toEqual([]);
});

test('mounts and devices are listed as often for many volumes as for one', async () => {
  const listsOf = async (count: number) => {
    const { mounts, devices, publish, survey } = mountingNode();
    for (let index = 0; index < count; index++)
      for (const [kind, content] of Object.entries(contents)) await publish(`${kind}-${index}`, content);
    const listed = [vi.spyOn(mounts, 'list'), vi.spyOn(devices, 'list')];
    await survey();
    return listed.map(({ mock }) => mock.calls.length);
  };
  expect(await listsOf(20)).toEqual(await listsOf(1));
});

test('a few mounts are looked at at once, so that some that hang leave threads to others', async () => {
  const { mounts, publish, survey } = mountingNode();
  for (let index = 0; index < 10; index++) await publish(`v${index}`, directoryContent);
  const inspect = mounts.inspect.bind(mounts);
  let [count, most] = [0, 0];
  vi.spyOn(mounts, 'inspect').mockImplementation(async (path) => {
    if (path.startsWith('/pools/')) return inspect(path);
    most = Math.max(most, ++count);
    await settled();
    count--;
    return inspect(path);
  });
  await survey();
  expect(most).toBe(4);
});

test('the mounts of a pool that cannot be reached are not looked at', async () => {
  const { fastPool, mounts, publish, reasons } = mountingNode();
  const volume = await publish('a', imageContent(), 'fast');
  await mounts.unmount(volume.targetPath);
  fastPool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'the disk is missing'));
  const inspect = vi.spyOn(mounts, 'inspect');
  expect(await reasons(volume)).toEqual([]);
  expect(inspect.mock.calls.map(([path]) => path)).not.toContain(volume.targetPath);
});

test('a pool that cannot be written is one problem, and not one of each directory in it', async () => {
  const { pool, mounts, publish, reasons, surveys } = mountingNode();
  const [directory, image] = [await publish('a', directoryContent), await publish('b', imageContent())];
  for (const path of [pool.path, image.stagingPath]) mounts.failFileSystem(path);
  expect(await reasons(directory)).toEqual([]);
  expect(new Set(await reasons(image))).toEqual(new Set(['UnexpectedlyReadOnly']));
  expect(surveys.known('default').findings).toMatchObject([{ reason: 'PoolReadOnly' }]);
});

test('a path that a call works on has no problem', async () => {
  const { model, mounts, publish, reasons } = mountingNode();
  const volume = await publish('a', directoryContent);
  await mounts.unmount(volume.targetPath);
  await model.holds.mounting.during(volume.targetPath, async () => {
    expect(await reasons(volume)).toEqual([]);
  });
  expect(await reasons(volume)).toEqual(['NotMounted']);
});

test('a volume that is deleted while the mounts are looked at is left out', async () => {
  const { model, mounts, publish, reasons, errors } = mountingNode();
  const volume = await publish('a', directoryContent);
  const list = mounts.list.bind(mounts);
  vi.spyOn(mounts, 'list').mockImplementation(async () => {
    model.catalogue.volumes.remove(volume);
    return list();
  });
  expect(await reasons(volume)).toBeUndefined();
  expect(errors).toEqual([]);
});

test('a bug that concerns the mounts of one volume leaves out that volume, and is reported', async () => {
  const { mounts, publish, reasons, surveys, errors } = mountingNode();
  const [one, other] = [await publish('a', directoryContent), await publish('b', directoryContent)];
  const inspect = mounts.inspect.bind(mounts);
  const bug = new Error('a bug');
  vi.spyOn(mounts, 'inspect').mockImplementation((path) =>
    path === one.targetPath ? Promise.reject(bug) : inspect(path),
  );
  expect(await reasons(one)).toBeUndefined();
  expect(errors).toEqual([bug]);
  expect(surveys.known('default').isComplete).toBe(false);
  expect(surveys.known('default').volume(other.id)?.findings).toEqual([]);
});
