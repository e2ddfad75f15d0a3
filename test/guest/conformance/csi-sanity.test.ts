import { existsSync } from 'node:fs';
import { test } from 'vitest';
import { csiSanityPath } from '../../../scripts/lib/go/csi-sanity.mjs';
import { expectSane } from '../../support/sanity.ts';
import { xfs } from '../support/quota-file-system.ts';

const POOL_BYTES = 12 * 1024 ** 3;

// It is built on the host, which has Go, before the guest starts.
test.skipIf(!existsSync(csiSanityPath))(
  'passes every csi-sanity test with volumes that have a quota, with all driver features enabled',
  () =>
    expectSane({
      accessType: 'mount',
      parameters: { pool: 'other' },
      mutableParameters: { onDelete: 'delete', inodeLimit: '10000' },
      makePool: () => xfs.withQuota(POOL_BYTES),
    }),
);
