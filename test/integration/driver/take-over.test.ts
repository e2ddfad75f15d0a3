import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { adoptingNode, makeData, objectsIn } from '../../support/adopting-node.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice } from '../../support/image-node.ts';
import { expectRestored, expectWholeLife } from '../../support/whole-life.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const EXIT_OBSTACLES = 1;
const EXIT_FAILURE = 3;

const nameOf = (digit: string) => `pvc-${'########-####-4###-8###-############'.replaceAll('#', digit)}`;

function expectData(path: string, text: string): void {
  expect(readFileSync(join(path, 'inner', 'more'), 'utf8')).toBe(text);
}

/** A PersistentVolume of another provisioner, as `kubectl get pv -o json` prints it, in part. */
function oldVolume(name: string, storage: string, claim: string, more: object = {}) {
  const [namespace, claimName] = claim.split('/');
  const claimRef = { namespace, name: claimName, uid: 'a-uid' };
  const spec = { capacity: { storage }, claimRef, accessModes: ['ReadWriteOnce'], volumeMode: 'Filesystem' };
  return { kind: 'PersistentVolume', metadata: { name }, spec: { ...spec, ...more } };
}

test('volumes of local-path-provisioner: named by their claims, sized by the cluster, others left alone', async () => {
  const { node, run } = await adoptingNode();
  const path = join(node.directory, 'local-path');
  const [one, two] = [nameOf('1'), nameOf('2')];
  makeData(join(path, `${one}_shop_data-db-0`), 'one');
  makeData(join(path, `${two}_shop_cache`), 'two');
  makeData(join(path, 'scripts'));
  writeFileSync(join(path, 'notes'), '');
  const pvs = join(node.directory, 'pvs.json');
  const known = [oldVolume(one, '3Gi', 'shop/data-db-0'), oldVolume(two, '1Ki', 'shop/cache')];
  writeFileSync(pvs, JSON.stringify({ kind: 'List', items: known }));
  const words = ['take-over', path, '--from=local-path', `--volumes=${pvs}`, '--storage-class=fast'];
  const dry = await run(...words);
  expect([dry.code, dry.stdout]).toEqual([
    EXIT_OBSTACLES,
    expect.stringMatching(
      /notes: left alone: it is not a directory[\s\S]*would be moved[\s\S]*scripts: left alone: its name/,
    ),
  ]);
  expect(readdirSync(path)).toHaveLength(4);
  const done = await run(...words, '--yes');
  expect(readdirSync(path).sort()).toEqual(['notes', 'scripts']);
  const objects = objectsIn(done);
  expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
    `PersistentVolume ${one}`,
    'PersistentVolumeClaim data-db-0',
    `PersistentVolume ${two}`,
    'PersistentVolumeClaim cache',
  ]);
  expect(objects[0].spec).toMatchObject({
    capacity: { storage: String(3 * GIB) },
    claimRef: { namespace: 'shop', name: 'data-db-0' },
    storageClassName: 'fast',
  });
  // It holds more than it was to have: nothing had enforced that.
  expect(objects[2].spec.capacity).toEqual({ storage: String(GIB) });
  expect((await run(...words, '--yes')).stdout).toBe(done.stdout);
  for (const [object, text] of [
    [objects[0], 'one'],
    [objects[2], 'two'],
  ] as const)
    await expectWholeLife(node, object.spec.csi.volumeHandle, (target) => expectData(target, text));
});

test('volumes of OpenEBS are named by their directories, and have the claims that the cluster knows', async () => {
  const { node, run } = await adoptingNode();
  const path = join(node.directory, 'openebs');
  makeData(join(path, nameOf('3')), 'three');
  makeData(join(path, 'other'));
  const pvs = join(node.directory, 'pvs.json');
  const known = oldVolume(nameOf('3'), '2Gi', 'shop/three', { accessModes: ['ReadWriteOncePod'] });
  writeFileSync(pvs, JSON.stringify({ items: [known] }));
  const { code, stdout, stderr } = await run(
    'take-over',
    path,
    '--from=openebs',
    `--volumes=${pvs}`,
    '--yes',
  );
  expect([code, stderr]).toEqual([
    EXIT_OBSTACLES,
    expect.stringContaining('other: left alone: its name is not pvc-'),
  ]);
  const [volume, claim] = objectsIn({ stdout });
  expect(volume).toMatchObject({
    metadata: { name: nameOf('3') },
    spec: { accessModes: ['ReadWriteOncePod'] },
  });
  expect(claim).toMatchObject({ metadata: { namespace: 'shop', name: 'three' } });
});

