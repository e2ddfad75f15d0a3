import { describe, expect, test } from 'vitest';
import { VolumeError } from '../../../../src/volume/errors.ts';
import { mountCapability } from '../../../support/requests.ts';
import { fakeNode, kubeletDir, realKubeletDir } from '../../volume/fakes/model.ts';
import { imageContent } from '../../volume/fakes/requests.ts';
import { systemError } from '../../volume/fakes/system-error.ts';
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
  test('tells that nothing is wrong, with and without paths, below the real directory of the kubelet', async () => {
    const { NodeGetVolumeHealth, volume_id } = await publishedNode();
    const healthy = { volume_health: { volume_id, health_statuses: [] } };
    expect(await NodeGetVolumeHealth({ volume_id })).toEqual(healthy);
    expect(await NodeGetVolumeHealth({ volume_id, volume_publish_path, staging_target_path })).toEqual(
      healthy,
    );
  });

  test('tells what is wrong at the paths of the request', async () => {
    const { NodeGetVolumeHealth, NodeUnpublishVolume, volume_id } = await publishedNode();
    await NodeUnpublishVolume({ volume_id, target_path });
    const { volume_health } = await NodeGetVolumeHealth({ volume_id, volume_publish_path });
    expect(volume_health?.health_statuses).toEqual([
      {
        status: 'INACCESSIBLE',
        reason: 'NotMounted',
        message: `volume "${volume_id}" is not mounted at "${realKubeletDir}/target"`,
      },
    ]);
  });

  test.each([
    ['volume_id is required', {}],
    ['staging_target_path: "relative" is not an absolute path', { staging_target_path: 'relative' }],
    ['volume_publish_path: "relative" is not an absolute path', { volume_publish_path: 'relative' }],
    ['lies in the pool', { volume_publish_path: '/pools/default/x' }],
  ])('is invalid, and the field named: %s', async (message, paths) => {
    const { NodeGetVolumeHealth, volume_id } = await publishedNode();
    const request = Object.keys(paths).length > 0 ? { volume_id, ...paths } : {};
    await expect(NodeGetVolumeHealth(request)).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining(message),
    });
  });

  test('does not find a volume that is not there, whatever the paths', async () => {
    const { NodeGetVolumeHealth } = await publishedNode();
    const request = { volume_id: 'nobody', volume_publish_path: 'relative' };
    await expect(NodeGetVolumeHealth(request)).rejects.toMatchObject({ kind: 'not-found' });
  });
});

describe('NodeGetStorageHealth', () => {
  test('tells that nothing is wrong', async () => {
    expect(await nodeOf(fakeNode().model).NodeGetStorageHealth({})).toEqual({ backend_health: [] });
  });

  test('tells each pool that cannot be reached', async () => {
    const { model, fastPool } = fakeNode();
    const message = 'pool "fast" is not reachable: is its disk mounted?';
    fastPool.checkReachable = () => Promise.reject(new VolumeError('unavailable', message));
    expect(await nodeOf(model).NodeGetStorageHealth({})).toEqual({
      backend_health: [
        { status: 'STORAGE_UNREACHABLE', reason: 'PoolUnreachable', message, volume_capability: null },
      ],
    });
  });

  test('tells what was deleted and cannot be removed, which is no fault of a volume', async () => {
    const { model, pool, addVolume } = fakeNode();
    const { id: volume_id } = await addVolume('a', { content: imageContent() });
    const stuck = { directory: '/pool/.outgoing/b', reason: 'unlink /pool/.outgoing/b/data/c: EPERM' };
    Object.assign(pool, { stuckRemovals: [stuck] });
    const { NodeGetStorageHealth, NodeGetVolumeHealth } = nodeOf(model);
    expect(await NodeGetStorageHealth({})).toEqual({
      backend_health: [
        {
          status: 'STORAGE_DEGRADED',
          reason: 'DeletedContentLeft',
          message:
            'pool "default" still holds deleted content in /pool/.outgoing/b, which cannot be removed (unlink /pool/.outgoing/b/data/c: EPERM); the driver keeps trying',
          volume_capability: null,
        },
      ],
    });
    expect((await NodeGetVolumeHealth({ volume_id })).volume_health?.health_statuses).toEqual([]);
  });

  test('tells a pool that is read-only or nearly full, and one whose disk answers with errors', async () => {
    const { model, mounts, pool, fastPool } = fakeNode();
    mounts.failFileSystem(pool.path);
    const space = { total: 100n, used: 96n, available: 4n };
    pool.usage = async () => ({ bytes: space, inodes: space });
    fastPool.usage = () => Promise.reject(systemError('EIO'));
    const { backend_health } = await nodeOf(model).NodeGetStorageHealth({});
    expect(backend_health.map(({ status, reason }) => [status, reason])).toEqual([
      ['STORAGE_DEGRADED', 'PoolReadOnly'],
      ['STORAGE_DEGRADED', 'NearlyOutOfSpace'],
      ['STORAGE_DEGRADED', 'NearlyOutOfInodes'],
      ['STORAGE_DEGRADED', 'PoolReadOnly'],
      ['STORAGE_UNREACHABLE', 'DiskError'],
    ]);
    expect(backend_health.map(({ message }) => message)).toEqual([
      'pool "default" is read-only: its file system takes no writes',
      'the disk of pool "default" has 4 of 100 bytes left',
      'the disk of pool "default" has 4 of 100 inodes left',
      'pool "fast" is read-only: its file system takes no writes',
      'pool "fast" cannot be looked at: EIO',
    ]);
  });
});
