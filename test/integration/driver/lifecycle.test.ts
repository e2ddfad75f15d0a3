import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { asUser } from '../../support/as-user.ts';
import { bind } from '../../support/bind.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { mountOptionsAt } from '../../support/mount-options.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { startedNode, TestNode, testNode } from '../../support/test-node.ts';

const volume_capability = mountCapability();

describe('on a running driver', () => {
  let node: TestNode;

  beforeAll(async () => {
    node = new TestNode();
    await node.start();
    return () => node.dispose();
  });

  test('a volume is created, used and deleted, and nothing of it is left', async () => {
    const { controller, node: nodeService } = node;
    const volume_id = await node.create('life');
    const staging_target_path = node.newStaging();
    const [target_path, readOnlyTarget] = [node.newPath(), node.newPath()];
    await nodeService.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
    await nodeService.NodePublishVolume({ volume_id, staging_target_path, target_path, volume_capability });
    expect(asUser('echo hello > "$1/file"', target_path)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(join(node.pool, 'volumes', volume_id, 'data', 'file'), 'utf8')).toBe('hello\n');

    const readOnly = {
      volume_id,
      staging_target_path,
      target_path: readOnlyTarget,
      volume_capability,
      readonly: true,
    };
    await nodeService.NodePublishVolume(readOnly);
    expect(asUser('cat "$1/file"', readOnlyTarget).status).toBe(0);
    expect(asUser('echo again > "$1/file"', readOnlyTarget).stderr).toContain('Read-only file system');

    const { usage = [] } = await nodeService.NodeGetVolumeStats({ volume_id, volume_path: target_path });
    expect(usage.map(({ unit }) => unit)).toEqual(['BYTES', 'INODES']);
    for (const { total, used, available } of usage) {
      expect(Number(total)).toBeGreaterThan(0);
      expect(Number(used) + Number(available)).toBeLessThanOrEqual(Number(total));
    }

    await nodeService.NodeUnpublishVolume({ volume_id, target_path: readOnlyTarget });
    await nodeService.NodeUnpublishVolume({ volume_id, target_path });
    expect(existsSync(target_path)).toBe(false);
    await nodeService.NodeUnstageVolume({ volume_id, staging_target_path });
    expect(readdirSync(staging_target_path)).toEqual([]);
    await controller.DeleteVolume({ volume_id });
    await expectRefusal(controller.ControllerGetVolume({ volume_id }), 'NOT_FOUND', volume_id);
    expect(existsSync(join(node.pool, 'volumes', volume_id))).toBe(false);
    await eventually(() => expect(readdirSync(join(node.pool, '.outgoing'))).toEqual([]));
  });

  test('every call can be repeated', async () => {
    const { controller, node: nodeService } = node;
    const twice = async <Reply>(call: () => Promise<Reply>): Promise<[Reply, Reply]> => [
      await call(),
      await call(),
    ];
    const [volume_id, again] = await twice(() => node.create('twice'));
    expect(again).toBe(volume_id);
    const staging_target_path = node.newStaging();
    const target_path = node.newPath();
    await twice(() => nodeService.NodeStageVolume({ volume_id, staging_target_path, volume_capability }));
    const publish = { volume_id, staging_target_path, target_path, volume_capability };
    await twice(() => nodeService.NodePublishVolume(publish));
    expect((await mountsBelow(node.directory)).filter((path) => path === target_path)).toEqual([target_path]);
    await twice(() => nodeService.NodeUnpublishVolume({ volume_id, target_path }));
    await twice(() => nodeService.NodeUnstageVolume({ volume_id, staging_target_path }));
    await twice(() => controller.DeleteVolume({ volume_id }));
  });

  test('a publish or stage repeated in another way is refused, and the mount stays', async () => {
    const { node: nodeService } = node;
    const paths = await node.createPublished('otherwise');
    const readOnly = nodeService.NodePublishVolume({ ...paths, volume_capability, readonly: true });
    await expectRefusal(readOnly, 'ALREADY_EXISTS', 'readOnly');
    const flagged = { ...paths, volume_capability: mountCapability('SINGLE_NODE_WRITER', ['noexec']) };
    await expectRefusal(nodeService.NodeStageVolume(flagged), 'ALREADY_EXISTS', 'noExec');
    expect(asUser('echo hello > "$1/file"', paths.target_path).status).toBe(0);
  });

  test('a publish detects that its mount was removed by others, and mounts again', async () => {
    const paths = await node.createPublished('behind');
    execFileSync('umount', [paths.target_path]);
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect(await mountsBelow(paths.target_path)).toEqual([paths.target_path]);
  });

  test('a volume with a reader access mode is published read-only', async () => {
    const { target_path } = await node.createPublished('readers', mountCapability('MULTI_NODE_READER_ONLY'));
    expect(asUser('echo hello > "$1/file"', target_path).stderr).toContain('Read-only file system');
  });

  test.runIf(isHostRoot)('mount flags of a stage and of a publish are applied', async () => {
    const paths = await node.createStaged('flags', mountCapability('SINGLE_NODE_WRITER', ['noexec']));
    const ofPublish = mountCapability('SINGLE_NODE_WRITER', ['nosuid', 'nosymfollow']);
    await node.node.NodePublishVolume({ ...paths, volume_capability: ofPublish });
    symlinkSync('/etc/hostname', join(paths.staging_target_path, 'link'));
    expect(asUser('cp /bin/true "$1/program" && "$1/program"', paths.target_path).stderr).toContain(
      'Permission denied',
    );
    expect(() => readFileSync(join(paths.target_path, 'link'))).toThrow(
      expect.objectContaining({ code: 'ELOOP' }),
    );
  });

  test.runIf(isHostRoot)(
    'a set-user-id program and a device in a volume have no effect in a pod',
    async () => {
      const paths = await node.createPublished('misused');
      execFileSync('sh', [
        '-c',
        'cp /usr/bin/id "$1/id" && chmod 4755 "$1/id" && mknod "$1/null" c 1 3 && chmod 666 "$1/null"',
        'sh',
        paths.staging_target_path,
      ]);
      for (const path of [paths.staging_target_path, paths.target_path]) {
        expect(await mountOptionsAt(path)).toEqual(expect.arrayContaining(['nosuid', 'nodev']));
        expect(asUser('"$1/id" -u', path).stdout.trim()).not.toBe('0');
        expect(asUser('cat "$1/null"', path).status).not.toBe(0);
      }
      const lifted = mountCapability('SINGLE_NODE_WRITER', ['suid', 'dev']);
      const other = await node.createPublished('trusted', lifted);
      expect(await mountOptionsAt(other.target_path)).not.toEqual(expect.arrayContaining(['nosuid']));
      const restaged = node.node.NodeStageVolume({ ...other, volume_capability });
      await expectRefusal(restaged, 'ALREADY_EXISTS', 'mount flags');
    },
  );

  test('a mount that an older driver made without nosuid and nodev counts as the same', async () => {
    const volume_id = await node.create('older');
    const paths = { volume_id, staging_target_path: node.newStaging(), target_path: node.newPath() };
    execFileSync('mount', [
      '--bind',
      join(node.pool, 'volumes', volume_id, 'data'),
      paths.staging_target_path,
    ]);
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    expect(await mountsBelow(paths.staging_target_path)).toEqual([paths.staging_target_path]);
    const named = mountCapability('SINGLE_NODE_WRITER', ['nosuid']);
    await expectRefusal(
      node.node.NodeStageVolume({ ...paths, volume_capability: named }),
      'ALREADY_EXISTS',
      'noSuid',
    );
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect(await mountOptionsAt(paths.target_path)).toEqual(expect.arrayContaining(['nosuid', 'nodev']));
  });

  test('a name can be reused after its volume is deleted, and the new volume is empty', async () => {
    const volume_id = await node.create('again');
    await mkdir(join(node.pool, 'volumes', volume_id, 'data', 'old'));
    await node.controller.DeleteVolume({ volume_id });
    const other = await node.create('again');
    expect(other).not.toBe(volume_id);
    expect(readdirSync(join(node.pool, 'volumes', other, 'data'))).toEqual([]);
  });

  const owners = [
    ['none', {}, { uid: 0, gid: 0, mode: 0o777 }],
    ['an owner', { uid: '1000', gid: '2000' }, { uid: 1000, gid: 2000, mode: 0o777 }],
    ['a mode', { mode: '0750' }, { uid: 0, gid: 0, mode: 0o750 }],
    [
      'a mode with the set-group-id bit, and a group',
      { gid: '2000', mode: '2770' },
      { uid: 0, gid: 2000, mode: 0o2770 },
    ],
    ['the sticky bit', { mode: '1777' }, { uid: 0, gid: 0, mode: 0o1777 }],
    ['no permissions', { mode: '0' }, { uid: 0, gid: 0, mode: 0 }],
    [
      'the largest ids',
      { uid: '4294967294', gid: '4294967294' },
      { uid: 0xfffffffe, gid: 0xfffffffe, mode: 0o777 },
    ],
  ] as const;
  test.each(owners.filter(([, , { uid, gid }]) => isHostRoot || (uid === 0 && gid === 0)))(
    'with %s among its parameters, the root of a volume has the requested owner and mode',
    async (title, parameters, expected) => {
      const id = await node.create(`parameters: ${title}`, { parameters });
      const { uid, gid, mode } = statSync(join(node.pool, 'volumes', id, 'data'));
      expect({ uid, gid, mode: mode & 0o7777 }).toEqual(expected);
    },
  );

  test.runIf(isHostRoot)('only root can reach a volume through the pool', async () => {
    const volume_id = await node.create('hidden');
    const volumes = join(node.pool, 'volumes');
    for (const directory of [
      node.pool,
      volumes,
      join(volumes, volume_id),
      join(node.pool, '.csi-hostpath'),
    ]) {
      expect(statSync(directory).mode & 0o7777, directory).toBe(0o700);
    }
    expect(asUser('ls "$1"', join(volumes, volume_id, 'data')).stderr).toContain('Permission denied');
  });
});

