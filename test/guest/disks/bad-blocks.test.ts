import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { fromVolume } from '../../support/copies.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';
import { diskFormats } from '../support/disk-format.ts';
import { FailingDisk } from './failing-disk.ts';
import { longTest } from './settings.ts';

const content = Buffer.alloc(150_001, 'content ');
const onDisk = { parameters: { pool: 'disk' } };
// A btrfs has small files among its metadata, of which it has two copies.
const formats = diskFormats.filter(({ fsType }) => fsType !== 'btrfs');

longTest.each(formats)(
  'a $fsType with unreadable blocks loses only the volumes that they belong to, until they can be read again',
  async (format) => {
    const disk = await FailingDisk.make(format);
    const node = testNode();
    const mountPoint = join(node.directory, 'disk');
    mkdirSync(mountPoint);
    await disk.mountAt(mountPoint);
    const volumes = join(mountPoint, 'pool', 'volumes');
    const flags = [`--pool=disk=${join(mountPoint, 'pool')}`];
    await node.start({ flags });
    const ids = { sound: '', torn: '', unknown: '' };
    for (const name of ['sound', 'torn', 'unknown'] as const) ids[name] = await createFull(node, name);
    await node.stop();
    // Nothing of it is left in memory.
    await unmount(mountPoint);
    await disk.mountAt(mountPoint);
    const torn = join(volumes, ids.torn, 'data', 'file');
    await disk.loseBlocksOf([torn, join(volumes, ids.unknown, 'volume.json')]);
    await node.start({ flags });

    const copyOf = (id: string) => node.create(`copy of ${id}`, fromVolume(id));
    expect(await contentOf(node, ids.sound)).toEqual(content);
    await copyOf(ids.sound);
    await expectRefusal(copyOf(ids.torn), 'UNAVAILABLE', 'pool "disk"');
    expect(readdirSync(join(node.pool, '.incoming'))).toEqual([]);
    await expectRefusal(contentOf(node, ids.unknown), 'UNAVAILABLE', ids.unknown);
    await expectRefusal(node.create('unknown', onDisk), 'UNAVAILABLE', 'EIO');

    disk.heal();
    await node.restart({ flags });
    for (const id of Object.values(ids)) expect(await contentOf(node, id)).toEqual(content);
    expect(await node.create('unknown', onDisk)).toBe(ids.unknown);
    await copyOf(ids.torn);
  },
);

async function createFull(node: TestNode, name: string): Promise<string> {
  const paths = await node.createStaged(name, undefined, onDisk);
  writeFileSync(join(paths.staging_target_path, 'file'), content, { flush: true });
  await node.node.NodeUnstageVolume(paths);
  return paths.volume_id;
}

/** The content of a volume as a pod finds it. */
async function contentOf(node: TestNode, volume_id: string): Promise<Buffer> {
  const staging_target_path = node.newStaging();
  await node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability: mountCapability() });
  const found = readFileSync(join(staging_target_path, 'file'));
  await node.node.NodeUnstageVolume({ volume_id, staging_target_path });
  return found;
}
