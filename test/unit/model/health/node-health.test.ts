import { describe, expect, test, vi } from 'vitest';
import { VolumeError } from '../../../../src/model/errors.ts';
import { newObjectId } from '../../../../src/model/objects/object-id.ts';
import type { VolumeContent } from '../../../../src/model/objects/volume.ts';
import type { Step } from '../../../../src/model/steps.ts';
import {
  type HealthPaths,
  nodeVolumeHealth,
  publishVolume,
  stageVolume,
  unpublishVolume,
  unstageVolume,
} from '../fakes/calls.ts';
import { gateAt } from '../fakes/gate.ts';
import { type FakeModelSettings, fakeNode } from '../fakes/model.ts';
import { blockCapability, blockContent, capability, imageContent } from '../fakes/requests.ts';
import { systemError } from '../fakes/system-error.ts';

const stagingPath = '/staging';
const publishPath = '/pod/target';
const both: HealthPaths = { stagingPath, publishPath };
const neither: HealthPaths = { stagingPath: undefined, publishPath: undefined };

const contents: Record<string, VolumeContent> = {
  quota: { backend: 'quota', projectId: 7 },
  image: imageContent(),
  block: blockContent,
};

async function nodeWith(content: VolumeContent, settings: FakeModelSettings = {}) {
  const node = fakeNode(settings);
  const { model } = node;
  const volume = await node.addVolume('a', { content });
  node.makeDirectory('/pod');
  const isBlock = content === blockContent;
  const how = isBlock ? blockCapability() : capability();
  const stage = (with_ = how) => stageVolume(model, volume, node.makeDirectory(stagingPath), with_);
  const publish = (readOnly = false, targetPath = publishPath) =>
    publishVolume(model, volume, { stagingPath, targetPath, capability: how, readOnly });
  const unpublish = () => unpublishVolume(model, volume.id, publishPath);
  const unstage = () => unstageVolume(model, volume.id, stagingPath);
  const health = async (paths = neither) => (await nodeVolumeHealth(model, volume.id, () => paths)).findings;
  const reasons = async (paths = neither) => (await health(paths)).map(({ reason }) => reason);
  /** Forgets the mounts, as a restarted driver does, and finds them. */
  const restart = async () => {
    for (const { path, mountId } of model.host.mountIndex.mountsOf(volume.id)) {
      model.host.mountIndex.removePath(path);
      model.host.mountIndex.add({ volumeId: volume.id, path, mountId, use: { kind: 'found' } });
    }
  };
  return { ...node, volume, stage, publish, unpublish, unstage, health, reasons, restart };
}

async function publishedNode(content: VolumeContent, settings?: FakeModelSettings) {
  const node = await nodeWith(content, settings);
  await node.stage();
  await node.publish();
  return node;
}

