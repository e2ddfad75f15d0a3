import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mountedImage } from '../../support/disk-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { startedNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;

describe.skipIf(!isHostRoot)('an image in a pool that other data has filled', () => {
  test('fails its first stage with the lack of space, and stays blank', async () => {
    const pool = mountedImage({ mkfs: ['mkfs.xfs', '-q'], sizeBytes: 512 * MIB });
    const node = await startedNode({ flags: [`--pool=other=${pool}`] });
    const volume_id = await node.create('a', {
      capacity_range: { required_bytes: 64 * MIB },
      parameters: { pool: 'other', backend: 'image' },
    });
    fill(pool);
    const stage = node.node.NodeStageVolume({
      volume_id,
      staging_target_path: node.newStaging(),
      volume_capability: mountCapability(),
    });
    await expectRefusal(stage, 'RESOURCE_EXHAUSTED', 'pool "other" is out of space');
    expect(readdirSync(join(pool, 'volumes', volume_id)).sort()).toEqual(['image', 'volume.json']);
  });
});

/** Fills a disk. One file is not enough: XFS gives the reserve of a growing file back afterwards. */
function fill(directory: string): void {
  for (let count = 0; count < 8; count++) {
    const command = `dd if=/dev/zero of="$1" bs=64k conv=fsync 2>/dev/null || sync -f "$1"`;
    spawnSync('sh', ['-c', command, 'sh', join(directory, `of-others-${count}`)]);
  }
}
