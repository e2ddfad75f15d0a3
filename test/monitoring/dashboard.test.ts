import { describe, expect, onTestFinished, test } from 'vitest';
import { btrfs } from '../support/btrfs.ts';
import { CLAIM_NAMESPACE, claimParameters } from '../support/claims.ts';
import { fromVolume, snapshotOf, takeDown } from '../support/copies.ts';
import { eventually } from '../support/eventually.ts';
import { FaultyDisk } from '../support/faulty-disk.ts';
import { isHostRoot } from '../support/host-root.ts';
import { fileSystem, image } from '../support/image-node.ts';
import { get } from '../support/metrics/scrape.ts';
import { outcomeOf } from '../support/refusal.ts';
import { scratchDirectory } from '../support/scratch.ts';
import type { TestNode } from '../support/test-node.ts';
import { ownMetrics } from '../unit/monitoring/known-metrics.ts';
import { type Choice, panelQueries, variableQueries } from './support/dashboard.ts';
import { immutableFile } from './support/immutable-file.ts';
import { leasedVolume } from './support/leased-volume.ts';
import { freeAddress, monitoredNode } from './support/monitored-node.ts';
import { JOB, type Prometheus } from './support/prometheus.ts';
import { promtool } from './support/promtool.ts';
import { startProvisioner } from './support/provisioner.ts';

const MIB = 1024 ** 2;
const onDisk = { parameters: { pool: 'disk' } };

/** A node on which there is something of everything, and a Prometheus that knows it. */
async function busyNode() {
  const disk = new FaultyDisk(scratchDirectory(), { sizeBytes: 256 * MIB });
  const gone = new FaultyDisk(scratchDirectory());
  const address = await freeAddress();
  const provisioner = { address, labels: { node: 'node-1', container: 'csi-provisioner' } };
  const pools = [`disk=${disk.path}`, `btrfs=${btrfs('qgroup')}`, `gone=${gone.path}`];
  const flags = [...pools.map((pool) => `--pool=${pool}`), '--capacity=disk=200Mi', '--capacity=gold=1Gi'];
  const { node, alerts, driver } = await monitoredNode({ flags }, [provisioner]);
  gone.unmount();
  await makeVolumes(node);
  await leaveContent(node, disk);
  await startProvisioner(node.socket, address, { pool: 'gone' });
  return { node, prometheus: alerts.prometheus, driver };
}

/** Volumes with each backend that this kernel has, snapshots, and a copy that waits. */
async function makeVolumes(node: TestNode): Promise<void> {
  const { parameters, ...sized } = image(64 * MIB);
  const { volume_id } = await node.createPublished('image', fileSystem('ext4'), {
    ...sized,
    parameters: { ...parameters, ...claimParameters('data') },
  });
  await node.createPublished('subvolume', undefined, {
    parameters: { pool: 'btrfs', ...claimParameters('subvolume') },
  });
  await node.create('gold', { parameters: { kind: 'gold' } });
  await snapshotOf(node, volume_id);
  await node.groupController.CreateVolumeGroupSnapshot({ name: 'group', source_volume_ids: [volume_id] });
  const leased = await leasedVolume(node);
  const clone = outcomeOf(node.create('clone', { ...fromVolume(leased.volume_id), ...onDisk }));
  await Promise.race([leased.leases.asked(), clone.then((outcome) => expect(outcome).toBe('waiting'))]);
  onTestFinished(async () => {
    await leased.leases.release();
    await clone;
  });
}

/** Deleted content that cannot be removed. */
async function leaveContent(node: TestNode, disk: FaultyDisk): Promise<void> {
  const paths = await node.createPublished('left', undefined, onDisk);
  immutableFile(paths.target_path, disk.path);
  await takeDown(node, paths);
  await node.controller.DeleteVolume(paths);
}

const everything: Choice = {
  driver: '.*',
  job: '.*',
  node: '.*',
  instance: '.*',
  pool: '.*',
  namespace: '.*',
  claim: '.*',
  __rate_interval: '30s',
};
const oneClaim: Choice = {
  ...everything,
  driver: 'hostpath.csi.k8s.io',
  job: JOB,
  node: 'node-1',
  namespace: CLAIM_NAMESPACE,
  claim: 'data',
};

async function withoutData(prometheus: Prometheus, expressions: readonly string[]): Promise<string[]> {
  const results = await Promise.all(expressions.map((each) => prometheus.query(each)));
  return expressions.filter((_, index) => results[index]?.length === 0);
}

describe.skipIf(!isHostRoot)('a Prometheus that scrapes a busy node', () => {
  test('has data for every panel and variable of the dashboard, and for every metric', async () => {
    const { prometheus, driver } = await busyNode();
    for (const choice of [everything, oneClaim]) {
      const queries = panelQueries(choice);
      expect(queries.length).toBeGreaterThan(50);
      // Some ask for what is there only for a while, such as copies in progress.
      let missing = queries;
      await eventually(async () => {
        missing = await withoutData(prometheus, missing);
        expect(missing).toEqual([]);
      });
      for (const { expression, label } of variableQueries(choice)) {
        const values = (await prometheus.query(expression)).map(({ labels }) => labels[label] ?? '');
        expect(
          values.filter((value) => value !== ''),
          expression,
        ).not.toEqual([]);
      }
    }
    const seen = new Set(await prometheus.metricNames());
    const expected = ownMetrics.map(({ name, type }) => (type === 'histogram' ? `${name}_count` : name));
    expect(expected.filter((name) => !seen.has(name))).toEqual([]);
    const text = await (await get(driver, '/metrics')).text();
    expect(promtool(['check', 'metrics'], text)).toEqual({ status: 0, output: '' });
  });
});
