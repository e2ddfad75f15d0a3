import { chownSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromVolume, snapshotOf, takeDown } from '../../support/copies.ts';
import { breakingLeases, type HeldLeases, heldLeases } from '../../support/held-leases.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { type Published, type TestNode, testNode } from '../../support/test-node.ts';

const TENANT = 1000;
const FILES = 24;
const volume_capability = mountCapability();

interface LeasedVolume extends Published {
  readonly leases: HeldLeases;
}

/** A volume whose user holds a write lease on each of its files. */
async function leasedVolume(node: TestNode, name: string): Promise<LeasedVolume> {
  const published = await node.createPublished(name);
  const { target_path } = published;
  chownSync(target_path, TENANT, TENANT);
  const paths = Array.from({ length: FILES }, (_, index) => join(target_path, `file-${index}`));
  for (const path of paths) {
    writeFileSync(path, `content of ${path}`);
    chownSync(path, TENANT, TENANT);
  }
  return { ...published, leases: await heldLeases(TENANT, paths) };
}

/** The calls that must work for all other tenants. */
async function expectOthersServed(node: TestNode, name: string): Promise<void> {
  const published = await node.createPublished(name);
  writeFileSync(join(published.target_path, 'file'), 'content');
  const { snapshot_id } = await snapshotOf(node, published.volume_id, `of ${name}`);
  await node.node.NodeGetVolumeStats({ ...published, volume_path: published.target_path });
  await takeDown(node, published);
  await node.controller.DeleteSnapshot({ snapshot_id });
  await node.controller.DeleteVolume(published);
}

// The minimum number of threads on a node. Each copy would occupy eight of them, and wait.
const FEW_THREADS = { env: { UV_THREADPOOL_SIZE: '16' } };

/** A driver that copies two volumes whose users hold leases, and waits for them. */
async function waitingNode() {
  const node = testNode();
  await node.start(FEW_THREADS);
  const snapped = await leasedVolume(node, 'to snapshot');
  const cloned = await leasedVolume(node, 'to clone');
  const ended: string[] = [];
  const snapshot = snapshotOf(node, snapped.volume_id, 'held up').finally(() => ended.push('snapshot'));
  const clone = node.create('clone', fromVolume(cloned.volume_id)).finally(() => ended.push('clone'));
  snapshot.catch(() => {});
  clone.catch(() => {});
  await Promise.all([snapped.leases.asked(), cloned.leases.asked()]);
  return { node, snapped, cloned, snapshot, clone, ended };
}

describe.skipIf(!isHostRoot)('a tenant with write leases on the files of its volumes', () => {
  test('blocks only the copies of these volumes; they are complete once it releases the leases', async () => {
    const { node, snapped, cloned, snapshot, clone, ended } = await waitingNode();
    // As many copies as the limit allows, if they were not waiting.
    const more = [await leasedVolume(node, 'third'), await leasedVolume(node, 'fourth')];
    const snapshots = more.map(({ volume_id }) => snapshotOf(node, volume_id, `of ${volume_id}`));
    await Promise.all(more.map(({ leases }) => leases.asked()));
    for (let round = 0; round < 3; round++) await expectOthersServed(node, `other ${round}`);
    ended.push('others');
    await snapped.leases.release();
    const { snapshot_id } = await snapshot;
    await cloned.leases.release();
    const id = await clone;
    for (const { leases } of more) await leases.release();
    await Promise.all(snapshots);
    expect(ended).toEqual(['others', 'snapshot', 'clone']);
    expect(readdirSync(join(node.pool, 'snapshots', snapshot_id, 'data'))).toHaveLength(FILES);
    expect(readdirSync(join(node.pool, 'volumes', id, 'data'))).toHaveLength(FILES);
    await node.node.NodePublishVolume({ ...snapped, volume_capability, target_path: node.newPath() });
  });

  test('cannot prevent stopping a copy, or the driver', async () => {
    const { node, snapped, cloned, snapshot, clone } = await waitingNode();
    const snapshot_id = copiedId(node, snapped.volume_id);
    await node.controller.DeleteSnapshot({ snapshot_id });
    await expectRefusal(snapshot, 'ABORTED', 'was deleted during its creation');
    expect(breakingLeases(snapped.leases.pid)).toBeGreaterThan(0);
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    await expectRefusal(clone, 'UNAVAILABLE');
    expect(breakingLeases(cloned.leases.pid)).toBeGreaterThan(0);
    expect(readdirSync(join(node.pool, 'snapshots'))).toEqual([]);
  });
});

/** The id of the object that is made from a volume, as the log shows it. */
function copiedId(node: TestNode, from: string): string {
  const lines = node
    .log()
    .split('\n')
    .filter((line) => line.includes('copy started'));
  const records = lines.map((line) => JSON.parse(line) as { id: string; from: string });
  return records.find((line) => line.from === from)?.id ?? '';
}
