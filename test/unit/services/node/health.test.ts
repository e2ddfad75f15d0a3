import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../../src/model/errors.ts';
import { mountCapability } from '../../../support/requests.ts';
import { fakeNode, kubeletDir, realKubeletDir } from '../../model/fakes/model.ts';
import { capability, imageContent } from '../../model/fakes/requests.ts';
import { systemError } from '../../model/fakes/system-error.ts';
import { nodeOf } from '../calls.ts';

const staging_target_path = `${kubeletDir}/staging`;
const target_path = `${kubeletDir}/target`;
const volume_publish_path = target_path;
const volume_capability = mountCapability();

async function publishedNode() {
  const fake = fakeNode();
  const { id: volume_id } = await fake.addVolume('a', { content: imageContent() });
  fake.makeDirectory(`${realKubeletDir}/staging`);
  const node = nodeOf(fake.model);
  await node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
  await node.NodePublishVolume({ volume_id, staging_target_path, target_path, volume_capability });
  return { ...fake, ...node, volume_id };
}

describe('NodeGetVolumeHealth', () => {
  test('reports no problems, with and without paths, below the real directory of the kubelet', async () => {
    const { NodeGetVolumeHealth, volume_id } = await publishedNode();
    const healthy = { volume_health: { volume_id, health_statuses: [] } };
    expect(await NodeGetVolumeHealth({ volume_id })).toEqual(healthy);
    expect(await NodeGetVolumeHealth({ volume_id, volume_publish_path, staging_target_path })).toEqual(
      healthy,
    );
  });

  test('reports problems at the paths of the request', async () => {
    const { NodeGetVolumeHealth, NodeUnpublishVolume, volume_id } = await publishedNode();
    await NodeUnpublishVolume({ volume_id, target_path });
    const { volume_health } = await NodeGetVolumeHealth({ volume_id, volume_publish_path });
    expect(volume_health?.health_statuses).toEqual([
      {
        status: 'INACCESSIBLE',
        reason: 'NotMounted',
        message: `the volume is not mounted at "${realKubeletDir}/target"`,
      },
    ]);
  });

  test('combines a problem at several paths into one entry, with the details in the log', async () => {
    const { NodeGetVolumeHealth, findings, volume_id } = await publishedNode();
    const volume_publish_path = `${kubeletDir}/pods/11111111-2222-3333-4444-555555555555/one`;
    const other = `${kubeletDir}/pods/99999999-2222-3333-4444-555555555555/two`;
    const { volume_health } = await NodeGetVolumeHealth({
      volume_id,
      volume_publish_path,
      staging_target_path: other,
    });
    const [entry, ...others] = volume_health?.health_statuses ?? [];
    expect(others).toEqual([]);
    expect(entry).toEqual({
      status: 'INACCESSIBLE',
      reason: 'NotMounted',
      message:
        'the volume is not mounted at "/kubelet/pods/99999999-2222-3333-4444-555555…, "/kubelet/pods/11111111-2222-3333-4444-555555…',
    });
    expect(findings.map(({ volumeId, message }) => [volumeId, message])).toEqual(
      ['99999999-2222-3333-4444-555555555555/two', '11111111-2222-3333-4444-555555555555/one'].map((end) => [
        volume_id,
        `volume "${volume_id}" is not mounted at "/kubelet/pods/${end}"`,
      ]),
    );
  });

  test('has one entry for each pair of status and reason, with messages that CSI allows, for any number of problems', async () => {
    const { NodeGetVolumeHealth, mounts, model, volume_id } = await publishedNode();
    mounts.failFileSystem(`${realKubeletDir}/staging`);
    const use = { kind: 'target', capability: capability(), readOnly: false } as const;
    for (const name of ['a', 'b', 'c', 'd']) {
      const path = `${realKubeletDir}/${name.repeat(100)}`;
      model.host.mountIndex.add({
        volumeId: volume_id,
        path,
        mountId: 99,
        use,
      });
    }
    const { volume_health } = await NodeGetVolumeHealth({ volume_id });
    const entries = volume_health?.health_statuses ?? [];
    expect(entries.map(({ reason }) => reason).sort()).toEqual(['NotMounted', 'UnexpectedlyReadOnly']);
    for (const { message, reason } of entries) {
      expect(Buffer.byteLength(message)).toBeLessThanOrEqual(128);
      expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(128);
    }
    expect(entries.find(({ reason }) => reason === 'NotMounted')?.message).toMatch(/ and 1 more$/);
  });

  test.each([
    ['volume_id is required', {}],
    ['staging_target_path: "relative" must be an absolute path', { staging_target_path: 'relative' }],
    ['volume_publish_path: "relative" must be an absolute path', { volume_publish_path: 'relative' }],
    ['is inside the pool', { volume_publish_path: '/pools/default/x' }],
  ])('is invalid, with the name of the field: %s', async (message, paths) => {
    const { NodeGetVolumeHealth, volume_id } = await publishedNode();
    const request = Object.keys(paths).length > 0 ? { volume_id, ...paths } : {};
    await expect(NodeGetVolumeHealth(request)).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining(message),
    });
  });

  test('does not find a missing volume, with any paths', async () => {
    const { NodeGetVolumeHealth } = await publishedNode();
    const request = { volume_id: 'nobody', volume_publish_path: 'relative' };
    await expect(NodeGetVolumeHealth(request)).rejects.toMatchObject({ kind: 'not-found' });
  });
});

