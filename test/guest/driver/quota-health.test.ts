import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { everywhere, found, storageHealth } from '../../support/health.ts';
import { expectNoTransientFindings } from '../../support/onlookers.ts';
import { mountCapability } from '../../support/requests.ts';
import { startedNode } from '../../support/test-node.ts';
import { ext4, xfs } from '../support/quota-file-system.ts';

const MIB = 1024 ** 2;
const SIZE = 4 * MIB;
const parameters = { pool: 'q' };

async function nodeWithVolume(pool: string) {
  const flags = [`--pool=q=${pool}`];
  const node = await startedNode({ flags });
  const paths = await node.createPublished('a', undefined, {
    parameters,
    capacity_range: { required_bytes: SIZE },
  });
  return { node, flags, paths };
}

describe.each([xfs, ext4])('a volume with a quota on $name', ({ withQuota }) => {
  test('is healthy, and nearly full when its byte or inode limit is nearly reached', async () => {
    const { node, flags, paths } = await nodeWithVolume(withQuota());
    expect(await found(node, paths)).toEqual(everywhere([]));
    const file = join(paths.target_path, 'file');
    writeFileSync(file, Buffer.alloc(0.97 * SIZE), { flush: true });
    expect(await found(node, paths)).toEqual(everywhere(['NearlyOutOfSpace']));
    rmSync(file);
    const { ffree, files } = statfsSync(paths.target_path);
    for (let index = 0; index < ffree - files / 40; index++) {
      writeFileSync(join(paths.target_path, `file-${index}`), '');
    }
    expect(await found(node, paths)).toEqual(everywhere(['NearlyOutOfInodes']));
    expect(await storageHealth(node)).toEqual([]);
    await node.restart({ flags });
    expect(await found(node, paths)).toEqual(everywhere(['NearlyOutOfInodes']));
  });

  test('has no enforced size when its disk is mounted without quota', async () => {
    const pool = withQuota();
    const { node, flags, paths } = await nodeWithVolume(pool);
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await node.stop();
    execFileSync('umount', [pool]);
    execFileSync('mount', ['-o', 'loop', join(pool, '..', 'image'), pool]);
    await node.start({ flags });
    const volume_capability = mountCapability();
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect(await found(node, paths)).toEqual(everywhere(['CapacityNotEnforced']));
  });

  test('reports no transient states from the middle of a call', async () => {
    const node = await startedNode({ flags: [`--pool=q=${withQuota()}`] });
    const capability = mountCapability();
    await expectNoTransientFindings({ node, capability, sizeBytes: SIZE, parameters, count: 1 });
  });
});
