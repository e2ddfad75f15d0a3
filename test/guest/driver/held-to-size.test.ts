import { capacityContract } from '../../contracts/capacity-contract.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { startedNode } from '../../support/test-node.ts';
import { ext4, xfs } from '../support/quota-file-system.ts';

const MIB = 1024 ** 2;

for (const { name, withQuota } of [xfs, ext4]) {
  capacityContract(`a project quota of ${name}`, async () => {
    const node = await startedNode({ flags: [`--pool=other=${withQuota()}`] });
    return { node, parameters: { pool: 'other' }, sizeBytes: 16 * MIB };
  });
}

// Growing ext4 while it is mounted needs a capability that root does not have on every host.
capacityContract('an image with ext4', async () => {
  const pool = mountedImage({ mkfs: ['mkfs.ext4', '-q'], sizeBytes: 512 * MIB });
  const node = await startedNode({ flags: [`--pool=other=${pool}`] });
  return { node, parameters: { pool: 'other', backend: 'image' }, sizeBytes: 32 * MIB };
});
