import { describe, expect, test, vi } from 'vitest';
import type { RunningSurvey } from '../../../../src/model/survey/surveys.ts';
import { Metrics, sampledMetrics } from '../../../../src/observability/metrics/metrics.ts';
import { lintMetrics } from '../../../support/metrics/lint-metrics.ts';
import { ScrapedMetrics } from '../../../support/metrics/scrape.ts';
import { exampleSnapshot } from '../../model/example-snapshot.ts';
import { deferred } from '../../model/fakes/gate.ts';
import type { FakeModelSettings } from '../../model/fakes/model.ts';
import { surveyedNode } from '../../model/survey/surveyed-node.ts';

/** A node, and its metrics. */
function monitoredNode(settings: FakeModelSettings = {}, { includesVolumes = true, isReady = true } = {}) {
  const node = surveyedNode(settings, { includesVolumes });
  const metrics = new Metrics(
    {
      parts: node.model,
      version: '1.2.3',
      isReady: () => isReady,
      surveys: node.surveys,
      includesVolumes,
    },
    { driverName: 'example.org', activeCounts: () => new Map() },
  );
  return { ...node, metrics, scrape: async () => new ScrapedMetrics(await metrics.scrape()) };
}

const ofPool = { pool: 'default' };

test('every metric is there, with a name that follows the rules of Prometheus', async () => {
  const { all } = await monitoredNode().scrape();
  for (const { name, type } of sampledMetrics) expect(all.get(name)?.type, name).toBe(type);
  expect(lintMetrics(all.values())).toEqual([]);
  expect(all.has('nodejs_eventloop_lag_seconds')).toBe(true);
  expect(all.has('process_resident_memory_bytes')).toBe(true);
});

test('each metric has the labels and the unit that its definition says', async () => {
  const { scrape, addQuotaVolume, mounts } = monitoredNode({
    capacityBytes: 2n ** 30n,
    classes: { gold: 2n ** 20n },
    configProblem: 'it is gone',
  });
  mounts.space = { ...mounts.space, bytes: { total: 100n, used: 99n, available: 1n } };
  await addQuotaVolume('a');
  const { all } = await scrape();
  for (const { name, labels, unit } of sampledMetrics) {
    for (const sample of all.get(name)?.samples ?? [])
      expect(Object.keys(sample.labels).sort(), name).toEqual([...labels].sort());
    expect(/_bytes(?:_total)?$/.test(name), name).toBe(unit === 'bytes');
    expect(name.endsWith('_seconds'), name).toBe(unit.includes('seconds'));
  }
});

test('the driver has its version, its readiness and the state of its configuration', async () => {
  const metrics = await monitoredNode({ configProblem: 'it is gone' }).scrape();
  expect(metrics.value('csi_hostpath_build_info', { version: '1.2.3' })).toBe(1);
  expect(metrics.value('csi_hostpath_ready')).toBe(1);
  expect(metrics.value('csi_hostpath_configuration_refused')).toBe(1);
  expect(metrics.reasons({ pool: '' })).toEqual(['ConfigurationRefused']);
  const healthy = await monitoredNode().scrape();
  expect(healthy.value('csi_hostpath_configuration_refused')).toBe(0);
  expect(healthy.series('csi_hostpath_health')).toEqual([]);
});

test('a pool has the space of its disk, its limits and what it has promised', async () => {
  const { scrape, addQuotaVolume, pool } = monitoredNode({
    capacityBytes: 2n ** 30n,
    classes: { gold: 2n ** 29n },
    freeBytes: 2n ** 40n,
  });
  await addQuotaVolume('a', { capacityClass: 'gold', capacityBytes: 2n ** 20n });
  await addQuotaVolume('b', { capacityBytes: 2n ** 20n });
  Object.assign(pool, { sharesSystemDisk: true });
  const metrics = await scrape();
  const values = (names: string[]) => names.map((name) => metrics.value(`csi_hostpath_pool_${name}`, ofPool));
  expect(values(['capacity_bytes', 'available_bytes', 'used_bytes'])).toEqual([2 ** 41, 2 ** 40, 0]);
  expect(values(['limit_bytes', 'promised_bytes', 'provisionable_bytes'])).toEqual([
    2 ** 30,
    2 ** 21,
    2 ** 30 - 2 ** 21,
  ]);
  expect(values(['reachable', 'shares_system_disk', 'volumes'])).toEqual([1, 1, 2]);
  const gold = { ...ofPool, class: 'gold' };
  expect(metrics.value('csi_hostpath_class_limit_bytes', gold)).toBe(2 ** 29);
  expect(metrics.value('csi_hostpath_class_promised_bytes', gold)).toBe(2 ** 20);
  expect(metrics.value('csi_hostpath_pool_limit_bytes', { pool: 'fast' })).toBeUndefined();
  expect(metrics.value('csi_hostpath_pool_shares_system_disk', { pool: 'fast' })).toBeUndefined();
});

