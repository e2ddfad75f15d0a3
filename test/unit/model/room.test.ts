import { describe, expect, test, vi } from 'vitest';
import { contentPathOf } from '../../../src/model/find/staged-content.ts';
import { type Place, requirePlace } from '../../../src/model/space/place.ts';
import { type Claim, discountVolume } from '../../../src/model/space/reservations.ts';
import { claimRoom, roomBytes } from '../../../src/model/space/room.ts';
import type { Model } from '../../../src/model/state/model.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';
import { blockContent } from './fakes/requests.ts';

const limited = { directories: { backend: 'quota' } } as const;
const quota = { content: { backend: 'quota', projectId: 7 } } as const;
const claim = (bytes: bigint, isEnforced = true): Claim => ({ bytes, isEnforced });

function nodeWith(settings: FakeModelSettings, name?: string) {
  const node = fakeNode(settings);
  const place = requirePlace(node.model, name);
  return { ...node, place };
}

async function outcomes(model: Model, place: Place, claims: Claim[]): Promise<string[]> {
  const settled = await Promise.allSettled(claims.map((each) => claimRoom(model, place, each)));
  return settled.map(({ status }) => status);
}

describe('many claims at once take exactly what there is', () => {
  const ten = Array.from({ length: 10 }, () => claim(3n));

  test.each<[string, FakeModelSettings, string?]>([
    ['of the disk', { freeBytes: 20n }],
    ['of the pool', { capacityBytes: 20n }],
    ['of a class', { classes: { gold: 20n } }, 'gold'],
    ['of the disk, reserved twice', { freeBytes: 10n, overcommitThousandths: 2000n }],
  ])('%s', async (_, settings, name) => {
    const { model, place } = nodeWith(settings, name);
    const all = await outcomes(model, place, ten);
    expect(all.filter((status) => status === 'fulfilled')).toHaveLength(6);
    expect(await roomBytes(model, place)).toBe(2n);
    expect(await outcomes(model, place, [claim(3n), claim(2n), claim(1n)])).toEqual([
      'rejected',
      'fulfilled',
      'rejected',
    ]);
  });
});

test('a claim that is taken back is room again, in every account', async () => {
  const { model, place, pool } = nodeWith(
    { freeBytes: 10n, capacityBytes: 20n, classes: { gold: 15n } },
    'gold',
  );
  const release = await claimRoom(model, place, claim(10n));
  expect(await roomBytes(model, place)).toBe(0n);
  release();
  expect(await roomBytes(model, place)).toBe(10n);
  const accounts = [pool.account, pool.disk, pool.classes.get('gold')];
  expect(accounts.map((account) => account?.reservedBytes)).toEqual([0n, 0n, 0n]);
});

test.each<[string, FakeModelSettings, string | undefined, string]>([
  ['its pool', { capacityBytes: 5n }, undefined, 'pool "default" has room for 5 bytes, not for 6 more'],
  ['its class', { classes: { gold: 4n } }, 'gold', 'pool "gold" has room for 4 bytes, not for 6 more'],
  ['its disk', { freeBytes: 3n }, 'fast', 'pool "fast" has room for 3 bytes, not for 6 more'],
])('what is too much for %s is refused, and nothing is reserved', async (_, settings, name, message) => {
  const { model, place, pool } = nodeWith(settings, name);
  await expect(claimRoom(model, place, claim(6n))).rejects.toMatchObject({
    kind: 'exhausted',
    about: 'requiredBytes',
    message: `${message}`,
  });
  expect(pool.disk.reservedBytes).toBe(0n);
  expect(place.pool.account.reservedBytes).toBe(0n);
});

describe('the disk', () => {
  test('keeps free what volumes held to their size have not used, and nothing for others', async () => {
    const { model, place, addVolume } = nodeWith({ ...limited, freeBytes: 100n });
    await addVolume('plain', { capacityBytes: 50n });
    expect(await roomBytes(model, place)).toBe(100n);
    await addVolume('held', { ...quota, capacityBytes: 30n });
    expect(await roomBytes(model, place)).toBe(70n);
  });

  test('does not count twice what a volume has used already', async () => {
    const { model, mounts, place, addVolume } = nodeWith({ ...limited, freeBytes: 100n });
    const volume = await addVolume('held', { ...quota, capacityBytes: 30n });
    mounts.tree.makeFile(`${contentPathOf(model, volume)}/file`, 'x'.repeat(20));
    mounts.space = { ...mounts.space, bytes: { ...mounts.space.bytes, available: 80n } };
    expect(await roomBytes(model, place)).toBe(70n);
    expect(await outcomes(model, place, [claim(71n), claim(70n)])).toEqual(['rejected', 'fulfilled']);
  });

  test('is shared by the pools on it', async () => {
    const { model, place, addVolume } = nodeWith({ freeBytes: 100n });
    await addVolume('held', { pool: 'fast', content: blockContent, capacityBytes: 30n });
    expect(await roomBytes(model, place)).toBe(70n);
  });

  test('takes a volume whose use cannot be told for an empty one', async () => {
    const { model, pool, place, addVolume } = nodeWith({ freeBytes: 100n });
    await addVolume('held', { content: blockContent, capacityBytes: 30n });
    vi.spyOn(pool.backends.image, 'occupiedBytes').mockRejectedValue(new Error('gone'));
    expect(await roomBytes(model, place)).toBe(70n);
  });

  test('never counts more of a volume than was reserved for it', async () => {
    const { model, pool, place, addVolume } = nodeWith({ freeBytes: 100n });
    await addVolume('held', { content: blockContent, capacityBytes: 30n });
    vi.spyOn(pool.backends.image, 'occupiedBytes').mockResolvedValue({ total: 1000n, exclusive: undefined });
    expect(await roomBytes(model, place)).toBe(100n);
  });

  test('has no less than nothing', async () => {
    const { model, place, addVolume } = nodeWith({ freeBytes: 10n });
    await addVolume('held', { content: blockContent, capacityBytes: 30n });
    expect(await roomBytes(model, place)).toBe(0n);
  });
});

test('a volume that is not held to its size counts against its pool, not against the disk', async () => {
  const { model, place, pool } = nodeWith({ freeBytes: 100n, capacityBytes: 150n });
  await claimRoom(model, place, claim(100n, false));
  expect([pool.account.reservedBytes, pool.disk.reservedBytes]).toEqual([100n, 0n]);
  expect(await roomBytes(model, place)).toBe(50n);
});

test('looking at every volume is saved where the disk has room anyway', async () => {
  const { model, pool, place, addVolume } = nodeWith({ freeBytes: 100n });
  await addVolume('held', { content: blockContent, capacityBytes: 30n });
  const occupied = vi.spyOn(pool.backends.image, 'occupiedBytes');
  await claimRoom(model, place, claim(70n));
  expect(occupied).not.toHaveBeenCalled();
});

test('a volume that is gone is room again', async () => {
  const { model, place, addVolume } = nodeWith({ freeBytes: 100n, capacityBytes: 60n });
  const volume = await addVolume('held', { content: blockContent, capacityBytes: 30n });
  expect(await roomBytes(model, place)).toBe(30n);
  discountVolume(place, volume);
  expect(await roomBytes(model, place)).toBe(60n);
});
