import { describe, expect, test, vi } from 'vitest';
import { VolumeError } from '../../../../src/model/errors.ts';
import { deferred, settled } from '../fakes/gate.ts';
import { surveyedNode } from './surveyed-node.ts';

const MINUTE_MS = 60_000;

test('surveys find the space of each pool, and usage and problems of each volume', async () => {
  const { pool, model, mounts, surveys, survey, addQuotaVolume, findings } = surveyedNode();
  const [healthy, lost] = [await addQuotaVolume('a'), await addQuotaVolume('b')];
  mounts.tree.makeFile(`${model.catalogue.dataOf(healthy).path}/file`, 'x'.repeat(20));
  mounts.tree.remove(model.catalogue.dataOf(lost).path);
  expect(surveys.known('default')).toMatchObject({ isComplete: false, isReachable: undefined });
  expect(await survey()).toBe(2);
  const known = surveys.known('default');
  expect(known).toMatchObject({
    isComplete: true,
    isReachable: true,
    completedAt: model.now(),
    usage: await pool.usage(),
    findings: [],
  });
  expect(known.provisionableBytes).toBeGreaterThan(0n);
  expect(known.volume(healthy.id)).toMatchObject({ usage: { bytes: { used: 20n } }, findings: [] });
  expect(known.volume(lost.id)).toMatchObject({ usage: undefined, findings: [{ reason: 'DataMissing' }] });
  expect(findings).toMatchObject([{ volumeId: lost.id, reason: 'DataMissing' }]);
});

test('a problem of a whole pool is not also a problem of each volume', async () => {
  const { mounts, addVolume, surveys, survey } = surveyedNode();
  const { id } = await addVolume('a', { content: { backend: 'directory' } });
  mounts.space = { ...mounts.space, bytes: { total: 100n, used: 99n, available: 1n } };
  await survey();
  const reasons = (findings: readonly { reason: string }[] = []) => findings.map(({ reason }) => reason);
  expect(reasons(surveys.known('default').findings)).toEqual(['NearlyOutOfSpace']);
  expect(reasons(surveys.known('default').volume(id)?.findings)).toEqual(['CapacityNotEnforced']);
});

test('a pool that cannot be reached has no space, and its volumes no usage', async () => {
  const { fastPool, clock, surveys, survey, addQuotaVolume } = surveyedNode();
  const { id } = await addQuotaVolume('a', { pool: 'fast' });
  await survey();
  fastPool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'the disk is missing'));
  clock.nowMs += MINUTE_MS;
  await survey();
  const known = surveys.known('fast');
  expect(known).toMatchObject({
    isComplete: true,
    isReachable: false,
    usage: undefined,
    provisionableBytes: undefined,
    findings: [{ reason: 'PoolUnreachable' }],
  });
  expect(known.volume(id)).toEqual({ usage: undefined, findings: [] });
  expect(surveys.known('default')).toMatchObject({ isReachable: true, findings: [] });
});

test('a damaged record is a problem of its volume', async () => {
  const { model, surveys, survey } = surveyedNode();
  model.catalogue.volumes.addDamaged({ id: 'v', pool: 'default', reason: 'it is empty' });
  await survey();
  expect(surveys.known('default').volume('v')).toMatchObject({
    usage: undefined,
    findings: [{ reason: 'RecordDamaged' }],
  });
});

test('a volume that is deleted in the meantime is left out', async () => {
  const { pool, model, surveys, survey, addQuotaVolume, errors } = surveyedNode();
  const volume = await addQuotaVolume('a');
  vi.spyOn(pool.backends.quota, 'faultsOf').mockImplementation(async () => {
    model.catalogue.volumes.remove(volume);
    return [];
  });
  await survey();
  expect(surveys.known('default').volume(volume.id)).toBeUndefined();
  expect(surveys.known('default').isComplete).toBe(true);
  expect(errors).toEqual([]);
});

test('without volumes, none is looked at', async () => {
  const { pool, surveys, survey, addQuotaVolume } = surveyedNode({}, { includesVolumes: false });
  const { id } = await addQuotaVolume('a');
  const lossOf = vi.spyOn(pool.backends.quota, 'lossOf');
  await survey();
  expect(lossOf).not.toHaveBeenCalled();
  expect(surveys.known('default').volume(id)).toBeUndefined();
  expect(surveys.known('default')).toMatchObject({ isComplete: true, isReachable: true });
});

