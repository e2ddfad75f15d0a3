import { expect, test } from 'vitest';
import type { FileSystemUsage } from '../../../../src/model/ports/file-systems-port.ts';
import { volumeHealth } from '../fakes/calls.ts';
import { fakeNode } from '../fakes/model.ts';

const usage = (total: bigint, available: bigint) => ({ total, used: total - available, available });
const roomy = usage(1000n, 999n);

/** The findings for a directory without a limit on a disk with this space. */
async function findingsFor(space: FileSystemUsage) {
  const { model, mounts, addVolume } = fakeNode();
  const { id } = await addVolume();
  mounts.space = space;
  const { findings } = await volumeHealth(model, id);
  return findings.filter(({ reason }) => reason !== 'CapacityNotEnforced');
}

test.each([
  [1000n, 51n, []],
  [1000n, 50n, ['NearlyOutOfSpace']],
  [1000n, 0n, ['NearlyOutOfSpace']],
  [2n ** 62n, 2n ** 61n, []],
  [0n, 0n, []],
])('of %s bytes %s are left: %j', async (total, available, reasons) => {
  const found = await findingsFor({ bytes: usage(total, available), inodes: roomy });
  expect(found.map(({ reason }) => reason)).toEqual(reasons);
});

test('inodes count as well, if the file system counts them', async () => {
  expect(await findingsFor({ bytes: roomy, inodes: usage(100n, 5n) })).toEqual([
    {
      status: 'DEGRADED',
      reason: 'NearlyOutOfInodes',
      message: 'the disk of pool "default" has 5 of 100 inodes left',
      pool: 'default',
    },
  ]);
  expect(await findingsFor({ bytes: roomy, inodes: usage(0n, 0n) })).toEqual([]);
});

test('space used by others counts, and so does space reserved for root', async () => {
  const bytes = { total: 1000n, used: 10n, available: 40n };
  expect(await findingsFor({ bytes, inodes: roomy })).toMatchObject([
    { reason: 'NearlyOutOfSpace', message: 'the disk of pool "default" has 40 of 1000 bytes left' },
  ]);
});

test('a volume with a limit that counts no inodes is nearly out of bytes alone', async () => {
  const { model, mounts, addVolume } = fakeNode();
  const { id, ...volume } = await addVolume('a', {
    content: { backend: 'quota', projectId: 7 },
    capacityBytes: 1000n,
  });
  mounts.tree.makeFile(`${model.catalogue.dataOf({ id, ...volume }).path}/file`, 'x'.repeat(950));
  expect((await volumeHealth(model, id)).findings).toEqual([
    {
      status: 'DEGRADED',
      reason: 'NearlyOutOfSpace',
      message: `volume "${id}" has 50 of 1000 bytes left`,
    },
  ]);
});
