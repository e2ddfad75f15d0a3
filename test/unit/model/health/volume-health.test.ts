import { describe, expect, test, vi } from 'vitest';
import { VolumeError } from '../../../../src/model/errors.ts';
import { newObjectId } from '../../../../src/model/objects/object-id.ts';
import type { VolumeContent } from '../../../../src/model/objects/volume.ts';
import { mutationSteps, type Step } from '../../../../src/model/steps.ts';
import { createSnapshot, deleteVolume, stageVolume, unstageVolume, volumeHealth } from '../fakes/calls.ts';
import { gateAt } from '../fakes/gate.ts';
import { imageAt } from '../fakes/images.ts';
import { type FakeModelSettings, type FakeNode, fakeNode } from '../fakes/model.ts';
import { blockContent, capability, imageContent } from '../fakes/requests.ts';
import { systemError } from '../fakes/system-error.ts';

const contents: Record<string, VolumeContent> = {
  quota: { backend: 'quota', projectId: 7 },
  subvolume: { backend: 'subvolume', isLimited: true },
  image: imageContent(),
  block: blockContent,
};
const plain: VolumeContent = { backend: 'directory' };

async function nodeWith(content: VolumeContent, settings: FakeModelSettings = {}) {
  const node = fakeNode(settings);
  const volume = await node.addVolume('a', { content });
  const health = async () => (await volumeHealth(node.model, volume.id)).findings;
  const reasons = async () => (await health()).map(({ reason }) => reason);
  const stage = () => stageVolume(node.model, volume, node.makeDirectory('/staging'), capability());
  // A snapshot without shared blocks freezes what is mounted.
  let last = 0;
  const freeze = () =>
    createSnapshot(node.model, { name: `s${++last}`, sourceVolumeId: volume.id, requisite: [] });
  return {
    ...node,
    volume,
    health,
    reasons,
    stage,
    freeze,
    path: node.model.catalogue.dataOf(volume).path,
  };
}

const gone = async () => {
  throw new VolumeError('unavailable', 'pool "default" is not reachable: is its disk mounted?');
};

describe.each(Object.entries(contents))('a volume of the kind %s', (kind, content) => {
  test('is healthy, staged or not', async () => {
    const { reasons, stage } = await nodeWith(content);
    expect(await reasons()).toEqual([]);
    if (kind === 'block') return;
    await stage();
    expect(await reasons()).toEqual([]);
  });

  test('whose content is gone has lost its data', async () => {
    const { mounts, path, health, volume } = await nodeWith(content);
    mounts.tree.remove(path);
    expect(await health()).toEqual([
      {
        status: 'DATA_LOSS',
        reason: 'DataMissing',
        message: `volume "${volume.id}" has lost its data: ${path} is missing`,
      },
    ]);
  });

  test('whose disk answers with errors is reported as such', async () => {
    const { pool, health, volume } = await nodeWith(content);
    vi.spyOn(pool.backends[content.backend], 'lossOf').mockRejectedValue(systemError('EIO'));
    const message = `volume "${volume.id}" cannot be checked: EIO`;
    expect(await health()).toEqual([{ status: 'INACCESSIBLE', reason: 'DiskError', message }]);
  });

  test('whose disk disappeared during the check has not lost its data', async () => {
    const { mounts, pool, path, reasons } = await nodeWith(content);
    mounts.tree.remove(path);
    const lossOf = vi.spyOn(pool.backends[content.backend], 'lossOf');
    lossOf.mockImplementation(async () => {
      pool.checkReachable = gone;
      return { kind: 'missing' };
    });
    expect(await reasons()).toEqual(['PoolUnreachable']);
  });

  test('whose disk disappeared and returned during the check is checked again', async () => {
    const { pool, reasons } = await nodeWith(content);
    vi.spyOn(pool.backends[content.backend], 'lossOf').mockResolvedValueOnce({ kind: 'missing' });
    expect(await reasons()).toEqual([]);
  });

  test('whose pool is released during the check is unreachable', async () => {
    const { pool, reasons } = await nodeWith(content);
    vi.spyOn(pool.backends[content.backend], 'lossOf').mockImplementation(gone);
    expect(await reasons()).toEqual(['PoolUnreachable']);
  });
});

test('an internal error is not reported as a health problem', async () => {
  const { pool, health } = await nodeWith(plain);
  const mistake = new TypeError('undefined is not a function');
  vi.spyOn(pool.backends.directory, 'lossOf').mockRejectedValue(mistake);
  await expect(health()).rejects.toBe(mistake);
});

