import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { adoptingNode, makeData, objectsIn } from '../../support/adopting-node.ts';
import { mountCapability } from '../../support/requests.ts';
import type { TestNode } from '../../support/test-node.ts';

const volume_capability = mountCapability();

/** Publishes a volume, and ends that after `use`. */
async function whilePublished(test: TestNode, volume_id: string, use: (path: string) => unknown) {
  const paths = { volume_id, staging_target_path: test.newStaging(), target_path: test.newPath() };
  await test.node.NodeStageVolume({ ...paths, volume_capability });
  await test.node.NodePublishVolume({ ...paths, volume_capability });
  await use(paths.target_path);
  await test.node.NodeUnpublishVolume(paths);
  await test.node.NodeUnstageVolume(paths);
}

test('a directory becomes a volume by a rename: staged, published, snapshotted and deleted like any other', async () => {
  const { node, run } = await adoptingNode();
  const path = makeData(join(node.directory, 'data'));
  const { ino } = statSync(path);
  const { code, stdout, stderr } = await run('adopt', path, '--claim=shop/db', '--size=2Gi', '--yes');
  expect([code, stderr]).toEqual([0, expect.stringContaining('moved into pool default (directory)')]);
  expect(existsSync(path)).toBe(false);
  const [volume, claim] = objectsIn({ stdout });
  expect(volume).toMatchObject({
    kind: 'PersistentVolume',
    metadata: { name: 'data' },
    spec: {
      capacity: { storage: String(2 * 1024 ** 3) },
      persistentVolumeReclaimPolicy: 'Retain',
      claimRef: { namespace: 'shop', name: 'db' },
      csi: { volumeHandle: expect.stringMatching(/^data-/) },
    },
  });
  expect(claim).toMatchObject({ kind: 'PersistentVolumeClaim', spec: { volumeName: 'data' } });
  const volume_id = volume.spec.csi.volumeHandle;
  expect(statSync(join(node.pool, 'volumes', volume_id, 'data')).ino).toBe(ino);
  await whilePublished(node, volume_id, async (target) => {
    expect(readdirSync(target).sort()).toEqual(['file', 'inner', 'link', 'symlink']);
    expect(readFileSync(join(target, 'inner', 'more'), 'utf8')).toBe('kept');
    expect(statSync(join(target, 'file')).nlink).toBe(2);
    const { snapshot } = await node.controller.CreateSnapshot({ name: 's', source_volume_id: volume_id });
    expect(snapshot).toMatchObject({ ready_to_use: true });
  });
  await node.controller.DeleteVolume({ volume_id });
  expect(readdirSync(join(node.pool, 'volumes'))).toEqual([]);
});
