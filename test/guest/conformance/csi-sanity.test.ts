import { existsSync } from 'node:fs';
import { describe, test } from 'vitest';
import { csiSanityPath } from '../../../scripts/lib/go/csi-sanity.mjs';
import { mountedImage } from '../../support/disk-image.ts';
import { expectSane } from '../../support/sanity.ts';
import { ext4, xfs } from '../support/quota-file-system.ts';

const parameters = { pool: 'other' };
const POOL_BYTES = 12 * 1024 ** 3;

// It is built on the host, which has Go, before the guest starts.
describe.skipIf(!existsSync(csiSanityPath))(
  'passes every csi-sanity test, with all driver features enabled',
  () => {
    test.each([xfs, ext4])('with volumes that have a quota on $name', ({ withQuota }) =>
      expectSane({
        accessType: 'mount',
        parameters,
        mutableParameters: { onDelete: 'delete', inodeLimit: '10000' },
        makePool: () => withQuota(POOL_BYTES),
      }),
    );

    test('with ext4 images that grow while they are mounted', () =>
      expectSane({
        accessType: 'mount',
        parameters: { ...parameters, backend: 'image' },
        makePool: () => mountedImage({ mkfs: ['mkfs.ext4', '-q'], sizeBytes: POOL_BYTES }),
      }));
  },
);
