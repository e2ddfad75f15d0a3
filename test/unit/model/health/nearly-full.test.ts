import { expect, test } from 'vitest';
import { nearlyFull } from '../../../../src/model/health/nearly-full.ts';

const usage = (total: bigint, available: bigint) => ({ total, used: total - available, available });
const roomy = usage(1000n, 999n);

test.each([
  [1000n, 51n, []],
  [1000n, 50n, ['NearlyOutOfSpace']],
  [1000n, 0n, ['NearlyOutOfSpace']],
  [2n ** 62n, 2n ** 61n, []],
  [0n, 0n, []],
])('of %i bytes %i are left: %j', (total, available, reasons) => {
  const found = nearlyFull('volume "v"', { bytes: usage(total, available), inodes: roomy });
  expect(found.map(({ reason }) => reason)).toEqual(reasons);
});

test('inodes count as well, where the file system counts them', () => {
  expect(nearlyFull('volume "v"', { bytes: roomy, inodes: usage(100n, 5n) })).toEqual([
    { status: 'DEGRADED', reason: 'NearlyOutOfInodes', message: 'volume "v" has 5 of 100 inodes left' },
  ]);
  expect(nearlyFull('volume "v"', { bytes: roomy, inodes: usage(0n, 0n) })).toEqual([]);
  expect(nearlyFull('volume "v"', { bytes: roomy, inodes: undefined })).toEqual([]);
});

test('what others have taken of the disk counts, and so does what nobody but root may write', () => {
  const bytes = { total: 1000n, used: 10n, available: 40n };
  expect(nearlyFull('pool "p"', { bytes, inodes: undefined })).toMatchObject([
    { reason: 'NearlyOutOfSpace', message: 'pool "p" has 40 of 1000 bytes left' },
  ]);
});
