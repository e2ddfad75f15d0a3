import { describe, expect, test, vi } from 'vitest';
import type { Volume } from '../../../../src/model/objects/volume.ts';
import type { DiskReserve } from '../../../../src/units/disk-reserve.ts';
import { exampleSnapshot } from '../../model/example-snapshot.ts';
import { createVolume, deleteVolume } from '../../model/fakes/calls.ts';
import { deferred, gateAt, settled } from '../../model/fakes/gate.ts';
import { type FakeModelSettings, fakeNode } from '../../model/fakes/model.ts';
import { blockContent, volumeSpec } from '../../model/fakes/requests.ts';
import { controllerOf } from '../calls.ts';

const withQuota = { directories: { backend: 'quota' } } as const;
const quota = { content: { backend: 'quota', projectId: 7 } } as const;

/** A node, the bytes available in a pool or class, and volumes of a few bytes there. */
function nodeWith(settings: FakeModelSettings, pool?: string) {
  const node = fakeNode({ ...withQuota, ...settings });
  const { model } = node;
  const parameters = pool === undefined ? {} : { pool };
  const available = async () =>
    BigInt((await controllerOf(model).GetCapacity({ parameters })).available_capacity);
  let last = 0;
  const make = (bytes: bigint) =>
    createVolume(
      model,
      volumeSpec({
        name: `made-${++last}`,
        pools: pool === undefined ? [] : [pool],
        range: { requiredBytes: bytes, limitBytes: 0n },
      }),
    );
  const outcomes = async (sizes: readonly bigint[]) =>
    (await Promise.allSettled(sizes.map(make))).map(({ status }) => status);
  return { ...node, available, make, outcomes };
}

test.each<[string, FakeModelSettings, string?]>([
  ['of the disk', { freeBytes: 20n }],
  ['of the pool', { capacityBytes: 20n }],
  ['of a class', { classes: { gold: 20n } }, 'gold'],
  ['of the disk, reserved twice', { freeBytes: 10n, overcommitThousandths: 2000n }],
])('volumes made at once take exactly the available capacity %s', async (_, settings, name) => {
  const { available, outcomes } = nodeWith(settings, name);
  const all = await outcomes(Array.from({ length: 10 }, () => 3n));
  expect(all.filter((status) => status === 'fulfilled')).toHaveLength(6);
  expect(await available()).toBe(2n);
  expect(await outcomes([3n, 2n, 1n])).toEqual(['rejected', 'fulfilled', 'rejected']);
  expect(await available()).toBe(0n);
});

test.each<[string, DiskReserve, bigint]>([
  // The disk of the pools has twice as many bytes as are free.
  ['a percentage of the disk', { percentHundredths: 1000n }, 80n],
  ['bytes', { bytes: 30n }, 70n],
  ['more than is free', { bytes: 150n }, 0n],
])('the reserve is never promised to volumes: %s', async (_, reserve, expected) => {
  const { pool, available, outcomes } = nodeWith({ freeBytes: 100n });
  pool.diskReserve = reserve;
  expect(await available()).toBe(expected);
  expect(await outcomes([expected + 1n, expected].filter((bytes) => bytes > 0n))).toEqual(
    expected > 0n ? ['rejected', 'fulfilled'] : ['rejected'],
  );
  expect(await available()).toBe(0n);
});

test('the reserve is not overcommitted', async () => {
  const { pool, available } = nodeWith({ freeBytes: 100n, overcommitThousandths: 2000n });
  pool.diskReserve = { bytes: 40n };
  expect(await available()).toBe(120n);
});

test('the limit of a pool can change', async () => {
  const { pool, available, make } = nodeWith({ capacityBytes: 8n });
  await make(4n);
  pool.account.limitBytes = 10n;
  expect(await available()).toBe(6n);
  pool.account.limitBytes = 3n;
  expect(await available()).toBe(0n);
});

test('the capacity for a volume is taken while it is being made, and available again if that fails', async () => {
  const step = 'create: content made';
  const gate = gateAt(step);
  const failure = new Error('broken');
  const { pool, available, make } = nodeWith(
    {
      freeBytes: 10n,
      capacityBytes: 20n,
      classes: { gold: 15n },
      async onStep(current) {
        await gate.onStep(current);
        if (current === step) throw failure;
      },
    },
    'gold',
  );
  const making = make(10n);
  await gate.reached;
  expect(await available()).toBe(0n);
  gate.open();
  await expect(making).rejects.toBe(failure);
  expect(await available()).toBe(10n);
  const accounts = [pool.account, pool.disk, pool.classes.get('gold')];
  expect(accounts.map((account) => account?.reservedBytes)).toEqual([0n, 0n, 0n]);
});