describe.each(Object.entries(contents))('a published volume of the kind %s', (kind, content) => {
  const isBlock = kind === 'block';

  test('is healthy, with any paths in the request, and after a restart', async () => {
    const { reasons, restart } = await publishedNode(content);
    for (const when of ['before', 'after']) {
      if (when === 'after') await restart();
      for (const paths of [both, neither, { ...neither, stagingPath }, { ...neither, publishPath }]) {
        expect(await reasons(paths), when).toEqual([]);
      }
    }
  });

  test('is not mounted if another process has unmounted it', async () => {
    const { mounts, volume, health, reasons } = await publishedNode(content);
    await mounts.unmount(publishPath);
    const what = `volume "${volume.id}" is not mounted`;
    const message = `${what} at "${publishPath}"`;
    const where = { problem: what, path: publishPath };
    expect(await health()).toEqual([{ status: 'INACCESSIBLE', reason: 'NotMounted', message, where }]);
    expect(await reasons(both)).toEqual(['NotMounted']);
  });

  test('is not mounted at a requested path where it never was', async () => {
    const { reasons, makeDirectory } = await publishedNode(content);
    for (const path of ['/missing', makeDirectory('/plain')]) {
      expect(await reasons({ stagingPath, publishPath: path })).toEqual(['NotMounted']);
    }
  });

  test('is hidden if something else is mounted on top of it', async () => {
    const { mounts, volume, health } = await publishedNode(content);
    mounts.mountForeign(publishPath);
    const message = `volume "${volume.id}" is hidden by another mount at "${publishPath}"`;
    const expected = [{ status: 'DEGRADED', reason: 'WrongMount', message }];
    expect(await health()).toMatchObject(expected);
    expect(await health(both)).toMatchObject(expected);
  });

  test('is not mounted at the path of another volume', async () => {
    const { model, reasons, addVolume, makeDirectory } = await publishedNode(content);
    const other = await addVolume('b');
    await stageVolume(model, other, makeDirectory('/other'), capability());
    expect(await reasons({ stagingPath, publishPath: '/other' })).toEqual(['WrongMount']);
  });

  test('may be unmounted by others if it was found at start, unless the call names the path', async () => {
    const { mounts, reasons, restart } = await publishedNode(content);
    await restart();
    mounts.mountForeign(publishPath);
    expect(await reasons()).toEqual([]);
    expect(await reasons(both)).toEqual(['WrongMount']);
    await mounts.unmount(publishPath);
    expect(await reasons()).toEqual([]);
    expect(await reasons(both)).toEqual(['NotMounted']);
  });

  test('has no findings about a directory inside it that was mounted elsewhere', async () => {
    const { model, volume, reasons } = await publishedNode(content);
    const use = { kind: 'inside' } as const;
    model.host.mountIndex.add({ volumeId: volume.id, path: '/subpath', mountId: 7, use });
    expect(await reasons()).toEqual([]);
  });

  test('that has lost its data still reports whether it is mounted', async () => {
    const { model, mounts, volume, reasons } = await publishedNode(content);
    mounts.tree.remove(model.catalogue.dataOf(volume).path);
    expect(await reasons(both)).toEqual(['DataMissing']);
    await mounts.unmount(publishPath);
    expect(await reasons(both)).toEqual(['DataMissing', 'NotMounted']);
  });

  test('in an unreachable pool still reports whether it is mounted', async () => {
    const { mounts, pool, reasons } = await publishedNode(content);
    pool.checkReachable = async () => {
      throw new VolumeError('unavailable', 'pool "default" is not reachable');
    };
    expect(await reasons(both)).toEqual(['PoolUnreachable']);
    await mounts.unmount(publishPath);
    expect(await reasons(both)).toEqual(['PoolUnreachable', 'NotMounted']);
  });

  test('has no findings about a path that is being worked on, at any step', async () => {
    const during: Record<string, Step[]> = {
      stage: isBlock ? ['stage: checked', 'stage: attached'] : ['stage: checked', 'stage: mounted'],
      publish: ['publish: checked', 'publish: target made', 'publish: mounted'],
      unpublish: ['unpublish: checked', 'unpublish: unmounted', 'unpublish: target removed'],
      unstage: [
        'unstage: checked',
        'unstage: unmounted',
        ...(isBlock ? (['unstage: detached'] as const) : []),
      ],
    };
    const order = ['stage', 'publish', 'unpublish', 'unstage'] as const;
    for (const call of order) {
      for (const step of during[call] ?? []) {
        const gate = gateAt(step);
        const node = await nodeWith(content, { onStep: gate.onStep });
        for (const before of order.slice(0, order.indexOf(call))) await node[before]();
        const done = node[call]();
        await gate.reached;
        const isTarget = call === 'publish' || call === 'unpublish';
        const paths = isTarget ? both : { ...neither, stagingPath };
        for (const asked of [paths, neither]) expect(await node.reasons(asked), step).toEqual([]);
        gate.open();
        await done;
      }
    }
  });

  test('has no findings about a path that was unmounted after the call began', async () => {
    const { pool, reasons, unpublish, unstage } = await publishedNode(content);
    pool.checkReachable = async () => {
      pool.checkReachable = async () => {};
      await unpublish();
      await unstage();
    };
    expect(await reasons(both)).toEqual([]);
  });

  test('has no findings caused by an ongoing unmount of a path', async () => {
    const { mounts, reasons, unpublish } = await publishedNode(content);
    const inspect = mounts.inspect.bind(mounts);
    vi.spyOn(mounts, 'inspect').mockImplementation(async (path) => {
      if (path !== publishPath) return inspect(path);
      vi.restoreAllMocks();
      await unpublish();
      throw systemError('EIO');
    });
    expect(await reasons(both)).toEqual([]);
  });

  test('reports the errors of a disk at a path', async () => {
    const { mounts, reasons } = await publishedNode(content);
    const inspect = mounts.inspect.bind(mounts);
    vi.spyOn(mounts, 'inspect').mockImplementation((path) =>
      path === publishPath ? Promise.reject(systemError('EIO')) : inspect(path),
    );
    expect(await reasons(both)).toContain('DiskError');
  });

  test('cannot be read if its mount answers with an error', async () => {
    const { mounts, health } = await publishedNode(content);
    mounts.mountForeign(publishPath);
    mounts.fail(publishPath);
    const [unread] = (await health(both)).filter(({ reason }) => reason === 'DiskError');
    expect(unread?.message).toMatch(/cannot be read: "\/pod\/target" answers EIO$/);
  });

  test('is not mounted if its path can no longer be walked', async () => {
    const { mounts, reasons } = await publishedNode(content);
    await mounts.unmount(publishPath);
    mounts.tree.remove('/pod');
    mounts.tree.makeSymlink('/pod', '/elsewhere');
    expect(await reasons()).toEqual(['NotMounted']);
    await expect(reasons(both)).rejects.toMatchObject({
      kind: 'invalid',
      about: 'targetPath',
    });
  });
});

