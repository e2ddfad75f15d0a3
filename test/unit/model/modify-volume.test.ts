import { describe, expect, test } from 'vitest';
import type { VolumeContent } from '../../../src/model/objects/volume.ts';
import { mutationSteps, type OnStep } from '../../../src/model/steps.ts';
import { modifyVolume } from './fakes/calls.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';
import { imageContent } from './fakes/requests.ts';

const quota: VolumeContent = { backend: 'quota', projectId: 7 };

async function nodeWith(content: VolumeContent, settings: FakeModelSettings = {}) {
  const node = fakeNode(settings);
  const volume = await node.addVolume('a', { content });
  const { inodeLimits } = node.pool.backends.quota;
  return { ...node, volume, inodeLimits };
}

test('the named parameters are changed, recorded and applied; the rest stays unchanged', async () => {
  const { model, pool, volume, inodeLimits } = await nodeWith(quota);
  const retained = await modifyVolume(model, volume, { onDelete: 'retain' });
  expect(retained.mutable).toEqual({ onDelete: 'retain', inodeLimit: undefined, opaque: {} });
  const limited = await modifyVolume(model, retained, { inodeLimit: 5000n });
  expect(limited.mutable).toEqual({ onDelete: 'retain', inodeLimit: 5000n, opaque: {} });
  expect(inodeLimits.get(volume.id)).toBe(5000n);
  expect((await pool.records.volumes.load()).found).toEqual([limited]);
  expect(model.catalogue.volumes.find(volume.id)).toBe(limited);
  const open = await modifyVolume(model, limited, { inodeLimit: undefined });
  expect(open.mutable.inodeLimit).toBeUndefined();
  expect(inodeLimits.get(volume.id)).toBeUndefined();
});

test('goes through every step', async () => {
  const steps: string[] = [];
  const { model, volume } = await nodeWith(quota, { onStep: (step) => void steps.push(step) });
  steps.length = 0;
  await modifyVolume(model, volume, { onDelete: 'retain', inodeLimit: 5000n });
  expect(steps).toEqual(mutationSteps.modifyVolume);
});

test.each<VolumeContent>([
  { backend: 'directory' },
  { backend: 'subvolume', isLimited: true },
  imageContent(),
])('a limit of inodes is refused if unsupported, and changes nothing else: %j', async (content) => {
  const { model, pool, volume } = await nodeWith(content);
  await expect(modifyVolume(model, volume, { onDelete: 'retain', inodeLimit: 5000n })).rejects.toMatchObject({
    kind: 'invalid',
    about: 'inodeLimit',
    message: expect.stringContaining('5000 cannot be enforced'),
  });
  expect((await pool.records.volumes.load()).found).toEqual([volume]);
  expect((await modifyVolume(model, volume, { inodeLimit: undefined })).mutable).toEqual(volume.mutable);
});

test('unknown parameters are stored beside the rest, name by name', async () => {
  const { model, pool, volume } = await nodeWith({ backend: 'directory' });
  const first = await modifyVolume(model, volume, { opaque: { iops: '100', tier: 'low' } });
  const second = await modifyVolume(model, first, { onDelete: 'retain', opaque: { iops: '200' } });
  expect(second.mutable).toEqual({
    onDelete: 'retain',
    inodeLimit: undefined,
    opaque: { iops: '200', tier: 'low' },
  });
  expect((await pool.records.volumes.load()).found).toEqual([second]);
});

test('stored parameters have a size limit, including the existing ones', async () => {
  const { model, volume } = await nodeWith({ backend: 'directory' });
  const half = 'x'.repeat(1600);
  const first = await modifyVolume(model, volume, { opaque: { a: half } });
  const both = modifyVolume(model, first, { opaque: { b: half } });
  await expect(both).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining('have 3202 bytes; the limit is 3072'),
  });
  expect(model.catalogue.volumes.find(volume.id)).toBe(first);
  await modifyVolume(model, first, { opaque: { a: half } });
});

describe('a failure changes nothing', () => {
  test('when the limit cannot be set', async () => {
    const { model, pool, volume } = await nodeWith(quota);
    const failure = new Error('no');
    pool.backends.quota.applyLimits = () => Promise.reject(failure);
    await expect(modifyVolume(model, volume, { inodeLimit: 5n })).rejects.toBe(failure);
    expect((await pool.records.volumes.load()).found).toEqual([volume]);
    expect(model.catalogue.volumes.find(volume.id)).toBe(volume);
  });

  test('when the record cannot be written', async () => {
    const { model, pool, volume, inodeLimits } = await nodeWith(quota);
    const failure = new Error('no');
    pool.records.volumes.replace = () => Promise.reject(failure);
    await expect(modifyVolume(model, volume, { inodeLimit: 5n })).rejects.toBe(failure);
    expect(inodeLimits.get(volume.id)).toBeUndefined();
    expect(model.catalogue.volumes.find(volume.id)).toBe(volume);
  });

  test('and a retry changes everything', async () => {
    let failures = 1;
    const failure = new Error('no');
    const onStep: OnStep = (step) => {
      if (step === 'modify: limits applied' && failures-- > 0) throw failure;
    };
    const { model, volume, inodeLimits } = await nodeWith(quota, { onStep });
    await expect(modifyVolume(model, volume, { inodeLimit: 5n })).rejects.toBe(failure);
    expect(inodeLimits.get(volume.id)).toBeUndefined();
    await modifyVolume(model, volume, { inodeLimit: 5n });
    expect(inodeLimits.get(volume.id)).toBe(5n);
  });
});
