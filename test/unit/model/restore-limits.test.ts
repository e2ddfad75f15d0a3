import { expect, test } from 'vitest';
import {
  type LimitsFate,
  restoreLimits,
  restoreVolumeLimits,
} from '../../../src/model/content/restore-limits.ts';
import type { VolumeContent } from '../../../src/model/objects/volume.ts';
import { expandContent } from '../../../src/model/volumes/expand-volume.ts';
import { modifyVolume } from '../../../src/model/volumes/modify-volume.ts';
import { fakeNode } from './fakes/model.ts';

const quota: VolumeContent = { backend: 'quota', projectId: 7 };

async function fatesIn({ model }: ReturnType<typeof fakeNode>, poolName = 'default') {
  const fates: [string, LimitsFate][] = [];
  await restoreLimits(
    model,
    poolName,
    (look) => look(),
    ({ id }, fate) => fates.push([id, fate]),
  );
  return fates;
}

test('every volume of a pool gets the limit of its record, and only what was not right is told', async () => {
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

test('a volume that cannot be looked at keeps none of the others from its limit', async () => {
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

test('while quotas are off nothing is changed, and nothing fails', async () => {
  const node = fakeNode();
  const { id } = await node.addVolume('a', { content: quota });
  const { quota: backend } = node.pool.backends;
  backend.limits.clear();
  backend.areLimitsInForce = false;
  expect(await restoreVolumeLimits(node.model, id)).toEqual({ kind: 'in force' });
  expect(backend.limits.size).toBe(0);
});

test('a volume that is gone has no limit to restore', async () => {
  const { model } = fakeNode();
  expect(await restoreVolumeLimits(model, 'gone')).toEqual({ kind: 'in force' });
});

test.each(['expand', 'modify'] as const)(
  'a comparison in the middle of a call that changes limits waits for its record: %s',
  async (call) => {
    const node = fakeNode();
    const { model, pool } = node;
    const volume = await node.addVolume('a', { content: quota, capacityBytes: 100n });
    const { applyLimits } = pool.backends.quota;
    let comparing: Promise<LimitsFate> | undefined;
    pool.backends.quota.applyLimits = async (...args) => {
      await applyLimits.apply(pool.backends.quota, args);
      comparing = restoreVolumeLimits(model, volume.id);
    };
    if (call === 'expand') await expandContent(model, volume, { requiredBytes: 200n, limitBytes: 0n }, 1000n);
    else await modifyVolume(model, volume, { inodeLimit: 5000n });
    expect(await comparing).toEqual({ kind: 'in force' });
    expect(pool.backends.quota.limits.get(volume.id)).toBe(call === 'expand' ? 200n : 100n);
    expect(pool.backends.quota.inodeLimits.get(volume.id)).toBe(call === 'expand' ? undefined : 5000n);
  },
);