test('what cannot be read is refused with the file and the reason', async () => {
  const { node, run } = await adoptingNode();
  const path = join(node.directory, 'state');
  mkdirSync(path);
  const expectRefused = async (words: string[], reason: string) => {
    const { code, stdout, stderr } = await run('take-over', ...words);
    expect([code, stdout, stderr]).toEqual([EXIT_FAILURE, '', expect.stringContaining(reason)]);
  };
  await expectRefused([path, '--from=reference'], `there is no state.json in "${path}"`);
  writeFileSync(join(path, 'state.json'), '{"Volumes": [{"VolID": 1}]}');
  await expectRefused(
    [path, '--from=reference'],
    `cannot understand "${path}/state.json": Volumes.0.VolName`,
  );
  writeFileSync(join(path, 'state.json'), '{"Volumes');
  await expectRefused([path, '--from=reference'], 'it is not JSON');
  await expectRefused([join(path, 'state.json'), '--from=openebs'], 'is not a directory');
  await expectRefused([join(path, 'missing'), '--from=openebs'], 'does not exist');
  await expectRefused([path, '--from=openebs', `--volumes=${path}/state.json`], 'it is not JSON');
  const empty = await run('take-over', join(node.pool, 'volumes'), '--from=openebs');
  expect([empty.code, empty.stdout]).toEqual([0, expect.stringContaining('There are no volumes.')]);
});

test.skipIf(!isHostRoot)(
  'images of rawfile-localpv become image volumes; deleted ones are left alone',
  async () => {
    const { node, run } = await adoptingNode();
    const path = join(node.directory, 'rawfile');
    const makeImage = (name: string, metadata: object | undefined, mkfs = ['mkfs.ext4', '-q']) => {
      mkdirSync(join(path, name), { recursive: true });
      const image = join(path, name, 'disk.img');
      writeFileSync(image, '');
      truncateSync(image, 320 * MIB);
      const [command = '', ...words] = mkfs;
      if (command !== '') execFileSync(command, [...words, image]);
      if (metadata)
        writeFileSync(join(path, name, 'disk.meta'), JSON.stringify({ volume_id: name, ...metadata }));
      return image;
    };
    makeImage(nameOf('4'), { schema_version: 2, size: 320 * MIB });
    makeImage(nameOf('5'), undefined, ['mkfs.xfs', '-q']);
    makeImage(nameOf('6'), { size: 320 * MIB, deleted_at: 1700000000.5 });
    makeImage(nameOf('7'), { size: 320 * MIB, ready: false });
    mkdirSync(join(path, nameOf('8')));
    const done = await run('take-over', path, '--from=rawfile', '--yes');
    expect(done.code).toBe(EXIT_OBSTACLES);
    for (const reason of ['was deleted', 'never completed', 'no image in it'])
      expect(done.stderr).toContain(reason);
    const volumes = objectsIn(done);
    expect(volumes.map(({ metadata, spec }) => [metadata.name, spec.csi.fsType])).toEqual([
      [nameOf('4'), 'ext4'],
      [nameOf('5'), 'xfs'],
    ]);
    expect(existsSync(join(path, nameOf('4'), 'disk.img'))).toBe(false);
    expect((await run('take-over', path, '--from=rawfile', '--yes')).stdout).toBe(done.stdout);
    const use = (target: string) => expect(statSync(target).isDirectory()).toBe(true);
    for (const { spec } of volumes) await expectWholeLife(node, spec.csi.volumeHandle, use);
  },
);

