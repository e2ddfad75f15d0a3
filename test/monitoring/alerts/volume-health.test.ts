import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  cpSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { StoppableNode } from '../../crash/stoppable-node.ts';
import { btrfs } from '../../support/btrfs.ts';
import { claimParameters } from '../../support/claims.ts';
import { fromSnapshot, snapshotOf, takeDown } from '../../support/copies.ts';
import { failFileSystem } from '../../support/fail-file-system.ts';
import { fuseMount } from '../../support/fuse/fuse-mount.ts';
import { pastedCommand } from '../../support/health.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { deleteWithRetries, fileSystem, image } from '../../support/image-node.ts';
import { mountCapability } from '../../support/requests.ts';
import type { Published, TestNode } from '../../support/test-node.ts';
import { alertsOf, freeAddress, httpFlag, monitoredNode } from '../support/monitored-node.ts';
import { ofClaim, publishedImage } from '../support/published-image.ts';

const MIB = 1024 ** 2;

/** A node with a published subvolume, whose limit is enforced. */
async function publishedSubvolume() {
  const pool = btrfs('qgroup');
  const monitored = await monitoredNode({ flags: [`--pool=btrfs=${pool}`] });
  const paths = await monitored.node.createPublished('data', undefined, {
    capacity_range: { required_bytes: 64 * MIB },
    parameters: { pool: 'btrfs', ...claimParameters('data') },
  });
  return { ...monitored, pool, paths };
}

async function stage(
  node: TestNode,
  paths: Published,
  volume_capability = fileSystem('ext4'),
): Promise<void> {
  await node.node.NodeStageVolume({ ...paths, volume_capability });
}

test('an alert fires while a record is damaged', async () => {
  const { node, alerts, restart } = await monitoredNode();
  const volume_id = await node.create('data');
  const record = join(node.pool, 'volumes', volume_id, 'volume.json');
  const backup = join(node.directory, 'volume.json');
  copyFileSync(record, backup);
  await alerts.expectAlert(
    'RecordDamaged',
    { volume_id },
    {
      async fault() {
        writeFileSync(record, '{');
        await restart();
      },
      async remedy() {
        copyFileSync(backup, record);
        await restart();
      },
    },
  );
});

test('an alert fires while the data of a volume is missing', async () => {
  const { node, alerts } = await monitoredNode();
  const volume_id = await node.create('data', { parameters: claimParameters('data') });
  const data = join(node.pool, 'volumes', volume_id, 'data');
  const backup = join(node.directory, 'backup');
  cpSync(data, backup, { recursive: true });
  await alerts.expectAlert('DataMissing', ofClaim({ volume_id }), {
    fault: () => rmSync(data, { recursive: true }),
    remedy: () => cpSync(backup, data, { recursive: true }),
  });
});

