import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { ConfigMapDirectory } from '../../support/config-map.ts';
import { FaultyDisk } from '../../support/faulty-disk.ts';
import { type FuseMount, fuseMount } from '../../support/fuse/fuse-mount.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { df } from '../../support/image-node.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { nodeWithDisk } from '../support/faulty-node.ts';
import { monitoredNode, stoppedNode } from '../support/monitored-node.ts';

const MIB = 1024 ** 2;
const ofDisk = { pool: 'disk' };
const sized = (mebibytes: number, parameters: Record<string, string> = ofDisk) => ({
  parameters,
  capacity_range: { required_bytes: mebibytes * MIB },
});

/** A node with a pool and a configuration file that says so. */
async function configuredNode() {
  const directory = scratchDirectory();
  const text = (more: string) => `pools: [{name: disk, path: ${directory}/disk, ${more}}]`;
  const config = new ConfigMapDirectory(join(directory, 'config'), text('capacity: 10Mi'));
  const monitored = await monitoredNode({ flags: [`--config=${config.path}`] });
  return { ...monitored, configure: (more: string) => config.update(text(more)) };
}

test('an alert fires while the configuration file is refused', async () => {
  const { alerts, configure } = await configuredNode();
  await alerts.expectAlert(
    'ConfigurationRefused',
    { node: 'node-1' },
    {
      fault: () => configure('size: 20Mi'),
      remedy: () => configure('capacity: 20Mi'),
    },
  );
});

test('an alert fires while more is promised than the capacity', async () => {
  const { node, alerts, configure } = await configuredNode();
  await node.create('data', sized(8));
  await alerts.expectAlert('PoolPromisedOverLimit', ofDisk, {
    fault: () => configure('capacity: 5Mi'),
    remedy: () => configure('capacity: 20Mi'),
  });
});

test('an alert fires while an accounting class is nearly used up', async () => {
  const { node, alerts } = await monitoredNode({ flags: ['--capacity=gold=100Mi'] });
  let volume_id = '';
  await alerts.expectAlert(
    'ClassNearlyFull',
    { pool: 'default', class: 'gold' },
    {
      async fault() {
        volume_id = await node.create('data', sized(98, { kind: 'gold' }));
      },
      remedy: () => node.controller.DeleteVolume({ volume_id }),
    },
  );
});

describe.skipIf(!isHostRoot)('an alert', () => {
  test('fires while a pool has no room for new volumes', async () => {
    const { node, alerts } = await nodeWithDisk({ flags: ['--capacity=disk=100Mi'] });
    let volume_id = '';
    await alerts.expectAlert('PoolProvisionableLow', ofDisk, {
      async fault() {
        volume_id = await node.create('data', sized(98));
      },
      remedy: () => node.controller.DeleteVolume({ volume_id }),
    });
  });

  test('fires while a disk is filling up', async () => {
    const { disk, alerts } = await nodeWithDisk();
    const isLow = ({ available, total } = df(disk.path)) => available * 100n < total * 15n;
    let count = 0;
    await alerts.expectAlert('PoolFillingUp', ofDisk, {
      goingOn() {
        if (!isLow())
          writeFileSync(join(disk.path, `filler-${count++}`), Buffer.alloc(4 * MIB), { flush: true });
      },
      remedy: () => disk.empty(),
    });
  });

  test('fires while a pool does not answer in time', async () => {
    const { disk, alerts } = await nodeWithDisk();
    // Everything that asks for the pool waits for the server of this file system.
    let cover: FuseMount | undefined;
    await alerts.expectAlert('PoolScrapeIncomplete', ofDisk, {
      async fault() {
        cover = await fuseMount(disk.path);
        cover.hang();
      },
      async remedy() {
        await cover?.die();
        execFileSync('umount', ['--lazy', disk.path]);
      },
    });
  });

  test('fires until a pool has a disk of its own', async () => {
    const { node, alerts, start } = await stoppedNode();
    await start();
    const ofDefault = { pool: 'default' };
    await alerts.expectFiring('PoolSharesSystemDisk', ofDefault);
    await node.stop();
    const disk = new FaultyDisk(scratchDirectory());
    execFileSync('mount', ['--bind', disk.path, node.pool]);
    await start();
    await alerts.expectNone('PoolSharesSystemDisk', ofDefault);
  });
});
