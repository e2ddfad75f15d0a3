import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { isSubvolume } from '../../../src/kernel/file-systems/btrfs.ts';
import { btrfs } from '../../support/btrfs.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { runDriver } from '../../support/driver-process.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { fileSystem, image } from '../../support/image-node.ts';
import { mountCapability } from '../../support/requests.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const disks = {
  btrfs: () => btrfs('qgroup', 640 * MIB),
  ext4: () => mountedImage({ mkfs: ['mkfs.ext4', '-q'], sizeBytes: 640 * MIB }),
};

/** The program that copies a pool, if it is there: what the guide names, or what every system has. */
const hasRsync = spawnSync('rsync', ['--version']).status === 0;

function copyPool(from: string, to: string): void {
  if (hasRsync) execFileSync('rsync', ['-aHAXS', `${from}/`, `${to}/`]);
  else execFileSync('cp', ['-a', '--sparse=always', `${from}/.`, to]);
}

describe.skipIf(!isHostRoot).each(Object.entries(disks))(
  'a whole state directory on %s',
  (kind, makeDisk) => {
    async function publishedWith(node: TestNode, volume_id: string, capability = mountCapability()) {
      const paths = { volume_id, staging_target_path: node.newStaging(), target_path: node.newPath() };
      await node.node.NodeStageVolume({ ...paths, volume_capability: capability });
      await node.node.NodePublishVolume({ ...paths, volume_capability: capability });
      return { ...paths, file: join(paths.target_path, 'file') };
    }

    async function takeDown(node: TestNode, paths: Awaited<ReturnType<typeof publishedWith>>): Promise<void> {
      await node.node.NodeUnpublishVolume(paths);
      await node.node.NodeUnstageVolume(paths);
    }

    test('that was copied to a new disk is accepted once a person says so, and repaired', async () => {
      const [disk, newDisk] = [makeDisk(), makeDisk()];
      const node = testNode();
      const socket = join(node.directory, 'status.sock');
      const flags = [`--status-socket=${socket}`, `--statedir=${disk}`];
      await node.start({ flags });
      const capacity_range = { required_bytes: 64 * MIB };
      const directory = await node.create('directory', { capacity_range });
      const inImage = await node.create('image', image(64 * MIB));
      for (const [id, capability] of [[directory], [inImage, fileSystem('ext4')]] as const) {
        const paths = await publishedWith(node, id, capability);
        writeFileSync(paths.file, `content of ${id}`, { mode: 0o640, flush: true });
        await takeDown(node, paths);
      }
      const { snapshot } = await node.controller.CreateSnapshot({ name: 's', source_volume_id: directory });
      await node.stop();

      copyPool(disk, newDisk);
      execFileSync('umount', [disk]);
      execFileSync('mount', ['--move', newDisk, disk]);
      const starting = await runDriver([...flags, `--endpoint=${node.socket}`, '--nodeid=node-1']);
      expect(starting).toMatchObject({ code: 1, stderr: expect.stringContaining('--accept-disk=default') });
      const check = async (...words: string[]) =>
        (await runDriver(['check', `--socket=${socket}`, `--statedir=${disk}`, ...words])).stdout;
      expect(await check()).toMatch(
        /^pool default\n {2}PoolUnreachable: .* has the pool, on another file system than before.*--accept-disk=default/,
      );
      expect(await check('--repair', '--accept-disk=default')).toMatch(
        /^repaired: pool default\n.*\n {2}Done: use it there from now on\n\nNo problems with 2 volumes and 1 snapshot in 1 pool\.\n$/,
      );

      await node.start({ flags });
      if (kind === 'btrfs') {
        expect(await check()).toContain('run check --repair to make it a subvolume');
        expect(await check('--repair')).toMatch(
          /^repaired: volume directory\n[\s\S]*\nNo problems with 2 volumes/,
        );
        expect(await withDescriptor(join(disk, 'volumes', directory, 'data'), 'r', isSubvolume)).toBe(true);
      }
      const restored = await node.create('restored', {
        capacity_range,
        volume_content_source: { snapshot: { snapshot_id: snapshot?.snapshot_id ?? '' } },
      });
      for (const [id, of, capability] of [
        [directory, directory],
        [restored, directory],
        [inImage, inImage, fileSystem('ext4')],
      ] as const) {
        const paths = await publishedWith(node, id, capability);
        expect(readFileSync(paths.file, 'utf8')).toBe(`content of ${of}`);
        await takeDown(node, paths);
        await node.controller.DeleteVolume({ volume_id: id });
      }
      expect(readdirSync(join(disk, 'volumes'))).toEqual([]);
    });
  },
);