test('surveys start no recounts, and report the findings of the last one', async () => {
  const { pool, model, clock, surveys, survey, addQuotaVolume } = surveyedNode();
  const volume = await addQuotaVolume('a');
  await survey();
  await model.recounts.idle();
  expect(pool.backends.quota.recounted).toEqual([]);
  const reclaimed = new Map([[0, 3]]);
  pool.backends.quota.recounts.set(volume.id, () => ({ reclaimed, failures: 0, unaccounted: 0 }));
  model.recounts.check(volume, false);
  await model.recounts.idle();
  clock.nowMs = MINUTE_MS;
  await survey();
  expect(surveys.known('default').volume(volume.id)?.findings).toMatchObject([{ reason: 'QuotaBypassed' }]);
  expect(pool.backends.quota.recounted).toEqual([volume.id]);
});

test('a few volumes are looked at at once', async () => {
  const { pool, survey, addQuotaVolume } = surveyedNode();
  for (let index = 0; index < 10; index++) await addQuotaVolume(`volume ${index}`);
  let count = 0;
  let most = 0;
  vi.spyOn(pool.backends.quota, 'lossOf').mockImplementation(async () => {
    most = Math.max(most, ++count);
    await settled();
    count--;
    return undefined;
  });
  await survey();
  expect(most).toBe(4);
});

/** The pause in milliseconds between a survey that took a time and the next. */
async function pauseAfter(tookMs: number, isReachable = true): Promise<number> {
  const { fastPool, clock, surveys } = surveyedNode();
  const answer = deferred();
  let checkCount = 0;
  fastPool.checkReachable = async () => {
    checkCount++;
    await answer.promise;
    if (!isReachable) throw new VolumeError('unavailable', 'it does not respond');
  };
  const running = surveys.refresh();
  await settled();
  clock.nowMs = tookMs;
  answer.resolve();
  await Promise.all(running.map(({ ended }) => ended));
  const before = checkCount;
  while (checkCount === before) {
    clock.nowMs += 1000;
    surveys.refresh();
    await settled();
  }
  return clock.nowMs - tookMs;
}

test.each([
  ['at most every five seconds', 0, true, 5000],
  ['in a tenth of the time', 2000, true, 18_000],
  ['at least every minute', 20_000, true, 60_000],
  ['soon if the pool could not be reached', 20_000, false, 5000],
])('values are renewed %s', async (_, tookMs, isReachable, pauseMs) => {
  expect(await pauseAfter(tookMs, isReachable)).toBe(pauseMs);
});

describe('a pool that hangs', () => {
  /** A node with values of a first survey and a second survey that hangs at a volume of the pool `fast`. */
  async function hangingNode() {
    const node = surveyedNode();
    const { fastPool, clock, addQuotaVolume, survey, surveys } = node;
    const { id } = await addQuotaVolume('a', { pool: 'fast' });
    await survey();
    const answer = deferred();
    const { lossOf } = fastPool.backends.quota;
    vi.spyOn(fastPool.backends.quota, 'lossOf').mockImplementation(async (...args) => {
      await answer.promise;
      return lossOf.apply(fastPool.backends.quota, args);
    });
    clock.nowMs = 10_000;
    const running = surveys.refresh();
    await settled();
    return { ...node, id, answer, running };
  }

  test('keeps its earlier values, and is incomplete; other pools are not', async () => {
    const { surveys, id } = await hangingNode();
    expect(surveys.known('fast')).toMatchObject({ isComplete: false, isReachable: true });
    expect(surveys.known('fast').volume(id)?.usage).toBeDefined();
    expect(surveys.known('default').isComplete).toBe(true);
  });

  test('has one survey at a time, which all readers wait for', async () => {
    const { surveys, clock, answer, works } = await hangingNode();
    clock.nowMs = 20_000;
    const startedAtMs = surveys.refresh().map((each) => each.startedAtMs);
    expect(startedAtMs.sort()).toEqual([10_000, 20_000]);
    expect(works).toHaveLength(5);
    answer.resolve();
    await Promise.all(surveys.refresh().map(({ ended }) => ended));
    expect(surveys.known('fast').isComplete).toBe(true);
    expect(works.every(({ isEnded }) => isEnded)).toBe(true);
  });

  test('has no values any more after five minutes', async () => {
    const { surveys, clock, id } = await hangingNode();
    clock.nowMs += 5 * MINUTE_MS;
    expect(surveys.known('fast').volume(id)).toBeDefined();
    clock.nowMs++;
    expect(surveys.known('fast')).toMatchObject({ isComplete: false, isReachable: undefined, findings: [] });
    expect(surveys.known('fast').usage).toBeUndefined();
    expect(surveys.known('fast').volume(id)).toBeUndefined();
  });

  test('does not keep the others from being surveyed', async () => {
    const { surveys, clock } = await hangingNode();
    clock.nowMs = 20_000;
    await Promise.race(surveys.refresh().map(({ ended }) => ended));
    expect(surveys.known('default').isComplete).toBe(true);
  });
});

