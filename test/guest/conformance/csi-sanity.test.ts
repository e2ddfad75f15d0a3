import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { csiSanityPath } from '../../../scripts/lib/go/csi-sanity.mjs';
import { expectSane } from '../../support/sanity.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { openContainers } from '../support/encrypted-volume.ts';
import { isFullForm } from '../support/full-form.ts';
import { xfs } from '../support/quota-file-system.ts';

const POOL_BYTES = 12 * 1024 ** 3;

// It is built on the host, which has Go, before the guest starts.
describe.skipIf(!existsSync(csiSanityPath))('csi-sanity, with all driver features enabled, passes', () => {
  test('with volumes that have a quota', () =>
    expectSane({
      accessType: 'mount',
      parameters: { pool: 'other' },
      mutableParameters: { onDelete: 'delete', inodeLimit: '10000' },
      makePool: () => xfs.withQuota(POOL_BYTES),
    }));

  test.skipIf(!isFullForm).each(['mount', 'block'] as const)(
    'with encrypted volumes (%s)',
    async (accessType) => {
      const keyFile = join(scratchDirectory(), 'key');
      writeFileSync(keyFile, 'of the node');
      await expectSane({
        accessType,
        parameters: { pool: 'other', encryption: 'luks2' },
        makePool: () => xfs.withQuota(POOL_BYTES),
        flags: [`--encryption-key-file=${keyFile}`],
      });
      expect(openContainers()).toEqual([]);
    },
  );
});
