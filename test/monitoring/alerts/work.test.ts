import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { fromVolume, takeDown } from '../../support/copies.ts';
import { hang } from '../../support/frozen-disk.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { refusalOf } from '../../support/refusal.ts';
import type { TestNode } from '../../support/test-node.ts';
import { nodeWithDisk } from '../support/faulty-node.ts';
import { leasedVolume } from '../support/leased-volume.ts';

const MIB = 1024 ** 2;
const ofDisk = { pool: 'disk' };
const onDisk = { parameters: ofDisk };

/** A clone of a volume into the pool on the disk. */
const cloneToDisk = (node: TestNode, volume_id: string, name = 'clone') =>
  node.create(name, { ...fromVolume(volume_id), ...onDisk });

describe.skipIf(!isHostRoot)('an alert', () => {
  test('fires while a copy waits for a lease', async () => {
    const { node, alerts } = await nodeWithDisk();
    const { volume_id, leases } = await leasedVolume(node);
    let clone: Promise<string> | undefined;
    await alerts.expectAlert('CopiesWaiting', ofDisk, {
      async fault() {
        clone = cloneToDisk(node, volume_id);
        await leases.asked();
      },
      remedy: () => leases.release(),
    });
    await clone;
  });

  test('fires while the disk that a copy writes to hangs', async () => {
    const { node, disk, alerts } = await nodeWithDisk();
    const { volume_id, leases } = await leasedVolume(node);
    let clone: Promise<string> | undefined;
    let goOn = async () => {};
    await alerts.expectAlert('CopiesStalled', ofDisk, {
      async fault() {
        clone = cloneToDisk(node, volume_id);
        await leases.asked();
        goOn = await hang(disk.path);
        await leases.release();
      },
      remedy: () => goOn(),
    });
    await clone;
  });

  test('fires when several copies have failed, until none has for a while', async () => {
    const { node, disk, alerts } = await nodeWithDisk();
    const { volume_id, leases } = await leasedVolume(node);
    const names = ['one', 'another', 'a third'];
    const labels = { ...ofDisk, result: 'failed' };
    await alerts.expectAlert('CopiesFailing', labels, {
      async fault() {
        const refusals = names.map((name) => refusalOf(cloneToDisk(node, volume_id, name)));
        await leases.asked();
        await alerts.expectValue('csi_hostpath_pool_copies_waiting{pool="disk"}', names.length);
        disk.unmount();
        await Promise.all(refusals);
      },
      async remedy() {
        disk.mount();
        await leases.release();
        for (const name of names) await cloneToDisk(node, volume_id, name);
      },
    });
  });

  test('fires while removals do not get on', async () => {
    const { node, disk, alerts } = await nodeWithDisk({ inodes: 30_000, sizeBytes: 256 * MIB });
    const paths = await node.createPublished('data', undefined, onDisk);
    for (let directory = 0; directory < 20; directory++) {
      const path = join(paths.target_path, `directory-${directory}`);
      mkdirSync(path);
      for (let file = 0; file < 1000; file++) writeFileSync(join(path, `file-${file}`), '');
    }
    await takeDown(node, paths);
    let goOn = async () => {};
    await alerts.expectAlert('RemovalsSlow', ofDisk, {
      async fault() {
        await node.controller.DeleteVolume(paths);
        goOn = await hang(disk.path);
      },
      remedy: () => goOn(),
    });
    await alerts.expectValue('csi_hostpath_pool_removals_pending{pool="disk"}', 0);
  });
});
