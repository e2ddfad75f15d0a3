import { expect, test } from 'vitest';
import { outcomeOf } from '../../support/refusal.ts';
import { nodeOnFailingDisk } from './failing-disk.ts';
import { someFormats } from './settings.ts';

test.each(someFormats)(
  'a delete on $fsType that could not be written is acknowledged later only if it is on the disk',
  async (format) => {
    const { disk, node } = await nodeOnFailingDisk(format);
    const { controller } = node;
    const volume_id = await node.create('a');
    disk.fail('writes');
    const outcomes = [await outcomeOf(controller.DeleteVolume({ volume_id }))];
    expect(outcomes).toMatchObject([{ code: 'UNAVAILABLE' }]);
    disk.heal();
    outcomes.push(await outcomeOf(controller.DeleteVolume({ volume_id })));
    disk.fail('everything');
    await node.stop();
    await disk.losePower(node.directory);
    await disk.mountAt(node.pool);
    await node.start();
    const { entries } = await node.controller.ListVolumes({});
    const isThere = entries.some(({ volume }) => volume?.volume_id === volume_id);
    if (outcomes.includes('OK')) expect(isThere).toBe(false);
    else expect(outcomes).toMatchObject([{ code: 'UNAVAILABLE' }, { code: 'UNAVAILABLE' }]);
  },
);