describe('a plain directory', () => {
  test('has no enforced size, and is otherwise healthy', async () => {
    const { health, volume } = await nodeWith(plain);
    const message = `the capacity of volume "${volume.id}" (1048576 bytes) is not enforced: it may fill the disk of pool "default"`;
    expect(await health()).toEqual([{ status: 'DEGRADED', reason: 'CapacityNotEnforced', message }]);
  });

  test('is as full as its disk', async () => {
    const { mounts, reasons } = await nodeWith(plain);
    mounts.space = {
      bytes: { total: 100n, used: 96n, available: 4n },
      inodes: { total: 10n, used: 10n, available: 0n },
    };
    expect(await reasons()).toEqual(['CapacityNotEnforced', 'NearlyOutOfSpace', 'NearlyOutOfInodes']);
  });
});

test('a subvolume that was made without a limit has no enforced size', async () => {
  const { reasons } = await nodeWith({ backend: 'subvolume', isLimited: false });
  expect(await reasons()).toEqual(['CapacityNotEnforced']);
});

describe.each(['quota', 'subvolume'] as const)('a volume with a limit of the kind %s', (kind) => {
  const content = contents[kind] as VolumeContent;

  test('that is no longer enforced has no enforced size, and is as full as its disk', async () => {
    const { mounts, pool, reasons } = await nodeWith(content);
    pool.backends[kind].areLimitsInForce = false;
    expect(await reasons()).toEqual(['CapacityNotEnforced']);
    mounts.space = { ...mounts.space, bytes: { total: 100n, used: 99n, available: 1n } };
    expect(await reasons()).toEqual(['CapacityNotEnforced', 'NearlyOutOfSpace']);
  });

  test('is as full as its limit, and not as its disk', async () => {
    const { mounts, path, reasons } = await nodeWith(content);
    mounts.space = { ...mounts.space, bytes: { total: 100n, used: 99n, available: 1n } };
    expect(await reasons()).toEqual([]);
    mounts.tree.makeFile(`${path}/file`, 'x'.repeat(1024 ** 2));
    expect(await reasons()).toEqual(['NearlyOutOfSpace']);
  });
});

describe.each(['image', 'block'] as const)('an image of the kind %s', (kind) => {
  const content = contents[kind] as VolumeContent;

  test('that is shorter than its volume has lost data', async () => {
    const node = await nodeWith(content);
    imageAt(node, node.volume).sizeBytes = 1024n ** 2n - 1n;
    const message = `the image of volume "${node.volume.id}" is truncated to 1048575 of 1048576 bytes; restore it from a snapshot or backup`;
    expect(await node.health()).toEqual([{ status: 'DATA_LOSS', reason: 'ImageTruncated', message }]);
  });

  test('whose file system cannot be mounted is reported with the reason', async () => {
    const node = await nodeWith(imageContent());
    const { holds } = imageAt(node, node.volume);
    expect(holds).toBe('blank');
    await node.formatter.format(node.path, { fsType: 'ext4', root: node.volume.root });
    const made = imageAt(node, node.volume).holds;
    if (made === 'blank' || made === 'unknown') throw new Error('it has no file system');
    made.objection = 'its journal is on another device';
    const message = `the ext4 file system of volume "${node.volume.id}" is refused: its journal is on another device`;
    expect(await node.health()).toEqual([{ status: 'INACCESSIBLE', reason: 'FileSystemRefused', message }]);
  });

  test('with unknown content cannot be staged, unless it is for its user to format', async () => {
    const node = await nodeWith(content);
    imageAt(node, node.volume).holds = 'unknown';
    const expected = kind === 'block' ? [] : [{ status: 'INACCESSIBLE', reason: 'FileSystemUnknown' }];
    expect(await node.health()).toMatchObject(expected);
  });
});

describe('a staged image', () => {
  async function staged() {
    const node = await nodeWith(imageContent());
    await node.stage();
    const device = await node.devices.find(node.path);
    if (!device) throw new Error('it is attached to nothing');
    const loop = node.mounts.loops.existing(device);
    const { holds } = loop.image;
    if (holds === 'blank' || holds === 'unknown') throw new Error('it has no file system');
    return { ...node, loop, holds };
  }

  test('whose file system has recorded errors is reported, also when it is no longer staged', async () => {
    const { model, volume, holds, reasons } = await staged();
    holds.errors = { what: 'one', isMendable: true };
    expect(await reasons()).toEqual(['FileSystemErrors']);
    await unstageVolume(model, volume.id, '/staging');
    expect(await reasons()).toEqual(['FileSystemErrors']);
  });

  test('whose file system or device is smaller than the volume is reported', async () => {
    const { loop, holds, reasons } = await staged();
    holds.sizeBytes -= 1n;
    expect(await reasons()).toEqual(['ExpansionIncomplete']);
    loop.sizeBytes -= 1n;
    expect(await reasons()).toEqual(['ExpansionIncomplete']);
  });

  test('whose device is larger than the volume has no enforced size', async () => {
    const { loop, reasons } = await staged();
    loop.sizeBytes += 512n;
    expect(await reasons()).toEqual(['CapacityNotEnforced']);
  });
});

