import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { bind } from '../../support/bind.ts';
import { runDriver } from '../../support/driver-process.ts';
import { eventually } from '../../support/eventually.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const claim = { 'csi.storage.k8s.io/pvc/namespace': 'shop', 'csi.storage.k8s.io/pvc/name': 'data' };

/** A node with a status, whose volumes can be archived and whose pool can reserve 100 MiB. */
async function archivingNode() {
  const node = testNode();
  const socket = join(node.directory, 'status.sock');
  const flags = [
    '--enable-controller-modify-volume',
    '--capacity=default=100Mi',
    `--status-socket=${socket}`,
  ];
  await node.start({ flags });
  const run = (...words: string[]) => runDriver([...words, `--socket=${socket}`, `--statedir=${node.pool}`]);
  return { node, flags, run, statusOf: async () => JSON.parse((await run('status', '-o', 'json')).stdout) };
}

/** Creates a volume of a claim with a file in it, and deletes it. @returns its id */
async function archivedVolume(node: TestNode, archiveExpiry = 'never', name = 'a'): Promise<string> {
  const volume_id = await node.create(name, {
    parameters: claim,
    capacity_range: { required_bytes: 60 * MIB },
    mutable_parameters: { onDelete: 'archive', archiveExpiry },
  });
  writeFileSync(join(node.pool, 'volumes', volume_id, 'data', 'file'), 'kept');
  await node.controller.DeleteVolume({ volume_id });
  return volume_id;
}

const retainedIn = (node: TestNode) => readdirSync(join(node.pool, 'retained'));

test('an archived volume counts, and the status has when it was deleted and expires, with and without a driver', async () => {
  const { node, flags, run, statusOf } = await archivingNode();
  const id = await archivedVolume(node, '30d');
  expect(readFileSync(join(node.pool, 'retained', id, 'data', 'file'), 'utf8')).toBe('kept');
  const { available_capacity } = await node.controller.GetCapacity({});
  expect(Number(available_capacity)).toBeLessThanOrEqual(40 * MIB);
  const { retained } = await statusOf();
  const { deletedAt, expiresAt } = retained[0];
  expect(retained).toMatchObject([{ id, onDelete: 'archive', claim: { namespace: 'shop', name: 'data' } }]);
  expect(Date.parse(expiresAt) - Date.parse(deletedAt)).toBe(30 * 24 * 60 * 60 * 1000);
  expect((await run('status')).stdout).toMatch(/^shop\/data +archive +60 MiB +\d+[sm] +29d +\//m);
  await node.stop();
  expect((await statusOf()).retained).toEqual(retained);
  await node.start({ flags });
  expect((await statusOf()).retained).toEqual(retained);
});

test('a driver removes expired volumes and no others, and logs them before', async () => {
  const { node, flags } = await archivingNode();
  const kept = await archivedVolume(node);
  const expiring = await node.create('b', {
    capacity_range: { required_bytes: MIB },
    mutable_parameters: { onDelete: 'archive', archiveExpiry: '1s' },
  });
  await node.controller.DeleteVolume({ volume_id: expiring });
  await node.restart({ flags });
  await eventually(() => expect(retainedIn(node)).toEqual([kept]));
  await eventually(() => expect(readdirSync(join(node.pool, '.outgoing'))).toEqual([]));
  const log = node.log();
  expect(log.indexOf('archived volume has expired; will be removed')).toBeGreaterThan(0);
  expect(log.indexOf('removed expired archived volume')).toBeGreaterThan(
    log.indexOf('archived volume has expired'),
  );
});

test('an expired volume that someone has mounted stays until it is unmounted', async () => {
  const { node, flags } = await archivingNode();
  const id = await archivedVolume(node, '1s');
  const backup = join(node.directory, 'backup');
  mkdirSync(backup);
  await bind(join(node.pool, 'retained', id, 'data'), backup);
  await node.restart({ flags });
  await eventually(() => expect(node.log()).toContain('cannot remove expired archived volume; will retry'));
  expect(readFileSync(join(backup, 'file'), 'utf8')).toBe('kept');
  await unmount(backup);
  await node.restart({ flags });
  await eventually(() => expect(retainedIn(node)).toEqual([]));
});

test('a volume that its owner removes by hand is no longer counted, as a retained one', async () => {
  const { node } = await archivingNode();
  rmSync(join(node.pool, 'retained', await archivedVolume(node)), { recursive: true });
  expect(Number((await node.controller.GetCapacity({})).available_capacity)).toBeGreaterThan(60 * MIB);
});