describe('over a restart', () => {
  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'by %s, a volume keeps its mounts, and everything continues',
    async (signal) => {
      const node = await startedNode({ ownProcess: true });
      const capability = mountCapability('SINGLE_NODE_SINGLE_WRITER');
      const paths = await node.createPublished('stays', capability);
      const { volume_id, staging_target_path, target_path } = paths;
      expect(asUser('echo hello > "$1/file"', target_path).status).toBe(0);
      await node.stop(signal);
      expect(readFileSync(join(target_path, 'file'), 'utf8')).toBe('hello\n');
      await node.start();

      await expectRefusal(node.controller.DeleteVolume({ volume_id }), 'FAILED_PRECONDITION', target_path);
      const elsewhere = { ...paths, target_path: node.newPath(), volume_capability: capability };
      await expectRefusal(node.node.NodePublishVolume(elsewhere), 'FAILED_PRECONDITION', target_path);
      expect(await node.create('stays', { volume_capabilities: [capability] })).toBe(volume_id);
      const mountsBefore = await mountsBelow(node.directory);
      await node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability: capability });
      await node.node.NodePublishVolume({ ...paths, volume_capability: capability });
      expect(await mountsBelow(node.directory)).toEqual(mountsBefore);
      await expectRefusal(node.node.NodePublishVolume(elsewhere), 'FAILED_PRECONDITION', target_path);

      await node.node.NodeUnpublishVolume({ volume_id, target_path });
      await expectRefusal(
        node.controller.DeleteVolume({ volume_id }),
        'FAILED_PRECONDITION',
        staging_target_path,
      );
      await node.node.NodePublishVolume(elsewhere);
      await node.node.NodeUnpublishVolume(elsewhere);
      await node.node.NodeUnstageVolume({ volume_id, staging_target_path });
      await node.controller.DeleteVolume({ volume_id });
      expect(await mountsBelow(node.directory)).toEqual([]);
    },
  );

  test('the size and topology of a volume are the same', async () => {
    const node = await startedNode();
    const volume_id = await node.create('same', { capacity_range: { required_bytes: '12345678901' } });
    const before = await node.controller.ControllerGetVolume({ volume_id });
    expect(before.volume).toMatchObject({
      capacity_bytes: '12345678901',
      accessible_topology: [{ segments: { 'topology.hostpath.csi/node': 'node-1' } }],
    });
    await node.restart();
    expect(await node.controller.ControllerGetVolume({ volume_id })).toEqual(before);
  });

  test("a pod's mount of a directory inside the volume keeps it from being deleted", async () => {
    const node = await startedNode();
    const paths = await node.createStaged('sub-path');
    const [inside, subPath] = [join(paths.staging_target_path, 'inside'), node.newStaging()];
    await mkdir(inside);
    await bind(inside, subPath);
    await node.restart();
    await node.node.NodeUnstageVolume({ ...paths });
    await expectRefusal(node.controller.DeleteVolume({ ...paths }), 'FAILED_PRECONDITION', subPath);
  });
});

test('the kubelet’s directory may be reached through a symbolic link', async () => {
  const node = testNode();
  const [real, link] = [join(node.directory, 'real'), join(node.directory, 'link')];
  await mkdir(join(real, 'staging'), { recursive: true });
  symlinkSync(real, link);
  await node.start({ flags: [`--kubelet-dir=${link}`] });
  const volume_id = await node.create('linked');
  const paths = { staging_target_path: join(link, 'staging'), target_path: join(link, 'target') };
  await node.node.NodeStageVolume({ volume_id, ...paths, volume_capability });
  await node.node.NodePublishVolume({ volume_id, ...paths, volume_capability });
  expect(await mountsBelow(real)).toEqual([join(real, 'staging'), join(real, 'target')]);
  await node.node.NodeUnpublishVolume({ volume_id, target_path: paths.target_path });
  await node.node.NodeUnstageVolume({ volume_id, staging_target_path: paths.staging_target_path });
  expect(await mountsBelow(real)).toEqual([]);
});
