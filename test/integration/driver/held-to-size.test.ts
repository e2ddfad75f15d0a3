import { execFileSync } from 'node:child_process';
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
    const pool = btrfs('qgroup', POOL_BYTES);
    const node = await startedNode({ flags: [`--pool=other=${pool}`] });
    const settle = () => execFileSync('btrfs', ['filesystem', 'sync', pool]);
    return { node, parameters: { pool: 'other' }, sizeBytes: 64 * MIB, settle };
  });

  for (const [fsType, sizeBytes] of [
    ['xfs', 384 * MIB],
    ['btrfs', 256 * MIB],
  ] as const) {
    capacityContract(`an image with ${fsType}`, async () => {
      const pool = mountedImage({ mkfs: ['mkfs.xfs', '-q'], sizeBytes: POOL_BYTES });
      const node = await startedNode({ flags: [`--pool=other=${pool}`] });
      return { node, parameters: { pool: 'other', backend: 'image' }, fsType, sizeBytes };
    });
  }
});