test('volumes of csi-driver-host-path keep their ids, so that PersistentVolumes go on working', async () => {
  const { node, run, flags } = await adoptingNode();
  await node.restart({ flags: [...flags, '--capacity=fast=100Gi'] });
  const path = join(node.directory, 'reference');
  const ids = { directory: '0e1f-a', full: '0e1f-b', block: '0e1f-c', inline: 'csi-0e1f' };
  makeData(join(path, ids.directory), 'directory');
  makeData(join(path, ids.full), 'full');
  if (isHostRoot) writeFileSync(join(path, ids.block), Buffer.alloc(MIB, 7));
  mkdirSync(join(path, ids.inline));
  const volume = (name: string, VolID: string, more: object) => ({
    ...{ VolName: name, VolID, VolSize: 2 * GIB, VolPath: `/csi-data-dir/${VolID}`, VolAccessType: 0 },
    ...{ ParentVolID: '', ParentSnapID: '', Ephemeral: false, NodeID: 'node-1', Kind: '', Attached: false },
    ...{ ReadOnlyAttach: false, Staged: null, Published: null, ...more },
  });
  const Volumes = [
    volume(nameOf('a'), ids.directory, { Kind: 'fast' }),
    volume(nameOf('b'), ids.full, { VolSize: 1, Kind: 'elsewhere' }),
    ...(isHostRoot ? [volume(nameOf('c'), ids.block, { VolSize: MIB + 5, VolAccessType: 1 })] : []),
    volume('', ids.inline, { Ephemeral: true }),
    volume('evil', '../victim', { VolPath: '/csi-data-dir/..' }),
  ];
  const snapshot = (Id: string, VolID: string, more: object) => ({
    ...{ Name: `named-${Id}`, Id, VolID, Path: `/csi-data-dir/${Id}.snap`, SizeBytes: GIB, ReadyToUse: true },
    ...{ CreationTime: { seconds: 1700000000, nanos: 5 }, GroupSnapshotID: '', ...more },
  });
  execFileSync('tar', ['-czf', join(path, '5nap.snap'), '-C', join(path, ids.directory), '.']);
  writeFileSync(join(path, 'bad0.snap'), 'no archive');
  writeFileSync(join(path, 'b10c.snap'), Buffer.alloc(MIB, 7));
  const Snapshots = [
    snapshot('5nap', ids.directory, {}),
    ...(isHostRoot ? [snapshot('b10c', 'deleted', { SizeBytes: MIB })] : []),
    snapshot('0pen', ids.directory, { ReadyToUse: false }),
    snapshot('g0ne', ids.directory, {}),
    snapshot('bad0', ids.directory, {}),
  ];
  writeFileSync(join(path, 'state.json'), JSON.stringify({ Volumes, Snapshots, GroupSnapshots: null }));
  const words = ['take-over', path, '--from=reference', '--yes'];
  const done = await run(...words);
  expect([done.code, done.stdout]).toEqual([EXIT_OBSTACLES, '']);
  for (const reason of [
    'inline volume',
    'cannot be that of a volume',
    'never completed',
    'there is no file',
    'cannot unpack',
  ])
    expect(done.stderr).toContain(reason);
  const again = await run(...words);
  expect(again.stderr.match(/is a volume of pool default/g)).toHaveLength(isHostRoot ? 3 : 2);
  expect(again.stderr.match(/is a snapshot of pool default/g)).toHaveLength(isHostRoot ? 2 : 1);
  expect(readdirSync(join(node.pool, 'snapshots'))).toHaveLength(isHostRoot ? 2 : 1);
  await node.restart({ flags: [...flags, '--capacity=fast=100Gi'] });
  const report = JSON.parse((await run('status', '-o', 'json')).stdout);
  const byId = new Map<string, object>(report.volumes.map((each: { id: string }) => [each.id, each]));
  expect(byId.get(ids.directory)).toMatchObject({ sizeBytes: 2 * GIB, context: { kind: 'fast' } });
  expect(byId.get(ids.full)).toMatchObject({ sizeBytes: GIB });
  const { entries = [] } = await node.controller.ListSnapshots({ snapshot_id: '5nap' });
  expect(entries[0]?.snapshot).toMatchObject({
    source_volume_id: ids.directory,
    creation_time: { seconds: '1700000000' },
    size_bytes: String(GIB),
  });
  await expectRestored(node, '5nap', (target) => expectData(target, 'directory'));
  for (const text of ['directory', 'full'] as const)
    await expectWholeLife(node, ids[text], (target) => expectData(target, text));
  if (!isHostRoot) return;
  expect(byId.get(ids.block)).toMatchObject({ sizeBytes: MIB, mode: 'Block' });
  const read = (target: string) =>
    expect(execFileSync('head', ['--bytes=4', target])).toEqual(Buffer.alloc(4, 7));
  await expectWholeLife(node, ids.block, read, blockDevice());
  await expectRestored(node, 'b10c', read, blockDevice());
});
