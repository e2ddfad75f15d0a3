import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { nameHash, parseObjectId } from '../../../src/model/objects/object-id.ts';
import type { CapacityRange } from '../../../src/model/requests/capacity.ts';
import { mutationSteps } from '../../../src/model/steps.ts';
import { type ContentRequest, createVolume } from './fakes/calls.ts';
import { failAt } from './fakes/gate.ts';
import { fakeNode, fixedNow, here } from './fakes/model.ts';
import { blockCapability, capability, contentRequestWith, volumeSpec } from './fakes/requests.ts';

const elsewhere = { 'topology.hostpath.csi/node': 'node-2' };

describe('a new volume', () => {
  test('matches the request, on disk and in the index', async () => {
    const { model, pool } = fakeNode();
    const capabilities = [capability(), capability('MULTI_NODE_READER_ONLY'), capability()];
    const volume = await createVolume(
      model,
      volumeSpec({ capabilities, root: { uid: 1, gid: 2, mode: 0o2770 } }),
    );
    expect(volume).toEqual({
      id: volume.id,
      name: 'a',
      pool: 'default',
      capacityClass: undefined,
      content: { backend: 'directory' },
      capacityBytes: 1024n ** 2n,
      source: undefined,
      sharing: { lineage: volume.id, sharedBytes: 0n },
      root: { uid: 1, gid: 2, mode: 0o2770 },
      accessModes: ['SINGLE_NODE_WRITER', 'MULTI_NODE_READER_ONLY'],
      mutable: { onDelete: 'delete', inodeLimit: undefined, opaque: {} },
      attachment: undefined,
      inline: undefined,
      createdAt: fixedNow.toISOString(),
    });
    expect(parseObjectId(volume.id)).toEqual({ nameHash: nameHash('a'), poolId: pool.id });
    expect((await pool.records.volumes.load()).found).toEqual([volume]);
    expect(model.catalogue.volumes.find(volume.id)).toBe(volume);
    expect(model.catalogue.volumes.findByName('a')).toBe(volume);
    expect(model.catalogue.volumes.idOfDirectory(pool.records.volumes.directoryNameOf(volume.id))).toBe(
      volume.id,
    );
  });

  test('is in the requested pool', async () => {
    const { model, fastPool } = fakeNode();
    const volume = await createVolume(model, volumeSpec({ pools: ['fast'] }));
    expect(volume.pool).toBe('fast');
    expect((await fastPool.records.volumes.load()).found).toEqual([volume]);
  });

  test.each<[string, Partial<ContentRequest>, bigint, bigint]>([
    ['ext4', { backend: 'image' }, 1n, 20n],
    ['xfs', { backend: 'image', fsType: 'xfs' }, 299n, 300n],
    ['sectors', { backend: 'image' }, 21n, 30n],
    ['a block device', { isBlock: true }, 1n, 10n],
    ['bytes, for a directory', {}, 1n, 1n],
  ])('is as large as %s can be, and is the same for the same request', async (_, wish, asked, bytes) => {
    const { model, devices, pool } = fakeNode();
    devices.sectorBytes = 10n;
    const capabilities = [wish.isBlock ? blockCapability() : capability()];
    const make = (range: CapacityRange) =>
      createVolume(model, volumeSpec({ contentRequest: contentRequestWith(wish), capabilities, range }));
    const volume = await make({ requiredBytes: asked, limitBytes: bytes });
    expect(volume.capacityBytes).toBe(bytes);
    expect(pool.disk.reservedBytes).toBe(wish.backend || wish.isBlock ? bytes : 0n);
    for (const limitBytes of [0n, bytes])
      expect(await make({ requiredBytes: asked, limitBytes })).toBe(volume);
  });

  test('is refused if its limit allows no size', async () => {
    const { model, devices } = fakeNode();
    devices.sectorBytes = 10n;
    const contentRequest = contentRequestWith({ backend: 'image' });
    const make = (requiredBytes: bigint, limitBytes: bigint) =>
      createVolume(model, volumeSpec({ contentRequest, range: { requiredBytes, limitBytes } }));
    await expect(make(1n, 15n)).rejects.toMatchObject({ kind: 'out-of-range' });
    await expect(make(21n, 29n)).rejects.toMatchObject({ kind: 'out-of-range' });
  });

  test('goes through every step of a create', async () => {
    const steps: string[] = [];
    const { model } = fakeNode({ onStep: (step) => void steps.push(step) });
    await createVolume(model, volumeSpec());
    expect(steps).toEqual(mutationSteps.createVolume);
  });
});

