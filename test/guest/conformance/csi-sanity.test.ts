import { existsSync } from 'node:fs';
import { describe, test } from 'vitest';
import { csiSanityPath } from '../../../scripts/lib/csi-sanity.mjs';
import { mountedImage } from '../../support/disk-image.ts';
import { expectSane } from '../../support/sanity.ts';
import { ext4, xfs } from '../support/quota-file-system.ts';

const parameters = { pool: 'other' };
const POOL_BYTES = 12 * 1024 ** 3;

// It is built where there is Go, before the guest starts.
describe.skipIf(!existsSync(csiSanityPath))(
  'csi-sanity passes all of its specifications, with everything on',
  () => {
    test.each([xfs, ext4])('with volumes that have a quota of $name', ({ withQuota }) =>
      expectSane({
        accessType: 'mount',
        parameters,
        mutableParameters: { onDelete: 'delete', inodeLimit: '10000' },
        makePool: () => withQuota(POOL_BYTES),
      }),
    );

    test('with images that have ext4, which grow while they are mounted', () =>
      expectSane({
        accessType: 'mount',
        parameters: { ...parameters, backend: 'image' },
        makePool: () => mountedImage({ mkfs: ['mkfs.ext4', '-q'], sizeBytes: POOL_BYTES }),
      }));
  },
);