test.each<[string, FakeModelSettings, string | undefined, string]>([
  ['its pool', { capacityBytes: 5n }, undefined, 'pool "default" has room for 5 bytes, but 6 are needed'],
  ['its class', { classes: { gold: 4n } }, 'gold', 'pool "gold" has room for 4 bytes, but 6 are needed'],
  ['its disk', { freeBytes: 3n }, 'fast', 'pool "fast" has room for 3 bytes, but 6 are needed'],
])('a volume too large for %s is refused, and nothing is reserved', async (_, settings, name, message) => {
  const { pool, fastPool, make } = nodeWith(settings, name);
  await expect(make(6n)).rejects.toMatchObject({ kind: 'exhausted', about: 'requiredBytes', message });
  const accounts = [pool.disk, pool.account, fastPool.account];
  expect(accounts.map((account) => account.reservedBytes)).toEqual([0n, 0n, 0n]);
});

test.each([
  [30n, 40n, 10n],
  [30n, 30n, 0n],
  [30n, 10n, 0n],
  [2n ** 61n, undefined, 2n ** 62n - 2n ** 61n],
])(
  'with %s bytes reserved in a pool and a limit of %s, %s are available',
  async (bytes, capacityBytes, expected) => {
    const limit = capacityBytes === undefined ? {} : { capacityBytes };
    const { pool, available, addVolume } = nodeWith({
      freeBytes: 2n ** 62n,
      maximumVolumeBytes: 2n ** 62n,
      ...limit,
    });
    await addVolume('held', { ...quota, capacityBytes: bytes });
    expect(pool.account.reservedBytes).toBe(bytes);
    expect(await available()).toBe(expected);
  },
);

describe('the available capacity on a disk', () => {
  test('leaves out the unused space of limited volumes, and nothing for others', async () => {
    const { available, addVolume } = nodeWith({ freeBytes: 100n });
    await addVolume('plain', { capacityBytes: 50n });
    expect(await available()).toBe(100n);
    await addVolume('held', { ...quota, capacityBytes: 30n });
    expect(await available()).toBe(70n);
  });

  test('does not count the used space of a volume twice', async () => {
    const { model, mounts, available, outcomes, addVolume } = nodeWith({ freeBytes: 100n });
    const volume = await addVolume('held', { ...quota, capacityBytes: 30n });
    mounts.tree.makeFile(`${model.catalogue.dataOf(volume).path}/file`, 'x'.repeat(20));
    mounts.space = { ...mounts.space, bytes: { ...mounts.space.bytes, available: 80n } };
    expect(await available()).toBe(70n);
    expect(await outcomes([71n, 70n])).toEqual(['rejected', 'fulfilled']);
  });

  test('is shared by its pools', async () => {
    const { available, addVolume } = nodeWith({ freeBytes: 100n });
    await addVolume('held', { pool: 'fast', content: blockContent, capacityBytes: 30n });
    expect(await available()).toBe(70n);
  });

  test('counts a volume of unknown usage as empty', async () => {
    const { pool, available, addVolume } = nodeWith({ freeBytes: 100n });
    await addVolume('held', { content: blockContent, capacityBytes: 30n });
    vi.spyOn(pool.backends.image, 'occupiedBytes').mockRejectedValue(new Error('gone'));
    expect(await available()).toBe(70n);
  });

  test('never counts more of a volume than its reservation', async () => {
    const { pool, available, addVolume } = nodeWith({ freeBytes: 100n });
    await addVolume('held', { content: blockContent, capacityBytes: 30n });
    vi.spyOn(pool.backends.image, 'occupiedBytes').mockResolvedValue({ total: 1000n, exclusive: undefined });
    expect(await available()).toBe(100n);
  });

  test('is never less than zero', async () => {
    const { available, addVolume } = nodeWith({ freeBytes: 10n });
    await addVolume('held', { content: blockContent, capacityBytes: 30n });
    expect(await available()).toBe(0n);
  });

  test('grows when a volume is deleted', async () => {
    const { model, available, addVolume } = nodeWith({ freeBytes: 100n, capacityBytes: 60n });
    const { id } = await addVolume('held', { content: blockContent, capacityBytes: 30n });
    expect(await available()).toBe(30n);
    await deleteVolume(model, id);
    expect(await available()).toBe(60n);
  });

  test('is measured by looking at 16 volumes at a time', async () => {
    const { pool, available, addVolume } = nodeWith({ freeBytes: 100n });
    for (let index = 0; index < 18; index++)
      await addVolume(`v${index}`, { content: blockContent, capacityBytes: 1n });
    const looks: (() => void)[] = [];
    vi.spyOn(pool.backends.image, 'occupiedBytes').mockImplementation(async () => {
      const { promise, resolve } = deferred();
      looks.push(resolve);
      await promise;
      return { total: 1n, exclusive: undefined };
    });
    const measured = available();
    await settled();
    expect(looks).toHaveLength(16);
    looks[3]?.();
    await settled();
    expect(looks).toHaveLength(17);
    looks[16]?.();
    await settled();
    for (const look of looks) look();
    expect(await measured).toBe(100n);
  });
});

