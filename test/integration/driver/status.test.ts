import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { callAction } from '../../../src/cli/call-action.ts';
import { bind } from '../../support/bind.ts';
import { programs, runDriver } from '../../support/driver-process.ts';
import { editedRecord } from '../../support/edited-record.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { image } from '../../support/image-node.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';

const claim = { 'csi.storage.k8s.io/pvc/namespace': 'shop', 'csi.storage.k8s.io/pvc/name': 'data' };
const EXIT_PROBLEMS = 1;
const EXIT_FAILURE = 3;

/** A node whose driver serves its status, with a published volume, a snapshot of it, and a volume from that. */
async function filledNode() {
  const node = testNode();
  const socket = join(node.directory, 'status.sock');
  const flags = [`--status-socket=${socket}`];
  await node.start({ flags });
  const published = await node.createPublished('first', undefined, { parameters: claim });
  const { volume_id } = published;
  const { snapshot } = await node.controller.CreateSnapshot({ name: 'snap', source_volume_id: volume_id });
  const snapshot_id = snapshot?.snapshot_id ?? '';
  const restored = await node.create('restored', { volume_content_source: { snapshot: { snapshot_id } } });
  const run = (...words: string[]) => runDriver([...words, `--socket=${socket}`, `--statedir=${node.pool}`]);
  const statusOf = async () => JSON.parse((await run('status', '-o', 'json')).stdout);
  return { node, flags, socket, ...published, snapshot_id, restored, run, statusOf };
}

test('the status has the volumes by claim, where they are mounted, and what is made from what', async () => {
  const { statusOf, volume_id, staging_target_path, target_path, snapshot_id, restored } = await filledNode();
  const report = await statusOf();
  const since = expect.stringMatching(/^2\d{3}-/);
  expect(report).toMatchObject({
    formatVersion: 1,
    driver: { name: 'hostpath.csi.k8s.io', nodeId: 'node-1' },
    pools: [{ name: 'default', isReachable: true, isComplete: true, volumeCount: 2, snapshotCount: 1 }],
    snapshots: [{ id: snapshot_id, name: 'snap', sourceVolumeId: volume_id }],
    damaged: [],
  });
  const byId = new Map(report.volumes.map((volume: { id: string }) => [volume.id, volume]));
  expect(byId.get(volume_id)).toMatchObject({
    claim: { namespace: 'shop', name: 'data' },
    backend: 'directory',
    mounts: [
      { path: staging_target_path, kind: 'staged', since },
      { path: target_path, kind: 'published', since },
    ],
  });
  expect(byId.get(restored)).toMatchObject({ mounts: [], source: { kind: 'snapshot', id: snapshot_id } });
});

test('without a driver the disks say the same, and nothing on them changes', async () => {
  const { node, statusOf, volume_id } = await filledNode();
  const { driver, ...live } = await statusOf();
  await node.stop();
  const before = execFileSync('find', [node.pool, '-printf', '%p %T@ %C@ %s\n'], { encoding: 'utf8' });
  const { driver: none, ...read } = await statusOf();
  expect(execFileSync('find', [node.pool, '-printf', '%p %T@ %C@ %s\n'], { encoding: 'utf8' })).toBe(before);
  expect(driver).toBeDefined();
  expect(none).toBeUndefined();
  expect(read.snapshots).toEqual(live.snapshots);
  const recorded = ({ findings, mounts, ...rest }: Record<string, unknown>) => ({
    ...rest,
    paths: (mounts as { path: string }[]).map(({ path }) => path),
  });
  const inOrder = (all: { id: string }[]) => all.toSorted((a, b) => a.id.localeCompare(b.id)).map(recorded);
  expect(inOrder(read.volumes)).toEqual(inOrder(live.volumes));
  expect(read.volumes.map(({ id }: { id: string }) => id)).toContain(volume_id);
});

