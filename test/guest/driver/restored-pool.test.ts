import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { projectOf, quotaOf } from '../../../src/kernel/file-systems/project-quota.ts';
import { runDriver } from '../../support/driver-process.ts';
import { mountCapability } from '../../support/requests.ts';
import { startedNode } from '../../support/test-node.ts';
import { ext4 } from '../support/quota-file-system.ts';

const MIB = 1024 ** 2;

// XFS is used without being asked for; what follows is the same.
test('a pool with quotas that was copied to a new disk is used and limited again by one command', async () => {
  const [pool, newDisk] = [ext4.withQuota(), ext4.withQuota()];
  const node = await startedNode();
  const socket = join(node.directory, 'status.sock');
  const flags = [`--pool=q=${pool}`, `--status-socket=${socket}`];
  await node.restart({ flags });
  const capacity_range = { required_bytes: 16 * MIB };
  const paths = await node.createPublished('data', undefined, { parameters: { pool: 'q' }, capacity_range });
  writeFileSync(join(paths.target_path, 'file'), Buffer.alloc(4 * MIB, 'x'), { flush: true });
  await node.node.NodeUnpublishVolume(paths);
  await node.node.NodeUnstageVolume(paths);
  await node.stop();
  execFileSync('cp', ['-a', `${pool}/.`, newDisk]);
  execFileSync('umount', [pool]);
  execFileSync('mount', ['--move', newDisk, pool]);

  await node.start({ flags });
  const words = ['check', '--repair', '--accept-disk=q', `--socket=${socket}`];
  const { code, stdout } = await runDriver(words);
  expect(stdout).toMatch(
    /^repaired: pool q\n[\s\S]*\nrepaired: volume data\n[\s\S]*Done: count its files for its quota\n/,
  );
  expect(code).toBe(0);

  const directory = join(pool, 'volumes', paths.volume_id);
  const { content } = JSON.parse(readFileSync(join(directory, 'volume.json'), 'utf8'));
  const data = join(directory, 'data');
  for (const path of [data, join(data, 'file')])
    expect((await withDescriptor(path, 'r', projectOf)).projectId).toBe(content.projectId);
  const quota = await withDescriptor(pool, 'r', (fd) => quotaOf(fd, content.projectId));
  expect(quota?.limitBytes).toBe(BigInt(16 * MIB));
  expect(quota?.usedBytes).toBeGreaterThanOrEqual(BigInt(4 * MIB));
  await node.node.NodeStageVolume({ ...paths, volume_capability: mountCapability() });
  expect(readFileSync(join(paths.staging_target_path, 'file'))).toHaveLength(4 * MIB);
});