test('a block volume that is deleted while its device is looked up is not reported to have lost its data', async () => {
  const { devices, mounts, path, reasons } = await nodeWith(blockContent);
  vi.spyOn(devices, 'list').mockImplementation(async () => {
    mounts.tree.remove(path);
    return [];
  });
  expect(await reasons()).toEqual([]);
});

test('a block volume can be full', async () => {
  const node = await nodeWith(blockContent);
  imageAt(node, node.volume).holds = 'unknown';
  expect(await node.reasons()).toEqual([]);
});

describe('a mounted image', () => {
  async function filled() {
    const node = await nodeWith(imageContent());
    await node.stage();
    const { holds, sizeBytes } = imageAt(node, node.volume);
    if (typeof holds === 'string') throw new Error(holds);
    holds.usedBytes = sizeBytes;
    return node;
  }

  test('is as full as its file system', async () => {
    const { mounts, reasons } = await filled();
    expect(await reasons()).toEqual(['NearlyOutOfSpace']);
    mounts.space = { ...mounts.space, inodes: { total: 10n, used: 10n, available: 0n } };
    expect(await reasons()).toEqual(['NearlyOutOfSpace', 'NearlyOutOfInodes']);
  });

  test('reports no usage if it is not mounted, hidden or unreachable', async () => {
    const { model, mounts, volume, reasons } = await filled();
    mounts.space = { ...mounts.space, bytes: { total: 100n, used: 99n, available: 1n } };
    await mounts.unmount('/staging');
    expect(await reasons()).toEqual([]);
    mounts.mountForeign('/staging');
    expect(await reasons()).toEqual([]);
    mounts.tree.makeSymlink('/link', '/staging');
    const use = { kind: 'staging', capability: capability(), readOnly: false } as const;
    model.host.mountIndex.add({ volumeId: volume.id, path: '/link/below', mountId: 1, use });
    expect(await reasons()).toEqual([]);
  });

  test('is not confused with its mount point while it is being unmounted', async () => {
    const { model, mounts, volume, reasons } = await filled();
    mounts.space = { ...mounts.space, bytes: { total: 100n, used: 99n, available: 1n } };
    const usage = mounts.usage.bind(mounts);
    vi.spyOn(mounts, 'usage').mockImplementation(async (path) => {
      if (path === '/staging') await unstageVolume(model, volume.id, path);
      return usage(path);
    });
    expect(await reasons()).toEqual([]);
  });

  test('whose file system answers with errors is reported as such', async () => {
    const { mounts, pool, reasons } = await filled();
    const usage = mounts.usage.bind(mounts);
    vi.spyOn(mounts, 'usage').mockImplementation(async (path) => {
      if (path === pool.path) return usage(path);
      throw systemError('EIO');
    });
    expect(await reasons()).toEqual(['DiskError']);
  });
});

describe('a file system that could not be thawed', () => {
  test('is reported while a check cannot thaw it either, in any number of concurrent checks', async () => {
    const { pool, volume, health, reasons } = await nodeWith(imageContent());
    await pool.freezeMarks.add([volume.id]);
    const { thawMarked } = pool;
    pool.thawMarked = async () => false;
    expect(await health()).toMatchObject([{ status: 'DEGRADED', reason: 'Frozen' }]);
    expect(await Promise.all([reasons(), reasons()])).toEqual([['Frozen'], ['Frozen']]);
    pool.thawMarked = thawMarked;
    expect(await reasons()).toEqual([]);
    expect(pool.freezeMarks.marked.size).toBe(0);
  });

  test('is not frozen for another copy while a check thaws it', async () => {
    const { pool, volume, stage, reasons, freeze } = await nodeWith(imageContent());
    await stage();
    await pool.freezeMarks.add([volume.id]);
    pool.thawMarked = async () => {
      await expect(freeze()).rejects.toMatchObject({ kind: 'aborted' });
      return true;
    };
    expect(await reasons()).toEqual([]);
  });

  test('does not include one that is frozen for a running copy, at any step of it', async () => {
    const seen: [Step, string[]][] = [];
    let reasons = async (): Promise<string[]> => [];
    const onStep = async (step: Step) => void seen.push([step, await reasons()]);
    const node = await nodeWith(imageContent(), { onStep });
    await node.stage();
    ({ reasons } = node);
    seen.length = 0;
    await node.freeze();
    const steps = seen.map(([step]) => step);
    expect(steps.filter((step) => step.startsWith('freeze: '))).toEqual(mutationSteps.freeze);
    expect(seen.filter(([, found]) => found.length > 0)).toEqual([]);
  });

  test('does not include one that was frozen and thawed during the check', async () => {
    const { pool, stage, reasons, freeze } = await nodeWith(imageContent());
    await stage();
    vi.spyOn(pool.freezeMarks, 'has').mockImplementation(async () => {
      await freeze();
      return true;
    });
    expect(await reasons()).toEqual([]);
  });
});