test('text names the claim, the snapshot and the mounts; YAML is the same as JSON', async () => {
  const { run, target_path } = await filledNode();
  const text = (await run('status')).stdout;
  for (const part of ['shop/data', 'snap', 'restored', `published at ${target_path}`])
    expect(text).toContain(part);
  const yaml = parse((await run('status', '-o', 'yaml')).stdout);
  expect(yaml.volumes.map(({ claim }: { claim?: object }) => claim)).toContainEqual({
    namespace: 'shop',
    name: 'data',
  });
});

test('only the user of the driver may connect, and the socket is gone after it', async () => {
  const { node, socket } = await filledNode();
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  await node.stop();
  expect(() => statSync(socket)).toThrow('ENOENT');
});

test('a driver starts without a status if it cannot listen for it', async () => {
  const node = testNode();
  await node.start({ flags: [`--status-socket=${node.directory}/nowhere/status.sock`] });
  expect(await node.identity.Probe({})).toMatchObject({ ready: { value: true } });
  expect(node.log()).toContain('cannot listen at --status-socket');
});

test('without a driver and without a state directory, both are named', async () => {
  const run = await runDriver(['status', '--socket=/nowhere/s', '--statedir=/nowhere']);
  expect(run.code).toBe(EXIT_FAILURE);
  expect(run.stderr).toContain('no driver listens on /nowhere/s');
  expect(run.stderr).toContain('/nowhere is not a state directory');
});

test('a check finds damaged records, and says what to do', async () => {
  const { node, flags, run, restored } = await filledNode();
  const { code, stdout } = await run('check');
  // Plain directories have no limit.
  expect([code, stdout]).toEqual([
    EXIT_PROBLEMS,
    expect.stringMatching(/CapacityNotEnforced[\s\S]*2 problems with/),
  ]);
  await node.stop();
  const record = join(node.pool, 'volumes', restored, 'volume.json');
  writeFileSync(record, readFileSync(record, 'utf8').slice(0, 10));
  for (const isRunning of [false, true]) {
    if (isRunning) await node.start({ flags });
    const damaged = await run('check');
    expect(damaged.code).toBe(EXIT_PROBLEMS);
    expect(damaged.stdout).toMatch(
      /^volume restored-.*\n {2}RecordDamaged: .*volume.json: it is not JSON\n {2}What to do: Restore the record/m,
    );
  }
});

test('a check finds mounts of volumes that are gone', async () => {
  const { node, run, restored } = await filledNode();
  const left = node.newStaging();
  await bind(join(node.pool, 'volumes', restored, 'data'), left);
  rmSync(join(node.pool, 'volumes', restored), { recursive: true });
  await node.stop();
  expect((await run('check')).stdout).toContain(
    `mount ${left}\n  it is a mount of ${restored}, which does not exist\n  What to do: Unmount it: umount ${left}`,
  );
});

test.skipIf(!isHostRoot)(
  'a check finds devices of images that are gone, and a healthy image has no problems',
  async () => {
    const node: TestNode = testNode();
    const socket = join(node.directory, 'status.sock');
    await node.start({ flags: [`--status-socket=${socket}`] });
    const kept = await node.createPublished('kept', undefined, image(64 * 1024 ** 2));
    const gone = await node.create('gone', image(64 * 1024 ** 2));
    const check = () => runDriver(['check', `--socket=${socket}`]);
    expect((await check()).stdout).toMatch(/^No problems with 2 volumes and 0 snapshots in 1 pool\.\n$/);
    const directory = join(node.pool, 'volumes', gone);
    const device = execFileSync('losetup', ['--find', '--show', join(directory, 'image')], {
      encoding: 'utf8',
    }).trim();
    onTestFinished(() => void execFileSync('losetup', ['--detach', device]));
    await node.stop();
    rmSync(directory, { recursive: true });
    const { stdout } = await runDriver(['check', `--socket=${socket}`, `--statedir=${node.pool}`]);
    expect(stdout).toContain(
      `device ${device}\n  it is attached to the image of ${gone}, which does not exist`,
    );
    expect(stdout).not.toContain(kept.volume_id);
  },
);

