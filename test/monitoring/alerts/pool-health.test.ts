import { describe, expect, test } from 'vitest';
import { takeDown } from '../../support/copies.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { nodeWithDisk } from '../support/faulty-node.ts';
import { immutableFile } from '../support/immutable-file.ts';

const ofDisk = { pool: 'disk' };
const onDisk = { parameters: ofDisk };

describe.skipIf(!isHostRoot)('an alert about a pool', () => {
  test('fires while its disk is not mounted', async () => {
    const { disk, alerts } = await nodeWithDisk();
    await alerts.expectAlert('PoolUnreachable', ofDisk, {
      fault: () => disk.unmount(),
      remedy: () => disk.mount(),
    });
  });

  test('fires while its file system takes no writes', async () => {
    const { disk, alerts } = await nodeWithDisk();
    await alerts.expectAlert('PoolReadOnly', ofDisk, {
      fault: () => disk.makeReadOnly(),
      async remedy() {
        disk.unmount();
        await alerts.expectFiring('PoolUnreachable', ofDisk);
        disk.mount();
      },
    });
    await alerts.expectNone('PoolUnreachable', ofDisk);
  });

  test('fires while its disk is full', async () => {
    const { disk, alerts } = await nodeWithDisk();
    await alerts.expectAlert('NearlyOutOfSpace', ofDisk, {
      fault: () => disk.fill(),
      remedy: () => disk.empty(),
    });
  });

  test('fires while its disk has no inodes left', async () => {
    const { disk, alerts } = await nodeWithDisk();
    await alerts.expectAlert('NearlyOutOfInodes', ofDisk, {
      fault: () => disk.fillInodes(),
      remedy: () => disk.empty(),
    });
  });

  test('fires while deleted content cannot be removed', async () => {
    const { node, disk, alerts } = await nodeWithDisk();
    const paths = await node.createPublished('data', undefined, onDisk);
    const { find, makeMutable } = immutableFile(paths.target_path, disk.path);
    await takeDown(node, paths);
    await alerts.expectAlert('DeletedContentLeft', ofDisk, {
      fault: () => node.controller.DeleteVolume(paths),
      remedy: makeMutable,
    });
    await eventually(() => expect(find()).toBe(''));
  });
});
