import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mountedImage } from '../../support/disk-image.ts';
import { eventually } from '../../support/eventually.ts';
import { fillDisk, takeInodes } from '../../support/fill-disk.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { createRequest, mountCapability } from '../../support/requests.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const volume_capability = mountCapability();

interface Disk {
  readonly name: string;
  make(): string;
  fill(mountPoint: string): () => void;
}

const tmpfs: Disk = {
  name: 'tmpfs',
  make() {
    const directory = scratchDirectory();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'none', directory]);
    return directory;
  },
  fill: fillDisk,
};

const disks: Disk[] = [
  tmpfs,
  {
    name: 'ext4',
    make: () => mountedImage({ mkfs: ['mkfs.ext4', '-q'], sizeBytes: 32 * MIB }),
    fill: fillDisk,
  },
  {
    name: 'ext4 without inodes',
    make: () => mountedImage({ mkfs: ['mkfs.ext4', '-q', '-N', '300'], sizeBytes: 32 * MIB }),
    fill: takeInodes,
  },
  {
    name: 'XFS',
    make: () => mountedImage({ mkfs: ['mkfs.xfs', '-q', '-K'], sizeBytes: 320 * MIB }),
    fill: fillDisk,
  },
  {
    name: 'btrfs',
    make: () => mountedImage({ mkfs: ['mkfs.btrfs', '-q'], sizeBytes: 160 * MIB }),
    fill: fillDisk,
  },
];

describe.each(disks.filter(({ name }) => isHostRoot || name === 'tmpfs'))(
  'with its state on a full disk, $name,',
  ({ make, fill }) => {
    test('the driver starts, its volumes can be detached and deleted, and it creates again once there is space', async () => {
      const disk = make();
      const stateDir = join(disk, 'state');
      mkdirSync(stateDir);
      const node = testNode();
      const flags = [`--statedir=${stateDir}`, '--enable-attach'];
      await node.start({ flags });
      const { controller, node: nodeService } = node;
      const names = ['a', 'b', 'c', 'd', 'e'].map((letter) => letter.repeat(60));
      const ids = await Promise.all(names.map((name) => node.create(name)));
      for (const volume_id of ids) {
        await controller.ControllerPublishVolume({ volume_id, node_id: 'node-1', volume_capability });
      }
      const [first = ''] = ids;
      const paths = { volume_id: first, staging_target_path: node.newStaging(), target_path: node.newPath() };
      await nodeService.NodeStageVolume({ ...paths, volume_capability });
      await nodeService.NodePublishVolume({ ...paths, volume_capability });
      const makeRoom = fill(disk);
      const driver = await node.restart({ flags });
      expect(driver.log()).toContain('pool ready');
      await expectRefusal(
        node.controller.CreateVolume(createRequest('no room')),
        'RESOURCE_EXHAUSTED',
        'pool',
      );
      await node.node.NodeUnpublishVolume(paths);
      await node.node.NodeUnstageVolume(paths);
      await Promise.all(
        ids.map((volume_id) => node.controller.ControllerUnpublishVolume({ volume_id, node_id: 'node-1' })),
      );
      await Promise.all(ids.map((volume_id) => node.controller.DeleteVolume({ volume_id })));
      await eventually(() => expect(leftIn(stateDir)).toEqual([]));
      makeRoom();
      await node.create('room again');
      await node.restart({ flags });
      expect(readdirSync(join(stateDir, 'volumes'))).toHaveLength(1);
    });
  },
);

function leftIn(stateDir: string): string[] {
  return ['volumes', '.outgoing', '.incoming'].flatMap((name) => readdirSync(join(stateDir, name)));
}

test('a read-only state directory is served, has no capacity, and refuses creates and deletes', async () => {
  const disk = tmpfs.make();
  const node = testNode();
  const flags = [`--statedir=${join(disk, 'state')}`];
  await node.start({ flags });
  const paths = await node.createPublished('stays');
  await node.stop();
  execFileSync('mount', ['-o', 'remount,ro', disk]);
  await node.start({ flags });
  const { volume } = await node.controller.ControllerGetVolume(paths);
  expect(volume?.volume_id).toBe(paths.volume_id);
  expect(await node.controller.GetCapacity({})).toMatchObject({ available_capacity: '0' });
  await expectRefusal(node.controller.CreateVolume(createRequest('new')), 'UNAVAILABLE', 'read-only');
  await node.node.NodeUnpublishVolume(paths);
  await node.node.NodeUnstageVolume(paths);
  await expectRefusal(node.controller.DeleteVolume(paths), 'UNAVAILABLE', 'read-only');
  execFileSync('mount', ['-o', 'remount,rw', disk]);
  await node.controller.DeleteVolume(paths);
  await node.create('new');
});
