import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { pagesWithHostCommands, runHostCommands } from '../../support/host-commands.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { newDirectory, removeWithMounts, scratchDirectory } from '../../support/scratch.ts';
import { TestNode } from '../../support/test-node.ts';

const POOLS = 'docs/guides/pools.md';

test('each page with commands for this machine has a test', () => {
  expect(pagesWithHostCommands(false).sort()).toEqual(['README.md', POOLS]);
});

test('the commands of the README start the driver and show the life of a volume', async () => {
  const directory = scratchDirectory();
  const output = await runHostCommands('README.md', [
    ['npm start', `npm start -- --endpoint=unix://${directory}/csi.sock --statedir=${directory}/state`],
  ]);
  expect(output).toContain('DeleteVolume');
});

test.skipIf(!isHostRoot)(
  'the disk that the guide on pools prepares holds volumes to their size',
  async () => {
    const directory = newDirectory();
    const node = new TestNode();
    onTestFinished(async () => {
      await node.dispose();
      await removeWithMounts(directory);
    });
    await runHostCommands(POOLS, [
      ['/dev/nvme1n1', newDisk(directory)],
      ['/mnt/nvme', join(directory, 'nvme')],
    ]);
    await node.start({ flags: [`--pool=fast=${directory}/nvme/csi-hostpath`] });
    const { volume } = await node.controller.CreateVolume({
      name: 'v',
      volume_capabilities: [{ mount: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } }],
      parameters: { pool: 'fast', enforceCapacity: 'required' },
    });
    expect(volume?.volume_context).toMatchObject({ backend: 'subvolume', capacityEnforced: 'true' });
  },
);

/** A block device, on a sparse file in the directory. */
function newDisk(directory: string): string {
  const file = join(directory, 'disk');
  writeFileSync(file, '');
  truncateSync(file, 8 * 1024 ** 3);
  return execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
}