describe('a create with a name that is taken', () => {
  test('makes no second volume', async () => {
    const { model, pool } = fakeNode();
    const volume = await createVolume(model, volumeSpec());
    expect(await createVolume(model, volumeSpec())).toBe(volume);
    expect((await pool.records.volumes.load()).found).toHaveLength(1);
  });

  test('is refused if the existing volume is damaged', async () => {
    const { model, pool } = fakeNode();
    const volume = await createVolume(model, volumeSpec());
    model.catalogue.volumes.remove(volume);
    model.catalogue.volumes.addDamaged({ id: volume.id, pool: 'default', reason: 'it is empty' });
    await expect(createVolume(model, volumeSpec())).rejects.toMatchObject({ kind: 'damaged' });
    expect((await pool.records.volumes.load()).found).toHaveLength(1);
  });
});

describe('an impossible create', () => {
  test.each([
    [
      'an unknown pool',
      'invalid',
      { pools: ['slow'] },
      '"slow" is an unknown pool; available: default, fast',
    ],
    [
      'exceeds the maximum size',
      'out-of-range',
      { range: { requiredBytes: 2n ** 41n, limitBytes: 0n } },
      '--max-volume-size',
    ],
    [
      'more than the available capacity',
      'exhausted',
      { range: { requiredBytes: 51n * 1024n ** 3n, limitBytes: 0n } },
      'pool "default"',
    ],
    [
      'another node only',
      'exhausted',
      { requisite: [elsewhere] },
      'none of the 1 requested topologies matches this node',
    ],
  ])('is refused and makes nothing: %s', async (_, kind, changes, message) => {
    const { model, pool } = fakeNode();
    await expect(createVolume(model, volumeSpec(changes))).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(message),
    });
    expect((await pool.records.volumes.load()).found).toEqual([]);
    expect(model.catalogue.volumes.listAfter('', 1)).toEqual([]);
  });

  test('is refused while its pool is unreachable; other pools keep working', async () => {
    const { model, pool } = fakeNode();
    pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
    await expect(createVolume(model, volumeSpec())).rejects.toMatchObject({ kind: 'unavailable' });
    expect((await createVolume(model, volumeSpec({ pools: ['fast'] }))).pool).toBe('fast');
  });

  test('leaves the name free when the disk fails', async () => {
    let isBroken = true;
    const failure = new VolumeError('exhausted', 'no inodes left');
    const { model } = fakeNode({
      onStep: (step) => (isBroken ? failAt('create: content made', failure)(step) : undefined),
    });
    await expect(createVolume(model, volumeSpec())).rejects.toBe(failure);
    expect(model.catalogue.volumes.findByName('a')).toBeUndefined();
    isBroken = false;
    const other = volumeSpec({ root: { uid: 5, gid: 5, mode: 0o700 } });
    expect((await createVolume(model, other)).root.uid).toBe(5);
  });
});

test('one requisite topology with this node is sufficient', async () => {
  const { model } = fakeNode();
  expect((await createVolume(model, volumeSpec({ requisite: [elsewhere, here] }))).name).toBe('a');
});

test('with topology off, the requisite topology is ignored', async () => {
  const { model } = fakeNode({ topology: undefined });
  expect((await createVolume(model, volumeSpec({ requisite: [elsewhere] }))).name).toBe('a');
});

test('a volume can take the last byte', async () => {
  const { model } = fakeNode();
  const range = { requiredBytes: 50n * 1024n ** 3n, limitBytes: 0n };
  expect((await createVolume(model, volumeSpec({ range }))).capacityBytes).toBe(range.requiredBytes);
});
