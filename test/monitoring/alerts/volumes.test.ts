import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { CLAIM_NAMESPACE, claimParameters } from '../../support/claims.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { df, fileSystem, image } from '../../support/image-node.ts';
import { monitoredNode } from '../support/monitored-node.ts';

const MIB = 1024 ** 2;

/** A node with a published image for a claim. */
async function publishedImage(fsType: string, bytes: number) {
  const monitored = await monitoredNode();
  const { parameters, capacity_range = null } = image(bytes);
  const paths = await monitored.node.createPublished('data', fileSystem(fsType), {
    capacity_range,
    parameters: { ...parameters, ...claimParameters('data') },
  });
  const labels = {
    volume_id: paths.volume_id,
    node: 'node-1',
    namespace: CLAIM_NAMESPACE,
    persistentvolumeclaim: 'data',
  };
  return { ...monitored, paths, labels };
}

describe.skipIf(!isHostRoot)('an alert about a volume', () => {
  test('fires while it is filling up, until it is expanded', async () => {
    const { node, alerts, paths, labels } = await publishedImage('xfs', 320 * MIB);
    const isLow = ({ available, total } = df(paths.target_path)) => available * 100n < total * 10n;
    let count = 0;
    await alerts.expectAlert('VolumeFillingUp', labels, {
      goingOn() {
        const file = join(paths.target_path, `file-${count++}`);
        if (!isLow()) writeFileSync(file, Buffer.alloc(20 * MIB), { flush: true });
      },
      async remedy() {
        const { volume_id, target_path: volume_path } = paths;
        await node.controller.ControllerExpandVolume({
          volume_id,
          capacity_range: { required_bytes: 640 * MIB },
        });
        await node.node.NodeExpandVolume({ volume_id, volume_path });
      },
    });
  });

  test('fires while its inodes are being used up, until files are deleted', async () => {
    const { alerts, paths, labels } = await publishedImage('ext4', 16 * MIB);
    const { inodes } = df(paths.target_path);
    const files = Array.from({ length: Math.floor(Number(inodes.available) * 0.9) }, (_, number) =>
      join(paths.target_path, `file-${number}`),
    );
    await alerts.expectAlert('VolumeInodesFillingUp', labels, {
      fault() {
        for (const file of files) writeFileSync(file, '');
      },
      remedy() {
        for (const file of files) rmSync(file);
      },
    });
  });
});