test('a check compares the volumes with the PersistentVolumes of the cluster', async () => {
  const { node, run, volume_id, restored } = await filledNode();
  const gone = volume_id.replace(/.{8}$/, '00000000');
  const list = JSON.stringify({
    items: [volume_id, gone].map((volumeHandle) => ({
      metadata: { name: `pv-${volumeHandle}` },
      spec: { csi: { driver: 'hostpath.csi.k8s.io', volumeHandle } },
    })),
  });
  const file = join(node.directory, 'volumes.json');
  writeFileSync(file, list);
  const { code, stdout } = await run('check', `--orphans=${file}`);
  expect(code).toBe(EXIT_PROBLEMS);
  const problem = `PersistentVolume pv-${gone}\n  its volume ${gone} is not in pool default\n  What to do: Restore`;
  expect(stdout).toContain(problem);
  // A volume may be without a PersistentVolume while it is new.
  expect(stdout).not.toContain('no PersistentVolume');
  await node.stop();
  const record = join(node.pool, 'volumes', restored, 'volume.json');
  const isOld = (text: string) => text.replace(/"createdAt": "20../, '"createdAt": "2001');
  writeFileSync(record, editedRecord(readFileSync(record, 'utf8'), isOld));
  const words = [programs.driver, 'check', '--orphans=-', '--socket=/nowhere', `--statedir=${node.pool}`];
  const offline = spawnSync(process.execPath, words, { input: list, encoding: 'utf8' });
  expect(offline.stdout).toContain(problem);
  expect(offline.stdout).toContain(`no PersistentVolume has its id ${restored}; its data is in pool default`);
  expect(offline.stdout).toMatch(/\n2 problems with /);
  const invalid = await run('check', '--orphans=/nowhere');
  expect([invalid.code, invalid.stderr]).toEqual([
    EXIT_FAILURE,
    expect.stringMatching(/^--orphans: \/nowhere is not the output of kubectl get pv -o json: ENOENT/),
  ]);
});

test('a reader that is slow gets the whole of a long status, and others need not wait for it', async () => {
  const node = testNode();
  mkdirSync(node.pool);
  // Thousands of files take long on a disk.
  execFileSync('mount', ['-t', 'tmpfs', 'none', node.pool]);
  await node.start();
  await node.stop();
  // A file in place of a volume is in the report as damaged.
  const ids = Array.from({ length: 10_000 }, (_, index) => `${'long'.repeat(60)}-${index}`);
  for (const id of ids) writeFileSync(join(node.pool, 'volumes', id), '');
  const socket = join(node.directory, 'status.sock');
  await node.start({ flags: [`--status-socket=${socket}`] });
  const slow = connect(socket);
  slow.write('GET /status HTTP/1.0\r\n\r\n');
  await once(slow, 'readable');
  // The driver has filled the buffers of the socket by the time it has answered the other one.
  const { stdout } = await runDriver(['status', '-o', 'json', `--socket=${socket}`]);
  const chunks: Buffer[] = [];
  for await (const chunk of slow) chunks.push(chunk as Buffer);
  const [, body = ''] = Buffer.concat(chunks).toString('utf8').split('\r\n\r\n');
  expect(body.length).toBeGreaterThan(3 * 1024 ** 2);
  const idsIn = (text: string) =>
    JSON.parse(text)
      .damaged.map(({ id }: { id: string }) => id)
      .toSorted();
  expect(idsIn(body)).toEqual(ids.toSorted());
  expect(idsIn(stdout)).toEqual(ids.toSorted());
});

test('a driver names an action that it does not have', async () => {
  const { socket } = await filledNode();
  await expect(callAction(socket, 'x', {})).rejects.toThrow('this driver has no action "x"');
});