test('inodes are absent where they are allocated dynamically', async () => {
  const { scrape, mounts, clock } = monitoredNode();
  mounts.space = { ...mounts.space, inodes: { total: 10n, used: 3n, available: 7n } };
  const metrics = await scrape();
  expect(metrics.value('csi_hostpath_pool_inodes', ofPool)).toBe(10);
  expect(metrics.value('csi_hostpath_pool_inodes_used', ofPool)).toBe(3);
  mounts.space = { ...mounts.space, inodes: { total: 0n, used: 0n, available: 0n } };
  clock.nowMs = 60_000;
  expect((await scrape()).series('csi_hostpath_pool_inodes')).toEqual([]);
});

test('a volume has its size, its usage and its claim', async () => {
  const { scrape, addQuotaVolume, addVolume, model, mounts, pool } = monitoredNode();
  const claim = { namespace: 'shop', name: 'data\n"1"' };
  const volume = await addQuotaVolume('a', { claim, capacityBytes: 100n });
  mounts.tree.makeFile(`${model.catalogue.dataOf(volume).path}/file`, 'x'.repeat(20));
  const usage = await pool.backends.quota.usage(model.catalogue.dataOf(volume).directory, volume);
  const inodes = { total: 8n, used: 2n, available: 6n };
  vi.spyOn(pool.backends.quota, 'usage').mockResolvedValue({ bytes: usage?.bytes ?? inodes, inodes });
  const plain = await addVolume('b', { content: { backend: 'directory' } });
  const metrics = await scrape();
  const labels = {
    volume_id: volume.id,
    pool: 'default',
    backend: 'quota',
    namespace: 'shop',
    persistentvolumeclaim: 'data\n"1"',
  };
  const values = (of: Record<string, string>) =>
    ['capacity_bytes', 'used_bytes', 'available_bytes', 'inodes', 'inodes_used'].map((name) =>
      metrics.value(`csi_hostpath_volume_${name}`, of),
    );
  expect(values(labels)).toEqual([100, 20, 80, 8, 2]);
  expect(values({ volume_id: plain.id, backend: 'directory', namespace: '' })).toEqual([
    2 ** 20,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test('a problem is one series with its status, whatever it is a problem of, until it is solved', async () => {
  const { scrape, addQuotaVolume, model, mounts, clock } = monitoredNode();
  const claim = { namespace: 'shop', name: 'data' };
  const volume = await addQuotaVolume('a', { claim });
  const path = model.catalogue.dataOf(volume).path;
  mounts.tree.remove(path);
  const [found, ...others] = (await scrape()).series('csi_hostpath_health');
  expect(others).toEqual([]);
  expect(found).toMatchObject({
    labels: {
      reason: 'DataMissing',
      status: 'DATA_LOSS',
      pool: 'default',
      volume_id: volume.id,
      namespace: 'shop',
      persistentvolumeclaim: 'data',
    },
    value: 1,
  });
  mounts.tree.makeDirectory(path);
  clock.nowMs = 60_000;
  // Restored by hand, it is not in its project.
  expect((await scrape()).reasons({ volume_id: volume.id })).toEqual(['CapacityNotEnforced']);
});

test('several problems with the same reason are one series', async () => {
  const { scrape, pool } = monitoredNode();
  const stuck = ['a', 'b'].map((directory) => ({ directory, reason: 'EPERM' }));
  Object.assign(pool, { removals: { pendingCount: 3, failingCount: 2, stuck } });
  const metrics = await scrape();
  expect(metrics.reasons(ofPool)).toEqual(['DeletedContentLeft']);
  expect(metrics.value('csi_hostpath_pool_removals_pending', ofPool)).toBe(3);
  expect(metrics.value('csi_hostpath_pool_removals_failing', ofPool)).toBe(2);
});

test('a pool has its snapshots, groups and retained volumes', async () => {
  const { scrape, model, addQuotaVolume } = monitoredNode();
  const volume = await addQuotaVolume('a');
  await model.catalogue.retainVolume(volume, { at: '', expiresAt: undefined });
  model.catalogue.snapshots.add(exampleSnapshot({ id: 's', sizeBytes: 100n, occupiedBytes: 20n }));
  const member = exampleSnapshot({ id: 't', sizeBytes: 11n, occupiedBytes: undefined });
  model.catalogue.snapshots.add(member);
  model.catalogue.groups.add({ id: 'g', name: 'g', pool: 'default', snapshots: [member], createdAt: '' });
  const metrics = await scrape();
  const values = ['volumes', 'retained_volumes', 'snapshots', 'group_snapshots'].map((name) =>
    metrics.value(`csi_hostpath_pool_${name}`, ofPool),
  );
  expect(values).toEqual([0, 1, 2, 1]);
  expect(metrics.value('csi_hostpath_pool_snapshots_size_bytes', ofPool)).toBe(111);
  expect(metrics.value('csi_hostpath_pool_snapshots_content_bytes', ofPool)).toBe(20);
  expect(metrics.value('csi_hostpath_pool_snapshots', { pool: 'fast' })).toBe(0);
});

test('copies in progress show how far they are, and are counted when they end', async () => {
  const { scrape, model } = monitoredNode();
  const { copies } = model.copying;
  const end = deferred();
  const running = copies.run({ id: 's', from: 'v', pool: 'default', isLong: true }, async (control) => {
    copies.expect('s', 100n);
    control.onBytes(30n);
    control.onWait('/leased');
    await end.promise;
  });
  const names = ['in_progress', 'waiting', 'copied_bytes', 'expected_bytes'];
  const values = (metrics: ScrapedMetrics) =>
    names.map((name) => metrics.value(`csi_hostpath_pool_copies_${name}`, ofPool));
  expect(values(await scrape())).toEqual([1, 1, 30, 100]);
  end.resolve();
  await running;
  const metrics = await scrape();
  expect(values(metrics)).toEqual([0, 0, 0, 0]);
  expect(metrics.value('csi_hostpath_pool_copied_bytes_total', ofPool)).toBe(30);
  expect(metrics.value('csi_hostpath_pool_copies_total', { ...ofPool, result: 'done' })).toBe(1);
  expect(metrics.value('csi_hostpath_pool_copies_total', { ...ofPool, result: 'failed' })).toBe(0);
});

test('without the metrics of volumes there is no series for a volume', async () => {
  const { scrape, addQuotaVolume, model, mounts } = monitoredNode({}, { includesVolumes: false });
  const volume = await addQuotaVolume('a');
  mounts.tree.remove(model.catalogue.dataOf(volume).path);
  const { text, ...metrics } = await scrape();
  expect(text).not.toContain(volume.id);
  expect(metrics.all.get('csi_hostpath_volume_capacity_bytes')?.samples).toEqual([]);
  expect(text).toContain('csi_hostpath_pool_volumes{pool="default"} 1');
});

test('a deleted volume is gone from the next scrape', async () => {
  const { scrape, addQuotaVolume, model } = monitoredNode();
  const volume = await addQuotaVolume('a');
  expect((await scrape()).text).toContain(volume.id);
  await model.catalogue.removeVolume(volume);
  expect((await scrape()).text).not.toContain(volume.id);
});

describe('a scrape', () => {
  test('is shared by concurrent callers', async () => {
    const { metrics, surveys } = monitoredNode();
    const refresh = vi.spyOn(surveys, 'refresh');
    const texts = await Promise.all([metrics.scrape(), metrics.scrape(), metrics.scrape()]);
    expect(new Set(texts).size).toBe(1);
    expect(refresh).toHaveBeenCalledTimes(1);
    await metrics.scrape();
    expect(refresh).toHaveBeenCalledTimes(2);
  });

  test.each([
    ['has taken its time already', 6000],
    ['takes longer', 4900],
  ])('does not wait for a survey that %s', async (_, ageMs) => {
    const { scrape, surveys } = monitoredNode();
    const hanging: RunningSurvey = { startedAtMs: performance.now() - ageMs, ended: new Promise(() => {}) };
    vi.spyOn(surveys, 'refresh').mockReturnValue([hanging]);
    const metrics = await scrape();
    expect(metrics.value('csi_hostpath_scrape_incomplete', ofPool)).toBe(1);
    expect(metrics.value('csi_hostpath_pool_promised_bytes', ofPool)).toBe(0);
    expect(metrics.value('csi_hostpath_pool_reachable', ofPool)).toBeUndefined();
  });

  test('of a complete survey says when that was', async () => {
    const { scrape, model } = monitoredNode();
    const metrics = await scrape();
    expect(metrics.value('csi_hostpath_scrape_incomplete', ofPool)).toBe(0);
    const seconds = metrics.value('csi_hostpath_pool_survey_timestamp_seconds', ofPool);
    expect(seconds).toBe(model.now().getTime() / 1000);
  });

  test('before the driver is ready touches no pool', async () => {
    const { scrape, pool } = monitoredNode({}, { isReady: false });
    const checkReachable = vi.spyOn(pool, 'checkReachable');
    const metrics = await scrape();
    expect(checkReachable).not.toHaveBeenCalled();
    expect(metrics.value('csi_hostpath_ready')).toBe(0);
    expect(metrics.value('csi_hostpath_scrape_incomplete', ofPool)).toBe(1);
  });
});

test('each driver has metrics of its own, and those of the process are shared', async () => {
  const [one, other] = [monitoredNode(), monitoredNode()];
  await one.addQuotaVolume('a');
  expect((await one.scrape()).value('csi_hostpath_pool_volumes', ofPool)).toBe(1);
  const metrics = await other.scrape();
  expect(metrics.value('csi_hostpath_pool_volumes', ofPool)).toBe(0);
  expect(metrics.value('process_start_time_seconds')).toBeGreaterThan(0);
});
