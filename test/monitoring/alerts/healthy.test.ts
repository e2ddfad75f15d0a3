import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { btrfs } from '../../support/btrfs.ts';
import { snapshotOf, takeDown } from '../../support/copies.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, fileSystem, image } from '../../support/image-node.ts';
import { stoppedNode } from '../support/monitored-node.ts';

const MIB = 1024 ** 2;

test.skipIf(!isHostRoot)('no alert fires while everything is in order', async () => {
  const [disk, pool] = [mountedImage({ mkfs: ['mkfs.ext4', '-q'] }), btrfs('qgroup')];
  const { node, alerts, start } = await stoppedNode({ flags: [`--pool=btrfs=${pool}`] });
  mkdirSync(node.pool);
  execFileSync('mount', ['--bind', disk, node.pool]);
  await start();
  const { target_path } = await node.createPublished('plain');
  writeFileSync(join(target_path, 'file'), 'content');
  const { volume_id } = await node.createPublished('image', fileSystem('ext4'), image(64 * MIB));
  const block = await node.createPublished('block', blockDevice(), image(16 * MIB));
  await node.createPublished('subvolume', undefined, { parameters: { pool: 'btrfs' } });
  await snapshotOf(node, volume_id);
  // Longer than any alert waits.
  await alerts.expectValue('min(count_over_time(up[1m])) > bool 15', 1);
  expect(await alerts.prometheus.query('ALERTS')).toEqual([]);
  expect(
    await alerts.prometheus.query('count(count_over_time(ALERTS{alertname!="CSIHostpathDriverAbsent"}[1m]))'),
  ).toEqual([]);
  // Its device would keep the disk busy.
  await takeDown(node, block);
});