describe.skipIf(!isHostRoot)('an alert about an image', () => {
  test('fires while it is truncated', async () => {
    const { node, alerts, paths, file } = await publishedImage();
    const { snapshot_id } = await snapshotOf(node, paths.volume_id);
    await alerts.expectAlert('ImageTruncated', ofClaim(paths), {
      fault: () => truncateSync(file, 32 * MIB),
      async remedy() {
        await takeDown(node, paths);
        await deleteWithRetries(node, paths);
        await node.createPublished('restored', fileSystem('ext4'), {
          ...image(64 * MIB),
          ...fromSnapshot(snapshot_id),
        });
      },
    });
    await alerts.expectNone('ImageTruncated');
  });

  test('fires while it has no file system that the driver knows', async () => {
    // Large enough for a backup of its superblock.
    const { node, alerts, paths, file } = await publishedImage(320 * MIB);
    await takeDown(node, paths);
    await alerts.expectAlert('FileSystemUnknown', ofClaim(paths), {
      fault: () => overwriteSuperblock(file),
      remedy: () => repairFromBackupSuperblock(file),
    });
    await stage(node, paths);
  });

  test('fires while its superblock asks for mount options that the driver refuses', async () => {
    const { node, alerts, paths, file } = await publishedImage();
    await takeDown(node, paths);
    const setOptions = (options: string) => execFileSync('tune2fs', ['-E', `mount_opts=${options}`, file]);
    await alerts.expectAlert('FileSystemRefused', ofClaim(paths), {
      fault: () => setOptions('debug'),
      remedy: () => setOptions(''),
    });
    await stage(node, paths);
  });

  test('fires while the kernel answers with errors', async () => {
    const { node, alerts, paths } = await publishedImage();
    const directory = join(node.pool, 'volumes', paths.volume_id);
    // Its server is gone, as with a file server of which the directory is a part.
    const failing = await fuseMount(directory);
    await alerts.expectAlert('DiskError', ofClaim(paths), {
      fault: () => failing.die(),
      remedy: () => execFileSync('umount', [directory]),
    });
  });

  test('fires while its file system has recorded errors', async () => {
    const { node, alerts, paths } = await publishedImage();
    await alerts.expectAlert('FileSystemErrors', ofClaim(paths), {
      fault: () => failFileSystem(paths.target_path),
      async remedy() {
        await takeDown(node, paths);
        await stage(node, paths);
      },
    });
  });

  test('fires while it is expanded and its file system is not', async () => {
    const { node, alerts, paths } = await publishedImage(320 * MIB, fileSystem('xfs'));
    const { volume_id, target_path: volume_path } = paths;
    await alerts.expectAlert('ExpansionIncomplete', ofClaim(paths), {
      fault: () =>
        node.controller.ControllerExpandVolume({ volume_id, capacity_range: { required_bytes: 640 * MIB } }),
      remedy: () => node.node.NodeExpandVolume({ volume_id, volume_path }),
    });
  });

  test('fires while it is nearly full', async () => {
    const { alerts, paths } = await publishedImage();
    const filler = join(paths.target_path, 'filler');
    await alerts.expectAlert('NearlyOutOfSpace', ofClaim(paths), {
      fault: () => fill(filler),
      remedy: () => rmSync(filler),
    });
  });

  test('fires while it is left frozen', async () => {
    const address = await freeAddress();
    const stoppable = new StoppableNode(undefined, [httpFlag(address)]);
    await stoppable.start();
    const node = stoppable.test;
    const { volume_id } = await node.createPublished('data', fileSystem('ext4'), image(16 * MIB));
    const alerts = await alertsOf(address);
    await alerts.expectAlert(
      'Frozen',
      { volume_id },
      {
        async fault() {
          await stoppable.dieAt('freeze: frozen', () => snapshotOf(node, volume_id));
          await stoppable.start({ withoutSysAdmin: true });
        },
        async remedy() {
          await node.stop();
          await stoppable.start();
        },
      },
    );
  });
});

describe.skipIf(!isHostRoot)('an alert about a subvolume', () => {
  test('fires while its limit is not enforced, and not for a plain directory, which has none', async () => {
    const { node, alerts, pool, paths } = await publishedSubvolume();
    const plain = await node.create('plain');
    await alerts.expectAlert('CapacityNotEnforced', ofClaim(paths), {
      fault: () => execFileSync('btrfs', ['quota', 'disable', pool]),
      async remedy() {
        execFileSync('bash', ['-ec', await pastedCommand(node, paths)]);
        await stage(node, paths, mountCapability());
      },
    });
    expect(await alerts.prometheus.query('csi_hostpath_health{reason="CapacityNotEnforced"}')).toMatchObject([
      { labels: { volume_id: plain } },
    ]);
    await alerts.expectNone('CapacityNotEnforced');
  });

  test('fires while it is read-only', async () => {
    const { node, alerts, pool, paths } = await publishedSubvolume();
    const data = join(pool, 'volumes', paths.volume_id, 'data');
    await alerts.expectAlert('UnexpectedlyReadOnly', ofClaim(paths), {
      fault: () => execFileSync('btrfs', ['property', 'set', '-t', 'subvol', data, 'ro', 'true']),
      remedy: async () => execFileSync('bash', ['-ec', await pastedCommand(node, paths)]),
    });
  });
});

/** Fills a file system to the last block, with one file. */
function fill(file: string): void {
  spawnSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M', 'conv=fsync'], { stdio: 'ignore' });
}

/** Overwrites the first blocks of an image, as a program that takes it for another file does. */
function overwriteSuperblock(file: string): void {
  const fd = openSync(file, 'r+');
  writeSync(fd, Buffer.alloc(4096, 'x'));
  closeSync(fd);
}

function repairFromBackupSuperblock(file: string): void {
  const { status, stdout } = spawnSync('e2fsck', ['-f', '-y', '-b', '32768', '-B', '4096', file], {
    encoding: 'utf8',
  });
  // Errors were corrected.
  expect(status, stdout).toBe(1);
}