test('what was found in a pool that disappears is dropped, and the earlier values stay', async () => {
  const { fastPool, clock, surveys, survey, addQuotaVolume, works, errors } = surveyedNode();
  const { id } = await addQuotaVolume('a', { pool: 'fast' });
  await survey();
  const before = surveys.known('fast').volume(id);
  clock.nowMs = 10_000;
  vi.spyOn(fastPool.backends.quota, 'lossOf').mockImplementation(async () => {
    works.at(-1)?.lost.abort(new VolumeError('unavailable', 'the disk was unmounted'));
    return { kind: 'missing' };
  });
  await survey();
  expect(surveys.known('fast').isComplete).toBe(false);
  expect(surveys.known('fast').volume(id)).toEqual(before);
  expect(works.every(({ isEnded }) => isEnded)).toBe(true);
  expect(errors).toEqual([]);
});

test('the same if that is only noticed at the end', async () => {
  const { surveys, survey, works, mounts, clock, errors } = surveyedNode();
  await survey();
  const before = surveys.known('default').usage;
  mounts.space = { ...mounts.space, bytes: { total: 100n, used: 50n, available: 50n } };
  clock.nowMs = 10_000;
  const running = surveys.refresh();
  for (const work of works)
    work.confirm = () => Promise.reject(new VolumeError('unavailable', 'the disk was unmounted'));
  await Promise.all(running.map(({ ended }) => ended));
  expect(surveys.known('default')).toMatchObject({ isComplete: false, usage: before });
  expect(errors).toEqual([]);
});

test('a bug that concerns one volume leaves out that volume, and is reported', async () => {
  const { pool, surveys, survey, addQuotaVolume, errors } = surveyedNode();
  const ids = [await addQuotaVolume('a'), await addQuotaVolume('b')].map((each) => each.id);
  const bug = new Error('a bug');
  vi.spyOn(pool.backends.quota, 'lossOf').mockRejectedValueOnce(bug);
  await survey();
  const known = surveys.known('default');
  expect(errors).toEqual([bug]);
  expect(ids.filter((id) => known.volume(id))).toHaveLength(1);
  expect(known).toMatchObject({ isComplete: false, isReachable: true });
});

test('a bug that concerns a whole pool is reported, and the other pools are surveyed', async () => {
  const { pool, surveys, survey, errors, works } = surveyedNode();
  const bug = new Error('a bug');
  vi.spyOn(pool, 'usage').mockRejectedValue(bug);
  await survey();
  expect(errors).toEqual([bug]);
  expect(surveys.known('default').isComplete).toBe(false);
  expect(surveys.known('fast').isComplete).toBe(true);
  expect(works.every(({ isEnded }) => isEnded)).toBe(true);
});

test('after a stop, the survey in progress ends with its current volumes, and no other begins', async () => {
  const { pool, clock, surveys, addQuotaVolume, errors } = surveyedNode();
  for (let index = 0; index < 20; index++) await addQuotaVolume(`volume ${index}`);
  const answer = deferred();
  const lossOf = vi.spyOn(pool.backends.quota, 'lossOf').mockImplementation(async () => {
    await answer.promise;
    return undefined;
  });
  surveys.refresh();
  await settled();
  let isStopped = false;
  const stopping = surveys.stop().then(() => {
    isStopped = true;
  });
  await settled();
  expect(isStopped).toBe(false);
  answer.resolve();
  await stopping;
  expect(lossOf).toHaveBeenCalledTimes(4);
  clock.nowMs = MINUTE_MS;
  expect(surveys.refresh()).toEqual([]);
  expect(errors).toEqual([]);
});
