import { expect, test } from 'vitest';
import type { VolumeContent } from '../../../src/model/objects/volume.ts';
import { expandContent, type LimitCheckResult, modifyVolume, restoreLimits } from './fakes/calls.ts';
import { fakeNode } from './fakes/model.ts';

const quota: VolumeContent = { backend: 'quota', projectId: 7 };

async function fatesIn({ model }: ReturnType<typeof fakeNode>, poolName = 'default') {
  const fates: [string, LimitCheckResult][] = [];
  await restoreLimits(
    model,
    poolName,
    (look) => look(),
    ({ id }, fate) => fates.push([id, fate]),
  );
  return fates;
}

test('every volume of a pool gets its recorded limit, and only corrections are reported', async () => {
  const node = fakeNode();
  const contents: VolumeContent[] = [
    quota,
    { backend: 'subvolume', isLimited: true },
    { backend: 'directory' },
  ];
  for (const content of contents) await node.addVolume(content.backend, { content });
  const elsewhere = await node.addVolume('elsewhere', { content: quota, pool: 'fast' });
  const changed = await node.addVolume('changed', { content: quota });
  const { limits } = node.pool.backends.quota;
  limits.set(changed.id, 1n);
  node.fastPool.backends.quota.limits.set(elsewhere.id, 1n);
  expect(await fatesIn(node)).toEqual([[changed.id, { kind: 'restored' }]]);
  expect(limits.get(changed.id)).toBe(changed.capacityBytes);
  expect(node.fastPool.backends.quota.limits.get(elsewhere.id)).toBe(1n);
  expect(await fatesIn(node)).toEqual([]);
});

test('the pool is not used for volumes without limits', async () => {
  const { model, addVolume } = fakeNode();
  const contents: VolumeContent[] = [
    { backend: 'directory' },
    { backend: 'subvolume', isLimited: false },
    { backend: 'image', use: { accessType: 'block' } },
    quota,
  ];
  for (const content of contents) await addVolume(content.backend, { content });
  let uses = 0;
  const runInPool = (check: () => Promise<LimitCheckResult>) => {
    uses++;
    return check();
  };
  await restoreLimits(model, 'default', runInPool, () => {});
  expect(uses).toBe(1);
});

test('a volume that cannot be checked does not keep the others from their limits', async () => {
  const node = fakeNode();
  const lost = await node.addVolume('lost', { content: quota });
  const changed = await node.addVolume('changed', { content: quota });
  node.mounts.tree.remove(node.pool.backends.quota.contentOf(node.pool.records.volumes.directoryOf(lost.id)));
  node.pool.backends.quota.limits.clear();
  expect(Object.fromEntries(await fatesIn(node))).toEqual({
    [lost.id]: { kind: 'failed', error: expect.objectContaining({ code: 'ENOENT' }) },
    [changed.id]: { kind: 'restored' },
  });
});

test('while quotas are off nothing changes, and nothing fails', async () => {
  const node = fakeNode();
  const { id } = await node.addVolume('a', { content: quota });
  const { quota: backend } = node.pool.backends;
  backend.limits.clear();
  backend.areLimitsInForce = false;
  expect(await fatesIn(node)).toEqual([]);
  expect(backend.limits.has(id)).toBe(false);
});

test('a volume that was deleted before its turn has no limit to restore', async () => {
  const { model, pool, addVolume } = fakeNode();
  const volume = await addVolume('a', { content: quota });
  pool.backends.quota.limits.clear();
  const results: LimitCheckResult[] = [];
  const runInPool = async (check: () => Promise<LimitCheckResult>) => {
    model.catalogue.volumes.remove(volume);
    const result = await check();
    results.push(result);
    return result;
  };
  await restoreLimits(model, 'default', runInPool, () => {});
  expect(results).toEqual([{ kind: 'in force' }]);
  expect(pool.backends.quota.limits.size).toBe(0);
});

test.each(['expand', 'modify'] as const)(
  'a check during a call that changes limits waits for the new record: %s',
  async (call) => {
    const node = fakeNode();
    const { model, pool } = node;
    const volume = await node.addVolume('a', { content: quota, capacityBytes: 100n });
    const { applyLimits } = pool.backends.quota;
    let comparing: Promise<[string, LimitCheckResult][]> | undefined;
    pool.backends.quota.applyLimits = async (...args) => {
      await applyLimits.apply(pool.backends.quota, args);
      comparing = fatesIn(node);
    };
    if (call === 'expand') await expandContent(model, volume, { requiredBytes: 200n, limitBytes: 0n }, 1000n);
    else await modifyVolume(model, volume, { inodeLimit: 5000n });
    expect(await comparing).toEqual([]);
    expect(pool.backends.quota.limits.get(volume.id)).toBe(call === 'expand' ? 200n : 100n);
    expect(pool.backends.quota.inodeLimits.get(volume.id)).toBe(call === 'expand' ? undefined : 5000n);
  },
);
