import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CreateVolumeRequest } from '../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import { csiServices } from '../../../src/rpc/proto.ts';
import { CLAIM_NAMESPACE, claimParameters } from '../../support/claims.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { hang } from '../../support/frozen-disk.ts';
import { fuseMount } from '../../support/fuse/fuse-mount.ts';
import { storageHealth } from '../../support/health.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, df, fileSystem, image } from '../../support/image-node.ts';
import { lintMetrics } from '../../support/metrics/lint-metrics.ts';
import { type ScrapedMetrics, scrape, scrapeUntil, withMetrics } from '../../support/metrics/scrape.ts';
import { outcomeOf, refusalOf } from '../../support/refusal.ts';
import { createRequest } from '../../support/requests.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const everything = ['--enable-attach', '--enable-controller-modify-volume', '--enable-snapshot-metadata'];

async function monitoredNode(flags: string[] = []) {
  const node = testNode();
  const driver = await node.start({ flags: [withMetrics, ...flags] });
  return { node, driver };
}

/** An image for a claim. */
function claimed(name: string, bytes: number): Partial<CreateVolumeRequest> {
  const sized = image(bytes);
  return { ...sized, parameters: { ...sized.parameters, ...claimParameters(name) } };
}

const usedBytes = (metrics: ScrapedMetrics, volume_id: string) =>
  metrics.value('csi_hostpath_volume_used_bytes', { volume_id });

describe.skipIf(!isHostRoot)('an image', () => {
  test('shows how full its file system is, with its claim, while it is mounted', async () => {
    const { node, driver } = await monitoredNode();
    const paths = await node.createPublished('a', fileSystem('ext4'), claimed('data', 64 * MIB));
    const { volume_id } = paths;
    const before = await scrape(driver);
    expect(before.series('csi_hostpath_volume_capacity_bytes')).toMatchObject([
      {
        labels: {
          volume_id,
          pool: 'default',
          backend: 'image',
          namespace: CLAIM_NAMESPACE,
          persistentvolumeclaim: 'data',
        },
        value: 64 * MIB,
      },
    ]);
    expect(usedBytes(before, volume_id)).toBeLessThan(20 * MIB);
    writeFileSync(join(paths.target_path, 'file'), Buffer.alloc(20 * MIB));
    execFileSync('sync', ['--file-system', paths.target_path]);
    const metrics = await scrapeUntil(driver, (each) => (usedBytes(each, volume_id) ?? 0) > 20 * MIB);
    const { used, available, inodes } = df(paths.target_path);
    const values = ['used_bytes', 'available_bytes', 'inodes', 'inodes_used'].map((name) =>
      metrics.value(`csi_hostpath_volume_${name}`, { volume_id }),
    );
    expect(values).toEqual([used, available, inodes.total, inodes.used].map(Number));
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await scrapeUntil(driver, (each) => usedBytes(each, volume_id) === undefined);
    await node.controller.DeleteVolume({ volume_id });
    expect((await scrape(driver)).text).not.toContain(volume_id);
  });

  test('that is a block volume shows how much of it was written', async () => {
    const { node, driver } = await monitoredNode();
    const paths = await node.createPublished('a', blockDevice(), image(16 * MIB));
    expect(usedBytes(await scrape(driver), paths.volume_id)).toBe(0);
    const dd = ['if=/dev/zero', `of=${paths.target_path}`, 'bs=1M', 'count=4', 'oflag=direct'];
    execFileSync('dd', dd, { stdio: 'ignore' });
    await scrapeUntil(driver, (each) => (usedBytes(each, paths.volume_id) ?? 0) >= 4 * MIB);
  });
});

