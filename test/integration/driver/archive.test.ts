import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { bind } from '../../support/bind.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { fileSystem } from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { runInProcess } from '../../support/run-command.ts';
import { nodeWith, type Storage, subvolumes } from '../../support/storages.ts';
import { startedNode, type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const image: Storage = {
  name: 'an image',
  backend: 'image',
  capability: fileSystem('ext4'),
  sizeBytes: 64 * MIB,
  makePool: undefined,
};
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
  const run = (...words: string[]) =>
    runInProcess([...words, `--socket=${socket}`, `--statedir=${node.pool}`]);
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

/** Creates a volume of 1 MiB that is archived when it is deleted. @returns its id */
const small = (node: TestNode, name: string, parameters: Record<string, string>) =>
  node.create(name, {
    parameters,
    capacity_range: { required_bytes: MIB },
    mutable_parameters: { onDelete: 'archive' },
  });

/** The content of the file in a volume, as a pod reads it. */
async function readThroughPod(test: TestNode, volume_id: string): Promise<string> {
  const paths = { staging_target_path: test.newStaging(), target_path: test.newPath() };
  const volume = { volume_id, volume_capability: mountCapability() };
  await test.node.NodeStageVolume({ ...volume, staging_target_path: paths.staging_target_path });
  await test.node.NodePublishVolume({ ...volume, ...paths });
  return readFileSync(join(paths.target_path, 'file'), 'utf8');
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

test('a StorageClass archives too, without the flag for changes, and a repeated call finds the volume', async () => {
  const node = await startedNode();
  const parameters = { ...claim, onDelete: 'archive', archiveExpiry: '30d' };
  const volume_id = await node.create('a', { parameters });
  expect(await node.create('a', { parameters })).toBe(volume_id);
  const other = { ...claim, onDelete: 'delete' };
  await expectRefusal(node.create('a', { parameters: other }), 'ALREADY_EXISTS', 'onDelete archive');
  const { confirmed } = await node.controller.ValidateVolumeCapabilities({
    volume_id,
    volume_capabilities: [mountCapability()],
    parameters,
  });
  expect(confirmed).toMatchObject({ parameters });
  await node.controller.DeleteVolume({ volume_id });
  expect(retainedIn(node)).toEqual([volume_id]);
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

test('a restored volume exists again with its content, and its objects are printed', async () => {
  const { node, flags, run, statusOf } = await archivingNode();
  const id = await archivedVolume(node, '30d');
  const restored = await run('restore', id);
  expect([restored.code, restored.stderr]).toEqual([0, expect.stringContaining(`Volume ${id} is restored.`)]);
  const [volume, claimOfVolume] = parseAllDocuments(restored.stdout).map((each) => each.toJS());
  expect(volume).toMatchObject({
    kind: 'PersistentVolume',
    metadata: { name: 'a' },
    spec: { csi: { volumeHandle: id }, claimRef: { namespace: 'shop', name: 'data' } },
  });
  expect(claimOfVolume).toMatchObject({ kind: 'PersistentVolumeClaim', spec: { volumeName: 'a' } });
  expect(await run('restore', id)).toEqual(restored);
  expect(retainedIn(node)).toEqual([]);
  await node.restart({ flags });
  expect((await statusOf()).retained).toEqual([]);
  expect(await readThroughPod(node, id)).toBe('kept');
  expect(Number((await node.controller.GetCapacity({})).available_capacity)).toBeLessThanOrEqual(40 * MIB);
});

test('a volume is restored for another claim, and under another name if its own is in use', async () => {
  const { node, run } = await archivingNode();
  const id = await archivedVolume(node);
  await node.create('a', { capacity_range: { required_bytes: MIB } });
  const refused = await run('restore', id);
  expect([refused.code, refused.stderr]).toEqual([
    3,
    `another volume is named "a"; restore "${id}" under another name\n`,
  ]);
  const { stdout } = await run('restore', id, '--name=old', '--claim=shop/old', '-o', 'json');
  expect(JSON.parse(stdout).items).toMatchObject([
    { metadata: { name: 'old' }, spec: { claimRef: { name: 'old' } } },
    { metadata: { namespace: 'shop', name: 'old' } },
  ]);
});

test('a volume whose content was taken out, or is mounted, is not restored', async () => {
  const { node, run } = await archivingNode();
  const id = await archivedVolume(node);
  const data = join(node.pool, 'retained', id, 'data');
  const backup = join(node.directory, 'backup');
  mkdirSync(backup);
  await bind(data, backup);
  expect((await run('restore', id)).stderr).toContain(`is still in use: unmount "${backup}" first`);
  await unmount(backup);
  rmSync(data, { recursive: true });
  expect((await run('restore', id)).stderr).toBe(`the content of volume "${id}" is missing: ${data}\n`);
  rmSync(join(node.pool, 'retained', id), { recursive: true });
  expect((await run('restore', id)).stderr).toContain(`"${id}" is no longer in retained/`);
});

test('a claim gets its newest deleted volume back, with its content, and the same one for each repeated call', async () => {
  const { node } = await archivingNode();
  const old = await archivedVolume(node, 'never', 'old');
  const other = await small(node, 'other', {});
  await node.controller.DeleteVolume({ volume_id: other });
  const parameters = { ...claim, restore: 'latest' };
  const create = () => node.create('new', { parameters, capacity_range: { required_bytes: 60 * MIB } });
  expect(await create()).toBe(old);
  expect(await create()).toBe(old);
  expect(await readThroughPod(node, old)).toBe('kept');
  expect(retainedIn(node)).toEqual([other]);
  // Its only deleted volume has been restored, so that the next claim of this name is empty.
  expect(await small(node, 'third', parameters)).not.toBe(old);
});

const archivable = isHostRoot ? [...subvolumes.filter(({ name }) => name.endsWith('squota')), image] : [];

test.each(archivable)('$name is restored with its content and its limit', async (storage) => {
  const made = await nodeWith(storage);
  const { node, pool, parameters } = made;
  await node.restart({ flags: [...made.flags, '--enable-controller-modify-volume'] });
  const { capability, sizeBytes } = storage;
  const request = { capacity_range: { required_bytes: sizeBytes }, parameters: { ...parameters, ...claim } };
  const mutable_parameters = { onDelete: 'archive' };
  const old = await node.createPublished('old', capability, { ...request, mutable_parameters });
  writeFileSync(join(old.target_path, 'file'), 'kept');
  await node.node.NodeUnpublishVolume(old);
  await node.node.NodeUnstageVolume(old);
  await node.controller.DeleteVolume(old);
  expect(readdirSync(join(pool, 'retained'))).toEqual([old.volume_id]);
  const again = { ...request, parameters: { ...request.parameters, restore: 'required' } };
  const { volume_id, target_path } = await node.createPublished('new', capability, again);
  expect(volume_id).toBe(old.volume_id);
  expect(readFileSync(join(target_path, 'file'), 'utf8')).toBe('kept');
  const tooMuch = Buffer.alloc(sizeBytes + MIB, 'x');
  expect(() => writeFileSync(join(target_path, 'more'), tooMuch, { flush: true })).toThrow();
});

test('a claim that cannot have its volume back is refused with the reason, and nothing is made', async () => {
  const { node } = await archivingNode();
  const create = (restore: string, requiredMib: number, more: Record<string, string> = claim) =>
    node.create('new', {
      parameters: { ...more, restore },
      capacity_range: { required_bytes: requiredMib * MIB },
    });
  await expectRefusal(
    create('required', 1),
    'RESOURCE_EXHAUSTED',
    'parameters.restore: no deleted volume of claim "shop/data"',
  );
  const id = await archivedVolume(node);
  const tooSmall = `parameters.restore: the newest deleted volume of claim "shop/data" is "${id}", which has ${60 * MIB} bytes`;
  await expectRefusal(create('latest', 61), 'INVALID_ARGUMENT', tooSmall);
  await expectRefusal(
    create('latest', 1, {}),
    'INVALID_ARGUMENT',
    'parameters.restore: "latest" needs the claim',
  );
  await expectRefusal(create('newest', 1), 'INVALID_ARGUMENT', 'must be one of never, latest, required');
  expect(readdirSync(join(node.pool, 'volumes'))).toEqual([]);
  expect(await create('required', 60)).toBe(id);
});

test('a purge removes one deleted volume, if it is meant', async () => {
  const { node, run } = await archivingNode();
  const id = await archivedVolume(node);
  const live = await small(node, 'live', {});
  const unsure = await run('purge', id);
  expect([unsure.code, unsure.stderr]).toEqual([3, expect.stringContaining('repeat the command with --yes')]);
  expect(retainedIn(node)).toEqual([id]);
  expect((await run('purge', live, '--yes')).stderr).toContain('was not deleted');
  expect(await run('purge', id, '--yes')).toMatchObject({ code: 0, stdout: `Volume ${id} is purged.\n` });
  expect(retainedIn(node)).toEqual([]);
  await eventually(() => expect(readdirSync(join(node.pool, '.outgoing'))).toEqual([]));
  expect(Number((await node.controller.GetCapacity({})).available_capacity)).toBeGreaterThan(60 * MIB);
  expect((await run('purge', id, '--yes')).stdout).toContain('nothing was removed');
});

test('a volume that its owner removes by hand is no longer counted, as a retained one', async () => {
  const { node } = await archivingNode();
  rmSync(join(node.pool, 'retained', await archivedVolume(node)), { recursive: true });
  expect(Number((await node.controller.GetCapacity({})).available_capacity)).toBeGreaterThan(60 * MIB);
});