test('a volume without an enforced size counts against its pool, not against the disk', async () => {
  const plain = { directories: { backend: 'directory' } } as const;
  const { pool, available, make } = nodeWith({ ...plain, freeBytes: 100n, capacityBytes: 150n });
  await make(100n);
  expect([pool.account.reservedBytes, pool.disk.reservedBytes]).toEqual([100n, 0n]);
  expect(await available()).toBe(50n);
});

test('making a volume reads no usage if the disk has enough space anyway', async () => {
  const { pool, make, addVolume } = nodeWith({ freeBytes: 100n });
  await addVolume('held', { content: blockContent, capacityBytes: 30n });
  const occupied = vi.spyOn(pool.backends.image, 'occupiedBytes');
  await make(70n);
  expect(occupied).not.toHaveBeenCalled();
});

describe('a volume that shares blocks', () => {
  const sharing = { lineage: 'first', sharedBytes: 30n };

  /** The part of a volume's bytes on the disk that need not be kept free for it any more. */
  async function ownBytes(
    relative: 'none' | 'volume' | 'snapshot' | 'stranger',
    occupied: { total: bigint; exclusive: bigint | undefined },
    changes: Partial<Volume> = {},
  ) {
    const { model, pool, available, addVolume } = nodeWith({ freeBytes: 1000n });
    await addVolume('v', { ...quota, capacityBytes: 100n, sharing, ...changes });
    const lineage = relative === 'volume' ? 'first' : 'other';
    if (relative === 'volume' || relative === 'stranger')
      await addVolume('w', { sharing: { lineage, sharedBytes: 0n } });
    if (relative === 'snapshot') model.catalogue.snapshots.add(exampleSnapshot({ lineage: 'first' }));
    vi.spyOn(pool.backends.quota, 'occupiedBytes').mockResolvedValue(occupied);
    return (await available()) - 900n;
  }

  test.each([
    ['the size that the file system reports', 'volume', 7n, 7n],
    ['its full size, without relatives', 'none', undefined, 100n],
    ['its full size, if others have another lineage', 'stranger', undefined, 100n],
    ['its size minus the space shared with another volume', 'volume', undefined, 70n],
    ['its size minus the space shared with a snapshot', 'snapshot', undefined, 70n],
  ] as const)('has of its own %s', async (_, relative, exclusive, expected) => {
    expect(await ownBytes(relative, { total: 100n, exclusive })).toBe(expected);
  });

  test('has its full size again when its last relative is deleted', async () => {
    const { model, pool, available, addVolume } = nodeWith({ freeBytes: 1000n });
    await addVolume('v', { ...quota, capacityBytes: 100n, sharing });
    const relatives = [await addVolume('w', { sharing }), await addVolume('x', { sharing })];
    vi.spyOn(pool.backends.quota, 'occupiedBytes').mockResolvedValue({ total: 100n, exclusive: undefined });
    const own = [];
    for (const { id } of relatives) {
      own.push((await available()) - 900n);
      await deleteVolume(model, id);
    }
    expect([...own, (await available()) - 900n]).toEqual([70n, 70n, 100n]);
  });

  test('has nothing of its own, never less, if it has become smaller than what it shared', async () => {
    expect(await ownBytes('volume', { total: 20n, exclusive: undefined })).toBe(0n);
  });

  test('has its full size if it never shared anything, whatever relatives it has', async () => {
    const unshared = { sharing: { lineage: 'first', sharedBytes: 0n } };
    expect(await ownBytes('volume', { total: 100n, exclusive: undefined }, unshared)).toBe(100n);
  });
});