test('volumes, snapshots and promises are counted', async () => {
  const { node, driver } = await monitoredNode([
    '--capacity=default=1Gi',
    '--enable-controller-modify-volume',
  ]);
  const sized = { capacity_range: { required_bytes: 10 * MIB } };
  const ids = [await node.create('a', sized), await node.create('b', sized)];
  await node.controller.CreateSnapshot({ name: 's', source_volume_id: ids[0] ?? '' });
  const retained = await node.create('c', { ...sized, mutable_parameters: { onDelete: 'retain' } });
  await node.controller.DeleteVolume({ volume_id: retained });
  const metrics = await scrape(driver);
  const value = (name: string) => metrics.value(`csi_hostpath_pool_${name}`, { pool: 'default' });
  expect(['volumes', 'retained_volumes', 'snapshots', 'group_snapshots'].map(value)).toEqual([2, 1, 1, 0]);
  expect(['limit_bytes', 'promised_bytes', 'snapshots_size_bytes'].map(value)).toEqual([
    1024 * MIB,
    30 * MIB,
    10 * MIB,
  ]);
  expect(metrics.value('csi_hostpath_pool_copies_total', { result: 'done' })).toBe(1);
  const { total, used } = df(node.pool);
  expect(value('capacity_bytes')).toBe(Number(total));
  expect(value('used_bytes')).toBeGreaterThan(0);
  expect(Number(used)).toBeGreaterThan(0);
  const { available_capacity } = await node.controller.GetCapacity({});
  expect(value('provisionable_bytes')).toBe(Number(available_capacity));
});

test('every call is counted with its method and status, including those that fail', async () => {
  const { node, driver } = await monitoredNode(everything);
  const outcomes = new Map<string, string>();
  const services = {
    Identity: node.identity,
    Controller: node.controller,
    Node: node.node,
    GroupController: node.groupController,
  } as unknown as Record<string, Record<string, (request: object) => Promise<unknown>>>;
  for (const [service, methods] of Object.entries(csiServices)) {
    for (const [name, { path }] of Object.entries(methods)) {
      const call = () => services[service]?.[name]?.({}) ?? callStream(node, name);
      const outcome = await outcomeOf(call());
      outcomes.set(path, outcome === 'OK' ? 'OK' : goName(outcome.code));
    }
  }
  const counts = (await scrape(driver)).series('csi_plugin_operations_seconds_count');
  expect(counts).toHaveLength(36);
  const counted = counts.map(({ labels, value }) => [
    labels['method_name'],
    labels['grpc_status_code'],
    value,
  ]);
  expect(counted.sort()).toEqual([...outcomes].map(([path, code]) => [path, code, 1]).sort());
  expect(new Set(outcomes.values())).toEqual(new Set(['OK', 'InvalidArgument']));
  expect(counts.every(({ labels }) => labels['driver_name'] === 'hostpath.csi.k8s.io')).toBe(true);
});

async function callStream({ snapshotMetadata }: TestNode, name: string): Promise<void> {
  const stream =
    name === 'GetMetadataDelta'
      ? snapshotMetadata.GetMetadataDelta({})
      : snapshotMetadata.GetMetadataAllocated({});
  for await (const message of stream) expect(message).toBeUndefined();
}

function goName(code: string): string {
  return code.toLowerCase().replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase());
}

test('the problems are those of the health calls', async () => {
  const node = testNode();
  const lost = join(node.directory, 'lost');
  const flags = [withMetrics, `--pool=lost=${lost}`];
  await node.start({ flags });
  const ids = [await node.create('a'), await node.create('b')];
  await node.create('c', { parameters: { pool: 'lost' } });
  await node.stop();
  rmSync(lost, { recursive: true });
  mkdirSync(lost);
  const driver = await node.start({ flags });
  rmSync(join(node.pool, 'volumes', ids[0] ?? '', 'data'), { recursive: true });
  const metrics = await scrape(driver);
  expect(metrics.reasons({ pool: 'lost' })).toEqual(['PoolUnreachable']);
  expect(metrics.reasons({ pool: 'default' })).toEqual([]);
  expect(await storageHealth(node)).toEqual(['STORAGE_UNREACHABLE PoolUnreachable']);
  const { entries } = await node.controller.ControllerListVolumeHealth({});
  expect(entries).toHaveLength(2);
  for (const { volume_id, health_statuses } of entries) {
    const reasons = health_statuses.map(({ reason }) => reason).sort();
    expect(metrics.reasons({ volume_id })).toEqual(reasons);
  }
  expect(metrics.reasons({ volume_id: ids[0] ?? '' })).toEqual(['DataMissing']);
  const ofLost = { pool: 'lost' };
  expect(metrics.value('csi_hostpath_pool_reachable', ofLost)).toBe(0);
  expect(metrics.value('csi_hostpath_pool_reachable', { pool: 'default' })).toBe(1);
  expect(metrics.value('csi_hostpath_pool_capacity_bytes', ofLost)).toBeUndefined();
  expect(metrics.value('csi_hostpath_scrape_incomplete', ofLost)).toBe(0);
});

