import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { eventually } from '../../support/eventually.ts';
import { storageHealth } from '../../support/health.ts';
import { refusalOf } from '../../support/refusal.ts';
import { createRequest } from '../../support/requests.ts';
import { testNode } from '../../support/test-node.ts';
import { diskFormats } from '../support/disk-format.ts';
import { FailingDisk } from './failing-disk.ts';
import { expectServed } from './served.ts';
import { longTest } from './settings.ts';

const CALLER_PATIENCE_MS = 5000;
// The start and each call wait for the disk as long as a caller does. In a short run only the host's
// `hanging-pools.test.ts` does so, on a disk that still answers reads.
// A btrfs as small as this one is read whole when it is mounted.
const formats = diskFormats.filter(({ fsType }) => fsType !== 'btrfs');
const parameters = { pool: 'slow' };

longTest.each(formats)(
  'a $fsType whose disk answers neither reads nor writes holds up only its own volumes, and not the start',
  async (format) => {
    const disk = await FailingDisk.make(format);
    const node = testNode();
    const mountPoint = join(node.directory, 'disk');
    mkdirSync(mountPoint);
    await disk.mountAt(mountPoint);
    const flags = [`--pool=slow=${join(mountPoint, 'pool')}`];
    await node.start({ flags });
    const volume_id = await node.create('there before', { parameters });
    await node.stop();
    // Nothing of it is left in memory.
    await unmount(mountPoint);
    await disk.mountAt(mountPoint);
    disk.hang();
    onTestFinished(() => disk.goOn());
    await node.start({ flags });
    const deadline = { deadline: Date.now() + CALLER_PATIENCE_MS };
    const { controller } = node;
    const hanging = [
      controller.CreateVolume(createRequest('new', { parameters }), deadline),
      controller.GetCapacity({ parameters }, deadline),
      controller.DeleteVolume({ volume_id }, deadline),
    ].map(refusalOf);
    await expectServed(node, 'default');
    await controller.ListVolumes({});
    expect(await storageHealth(node)).toEqual(['STORAGE_UNREACHABLE PoolUnreachable']);
    for (const refusal of await Promise.all(hanging)) {
      expect(refusal).toEqual({ code: 'UNAVAILABLE', details: expect.stringContaining('pool "slow"') });
    }
    disk.goOn();
    expect(await eventually(() => node.create('there before', { parameters }))).toBe(volume_id);
  },
);
