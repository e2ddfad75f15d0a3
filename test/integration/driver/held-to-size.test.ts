import { describe } from 'vitest';
import { capacityContract } from '../../contracts/capacity-contract.ts';
import { btrfs } from '../../support/btrfs.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { startedNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const POOL_BYTES = 4096 * MIB;

describe.skipIf(!isHostRoot)('on the host', () => {
  capacityContract('a qgroup of btrfs', async () => {
    const node = await startedNode({ flags: [`--pool=other=${btrfs('qgroup', POOL_BYTES)}`] });
    return { node, parameters: { pool: 'other' }, sizeBytes: 64 * MIB };
  });

  for (const fsType of ['xfs', 'btrfs']) {
    capacityContract(`an image with ${fsType}`, async () => {
      const pool = mountedImage({ mkfs: ['mkfs.xfs', '-q'], sizeBytes: POOL_BYTES });
      const node = await startedNode({ flags: [`--pool=other=${pool}`] });
      return { node, parameters: { pool: 'other', backend: 'image' }, fsType, sizeBytes: 512 * MIB };
    });
  }
});
