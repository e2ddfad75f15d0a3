import { expect, test } from 'vitest';
import { refusalOf } from '../../support/refusal.ts';
import { diskFormats } from '../support/disk-format.ts';
import { nodeOnFailingDisk } from './failing-disk.ts';

// The kernel reports the commit of a limit that has failed as the invalid argument of a wait for it.
test.each(diskFormats.filter(({ fsType }) => fsType === 'btrfs'))(
  'an expansion on a $fsType that cannot write it is refused, with the name of the pool',
  async (format) => {
    const { disk, node } = await nodeOnFailingDisk(format);
    const volume_id = await node.create('a');
    disk.fail('writes');
    const capacity_range = { required_bytes: 2 * 1024 ** 2 };
    const { code, details } = await refusalOf(
      node.controller.ControllerExpandVolume({ volume_id, capacity_range }),
    );
    expect({ code, details }).toEqual({
      code: 'UNAVAILABLE',
      details: expect.stringContaining('pool "default"'),
    });
  },
);