describe.each(['quota', 'image'] as const)('a published volume of the kind %s', (kind) => {
  const content = contents[kind] as VolumeContent;

  test('whose file system refuses writes is reported at each path, also after a restart', async () => {
    const { mounts, volume, health, restart } = await publishedNode(content);
    mounts.failFileSystem(stagingPath);
    const what = `volume "${volume.id}" has become read-only`;
    const of = (path: string) => ({
      status: 'DEGRADED',
      reason: 'UnexpectedlyReadOnly',
      message: `${what} at "${path}"`,
      where: { problem: what, path },
    });
    const pool = kind === 'quota' ? [expect.objectContaining({ reason: 'PoolReadOnly' })] : [];
    const expected = [...pool, of(stagingPath), of(publishPath)];
    expect(await health(both)).toEqual(expected);
    expect(await health()).toEqual(expected);
    await restart();
    expect(await health()).toEqual(expected);
  });

  test('whose mount was made read-only is reported if the driver knows its original mode', async () => {
    const { mounts, health, restart } = await publishedNode(content);
    mounts.remountReadOnly(publishPath);
    expect(await health()).toMatchObject([{ reason: 'UnexpectedlyReadOnly' }]);
    await restart();
    expect(await health()).toEqual([]);
  });

  test('can be published or staged read-only', async () => {
    const node = await nodeWith(content);
    await node.stage();
    await node.publish(true);
    expect(await node.reasons(both)).toEqual([]);
    node.mounts.failFileSystem(publishPath);
    const messages = (await node.health({ ...neither, publishPath })).map(({ message }) => message);
    expect(messages.filter((message) => message.includes(publishPath))).toEqual([]);
  });

  test('that was staged read-only is read-only at its targets', async () => {
    const node = await nodeWith(content);
    await node.stage(capability('SINGLE_NODE_WRITER', { readOnly: true }));
    await node.publish();
    expect(await node.reasons(both)).toEqual([]);
  });

  test('has no findings if the list has no data about its mount', async () => {
    const { mounts, reasons } = await publishedNode(content);
    mounts.remountReadOnly(publishPath);
    vi.spyOn(mounts, 'list').mockResolvedValue([]);
    expect(await reasons(both)).toEqual([]);
  });
});

describe('a block volume', () => {
  test('that has lost its device is reported once', async () => {
    const { model, mounts, volume, health, reasons } = await publishedNode(blockContent);
    mounts.loops.all = [];
    const message = `volume "${volume.id}" is staged, but its image is not attached to a device`;
    expect(await health(both)).toEqual([{ status: 'INACCESSIBLE', reason: 'NotAttached', message }]);
    expect(await reasons()).toEqual(['NotAttached']);
    model.host.mountIndex.removePath(publishPath);
    expect(await reasons()).toEqual([]);
  });

  test('whose device refuses writes is reported where it is published for writing', async () => {
    const { model, devices, volume, reasons } = await publishedNode(blockContent);
    await devices.setReadOnly(model.catalogue.dataOf(volume).path, true);
    expect(await reasons(both)).toEqual(['UnexpectedlyReadOnly']);
  });

  test('can be published read-only', async () => {
    const node = await nodeWith(blockContent);
    await node.stage();
    await node.publish(true);
    expect(await node.reasons(both)).toEqual([]);
  });

  test('that was published for writing, unpublished and published read-only is healthy', async () => {
    const { devices, publish, unpublish, reasons } = await publishedNode(blockContent);
    const isReadOnly = devices.isReadOnly.bind(devices);
    vi.spyOn(devices, 'isReadOnly').mockImplementation(async (device) => {
      vi.restoreAllMocks();
      await unpublish();
      await publish(true, '/pod/other');
      return isReadOnly(device);
    });
    expect(await reasons()).toEqual([]);
  });
});

test('the paths of an unreadable volume are checked, and nothing is reported about them', async () => {
  const { model, pool } = fakeNode();
  pool.checkReachable = async () => {
    throw new VolumeError('unavailable', 'pool "default" is not reachable');
  };
  const id = newObjectId('a', pool.id);
  expect((await nodeVolumeHealth(model, id, () => both)).findings).toMatchObject([
    { reason: 'PoolUnreachable' },
  ]);
  const wrong = new VolumeError('invalid', 'staging_target_path: "relative" must be an absolute path');
  const resolve = () => {
    throw wrong;
  };
  await expect(nodeVolumeHealth(model, id, resolve)).rejects.toBe(wrong);
});

test('a missing volume is reported before a mistake in its paths', async () => {
  const resolve = () => {
    throw new Error('asked for the paths');
  };
  await expect(nodeVolumeHealth(fakeNode().model, 'nobody', resolve)).rejects.toMatchObject({
    kind: 'not-found',
  });
});