test('names and text follow the rules of Prometheus, with every kind of series', async () => {
  const { node, driver } = await monitoredNode(['--capacity=gold=1Gi']);
  await node.createPublished('a', undefined, { parameters: { kind: 'gold' } });
  await refusalOf(node.controller.DeleteVolume({ volume_id: '' }));
  const metrics = await scrape(driver);
  expect(lintMetrics(metrics.all.values())).toEqual([]);
  expect(metrics.value('csi_hostpath_class_promised_bytes', { class: 'gold' })).toBe(MIB);
  expect(metrics.value('csi_hostpath_build_info', { version: '0.0.0-test' })).toBe(1);
  expect(metrics.value('csi_hostpath_ready')).toBe(1);
});

test('the metrics of volumes can be switched off', async () => {
  const { node, driver } = await monitoredNode(['--volume-metrics=false']);
  const volume_id = await node.create('a');
  const metrics = await scrape(driver);
  expect(metrics.text).not.toContain(volume_id);
  expect(metrics.value('csi_hostpath_pool_volumes', { pool: 'default' })).toBe(1);
});

describe.skipIf(!isHostRoot)('a disk that hangs', () => {
  const ofSlow = { pool: 'slow' };
  const incomplete = (metrics: ScrapedMetrics, pool: string) =>
    metrics.value('csi_hostpath_scrape_incomplete', { pool });

  test('delays no scrape for long, which says that the values of its pool are old', async () => {
    const disk = mountedImage({ mkfs: ['mkfs.ext4', '-q'] });
    const pool = join(disk, 'pool');
    const { node, driver } = await monitoredNode([`--pool=slow=${pool}`]);
    const volume_id = await node.create('a', { parameters: ofSlow });
    const before = await scrape(driver);
    expect(before.value('csi_hostpath_pool_reachable', ofSlow)).toBe(1);
    // From now on, looking at the pool means waiting for the server of this file system.
    const cover = await fuseMount(pool);
    cover.hang();
    const during = await scrapeUntil(driver, (metrics) => incomplete(metrics, 'slow') === 1);
    expect(incomplete(during, 'default')).toBe(0);
    expect(during.value('csi_hostpath_volume_capacity_bytes', { volume_id })).toBe(MIB);
    expect(during.value('csi_hostpath_pool_capacity_bytes', ofSlow)).toBe(
      before.value('csi_hostpath_pool_capacity_bytes', ofSlow),
    );
    await node.createPublished('elsewhere');
    await cover.die();
    execFileSync('umount', ['--lazy', pool]);
    const isBack = (metrics: ScrapedMetrics) => metrics.value('csi_hostpath_pool_reachable', ofSlow) === 1;
    await scrapeUntil(driver, (metrics) => isBack(metrics) && incomplete(metrics, 'slow') === 0);
  });

  test('shows the calls that wait for it, and counts each once with the error of its caller', async () => {
    const disk = mountedImage({ mkfs: ['mkfs.ext4', '-q'] });
    const { node, driver } = await monitoredNode([`--pool=slow=${join(disk, 'pool')}`]);
    const goOn = await hang(disk);
    const create = () =>
      node.controller.CreateVolume(createRequest('a', { parameters: ofSlow }), {
        deadline: Date.now() + 5000,
      });
    expect(await refusalOf(create())).toMatchObject({ code: 'UNAVAILABLE' });
    const method_name = '/csi.v1.Controller/CreateVolume';
    const inFlight = (metrics: ScrapedMetrics) =>
      metrics.value('csi_plugin_operations_in_flight', { method_name });
    const counts = (metrics: ScrapedMetrics) =>
      metrics
        .series('csi_plugin_operations_seconds_count', { method_name })
        .map(({ labels, value }) => [labels['grpc_status_code'], value]);
    const during = await scrape(driver);
    expect([inFlight(during), counts(during)]).toEqual([1, [['Unavailable', 1]]]);
    await goOn();
    const after = await scrapeUntil(driver, (metrics) => inFlight(metrics) === 0);
    expect(counts(after)).toEqual([['Unavailable', 1]]);
  });
});