describe('NodeGetStorageHealth', () => {
  test('reports no problems', async () => {
    expect(await nodeOf(fakeNode().model).NodeGetStorageHealth({})).toEqual({ backend_health: [] });
  });

  test('reports a configuration file that is not in force, cut to fit; the log has it in full', async () => {
    const configProblem = `/etc/config.yaml: pools[0]: unknown key "size"; ${'x'.repeat(200)}`;
    const { model, findings } = fakeNode({ configProblem });
    const { backend_health } = await nodeOf(model).NodeGetStorageHealth({});
    expect(backend_health).toEqual([
      {
        status: 'STORAGE_DEGRADED',
        reason: 'ConfigurationRefused',
        message: expect.stringMatching(
          /^configuration refused: \/etc\/config\.yaml: pools\[0\]: unknown key "size"; x+…$/,
        ),
        volume_capability: null,
      },
    ]);
    expect(findings).toEqual([]);
  });

  test('reports each unreachable pool', async () => {
    const { model, fastPool } = fakeNode();
    const message = 'pool "fast" is not reachable: is its disk mounted?';
    fastPool.checkReachable = () => Promise.reject(new VolumeError('unavailable', message));
    expect(await nodeOf(model).NodeGetStorageHealth({})).toEqual({
      backend_health: [
        { status: 'STORAGE_UNREACHABLE', reason: 'PoolUnreachable', message, volume_capability: null },
      ],
    });
  });

  test('reports deleted content that cannot be removed, which does not affect a volume', async () => {
    const { model, pool, addVolume } = fakeNode();
    const { id: volume_id } = await addVolume('a', { content: imageContent() });
    const stuck = { directory: '/pool/.outgoing/b', reason: 'unlink /pool/.outgoing/b/data/c: EPERM' };
    Object.assign(pool, { removals: { pendingCount: 1, failingCount: 1, stuck: [stuck] } });
    const { NodeGetStorageHealth, NodeGetVolumeHealth } = nodeOf(model);
    expect(await NodeGetStorageHealth({})).toEqual({
      backend_health: [
        {
          status: 'STORAGE_DEGRADED',
          reason: 'DeletedContentLeft',
          message:
            'pool "default" cannot remove deleted content: unlink /pool/.outgoing/b/data/c: EPERM (in /pool/.outgoing/b)',
          volume_capability: null,
        },
      ],
    });
    expect((await NodeGetVolumeHealth({ volume_id })).volume_health?.health_statuses).toEqual([]);
  });

  test('reports a pool that is read-only or nearly full, and one whose disk answers with errors', async () => {
    const { model, mounts, pool, fastPool, findings } = fakeNode();
    mounts.failFileSystem(pool.path);
    const space = { total: 100n, used: 96n, available: 4n };
    pool.usage = async () => ({ bytes: space, inodes: space });
    fastPool.usage = () => Promise.reject(systemError('EIO'));
    const { backend_health } = await nodeOf(model).NodeGetStorageHealth({});
    expect(backend_health.map(({ status, reason }) => [status, reason])).toEqual([
      ['STORAGE_DEGRADED', 'PoolReadOnly'],
      ['STORAGE_DEGRADED', 'NearlyOutOfSpace'],
      ['STORAGE_DEGRADED', 'NearlyOutOfInodes'],
      ['STORAGE_UNREACHABLE', 'DiskError'],
    ]);
    expect(backend_health.map(({ message }) => message)).toEqual([
      'pool "default" is read-only; pool "fast" is read-only',
      'the disk of pool "default" has 4 of 100 bytes left',
      'the disk of pool "default" has 4 of 100 inodes left',
      'pool "fast" cannot be checked: EIO',
    ]);
    expect(findings.map((each) => [each.pool, each.reason])).toContainEqual(['fast', 'PoolReadOnly']);
  });

  test('reports errors that the file system of a pool has recorded, unless it is known to be read-only', async () => {
    const { model, mounts, pool } = fakeNode();
    pool.recordedErrors = async () => ({ fsType: 'ext4', count: 3 });
    const reported = async () =>
      (await nodeOf(model).NodeGetStorageHealth({})).backend_health.map(({ reason, message }) => [
        reason,
        message,
      ]);
    const message =
      'file system of pool "default" has recorded 3 errors and may refuse writes; unmount and check it';
    expect(await reported()).toEqual([['FileSystemErrors', message]]);
    pool.recordedErrors = async () => ({ fsType: 'btrfs', counters: 'write_errs 2, flush_errs 1' });
    const ofBtrfs =
      'btrfs of pool "default" has counted errors of its disk (write_errs 2, flush_errs 1); images may have lost data that was synced';
    expect(await reported()).toEqual([['FileSystemErrors', ofBtrfs]]);
    mounts.failFileSystem(pool.path);
    expect((await reported()).map(([reason]) => reason)).toEqual(['PoolReadOnly']);
  });
});