describe('a volume in an unhealthy pool', () => {
  test('is unreachable with it, which is not an error', async () => {
    const { pool, health } = await nodeWith(imageContent());
    pool.checkReachable = gone;
    expect(await health()).toEqual([
      {
        status: 'INACCESSIBLE',
        reason: 'PoolUnreachable',
        message: 'pool "default" is not reachable: is its disk mounted?',
        pool: 'default',
      },
    ]);
  });

  test('is unreachable, whatever keeps the pool from being opened', async () => {
    const { pool, health } = await nodeWith(imageContent());
    for (const error of [new Error('another driver holds it'), 'another driver holds it']) {
      pool.checkReachable = () => Promise.reject(error);
      const message = 'pool "default" cannot be opened: another driver holds it';
      expect(await health()).toMatchObject([{ reason: 'PoolUnreachable', message }]);
    }
  });

  test('is reported to be in a read-only pool', async () => {
    const { mounts, pool, health } = await nodeWith(imageContent());
    mounts.failFileSystem(pool.path);
    const message = 'pool "default" is read-only';
    expect(await health()).toEqual([
      { status: 'DEGRADED', reason: 'PoolReadOnly', message, pool: 'default' },
    ]);
  });

  test('reports the errors of its disk', async () => {
    const { pool, reasons } = await nodeWith(plain);
    pool.usage = () => Promise.reject(systemError('EIO'));
    expect(await reasons()).toEqual(['CapacityNotEnforced', 'DiskError']);
  });
});

describe('an id', () => {
  test.each(['nobody', newObjectId('a', 'aaaaaaaa'), newObjectId('a', 'cccccccc')])(
    'of a missing volume is not found: %s',
    async (id) => {
      await expect(volumeHealth(fakeNode().model, id)).rejects.toMatchObject({
        kind: 'not-found',
        message: `volume "${id}" does not exist`,
      });
    },
  );

  test('in a pool that was never reachable may belong to a volume, and is unreachable', async () => {
    const { model, pool } = fakeNode();
    pool.checkReachable = gone;
    const id = newObjectId('a', pool.id);
    expect(await volumeHealth(model, id)).toMatchObject({
      id,
      volume: undefined,
      findings: [{ status: 'INACCESSIBLE', reason: 'PoolUnreachable' }],
    });
  });

  test('that is read when its pool becomes reachable belongs to a volume', async () => {
    const node = fakeNode();
    const volume = await node.addVolume('a', { content: imageContent() });
    node.model.catalogue.volumes.remove(volume);
    node.pool.checkReachable = async () => node.model.catalogue.volumes.add(volume);
    expect(await volumeHealth(node.model, volume.id)).toEqual({ id: volume.id, volume, findings: [] });
  });
});

test.each([newObjectId('a', 'aaaaaaaa'), 'imported'])(
  'a damaged record is reported, and whether its pool is reachable: %s',
  async (id) => {
    const { model, pool } = fakeNode();
    model.catalogue.volumes.addDamaged({ id, pool: 'default', reason: 'volume.json is missing' });
    const damaged = {
      status: 'DATA_LOSS',
      reason: 'RecordDamaged',
      message: `the record of volume "${id}" is damaged: volume.json is missing`,
    };
    expect((await volumeHealth(model, id)).findings).toEqual([damaged]);
    pool.checkReachable = gone;
    expect((await volumeHealth(model, id)).findings).toMatchObject([damaged, { reason: 'PoolUnreachable' }]);
  },
);

describe('a volume that is being deleted', () => {
  const steps: Step[] = ['delete: checked', 'delete: renamed', 'delete: durable'];

  async function deletingNode(node: FakeNode, id: string, gate: ReturnType<typeof gateAt>) {
    const deleting = deleteVolume(node.model, id);
    await gate.reached;
    return async () => {
      gate.open();
      await deleting;
    };
  }

  test.each(steps)('has not lost its data: at "%s"', async (step) => {
    const gate = gateAt(step);
    const node = await nodeWith(imageContent(), { onStep: gate.onStep });
    const finish = await deletingNode(node, node.volume.id, gate);
    expect(await node.reasons()).toEqual([]);
    await finish();
    await expect(node.health()).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('is not found if it is deleted during the check', async () => {
    const { model, pool, volume, health } = await nodeWith(imageContent());
    vi.spyOn(pool.backends.image, 'lossOf').mockImplementation(async () => {
      await deleteVolume(model, volume.id);
      return { kind: 'missing' };
    });
    await expect(health()).rejects.toMatchObject({ kind: 'not-found' });
  });
});
