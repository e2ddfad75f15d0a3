import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fillDisk } from '../../support/fill-disk.ts';
import { startedNode } from '../../support/test-node.ts';
import { ext4, xfs } from '../support/quota-file-system.ts';

const MIB = 1024 ** 2;
const inPool = { capacity_range: { required_bytes: 8 * MIB }, parameters: { pool: 'other' } };

describe.each([xfs, ext4])('a pool with project quota on $name that is full at start', ({ withQuota }) => {
  test('is still recognised: a volume made once there is room has a limit', async () => {
    const disk = withQuota();
    const flags = [`--pool=other=${join(disk, 'pool')}`];
    const node = await startedNode({ flags });
    const before = await node.create('before', inPool);
    const makeRoom = fillDisk(disk);
    const driver = await node.restart({ flags });
    const ready = driver
      .log()
      .split('\n')
      .find((line) => line.includes('"pool ready"') && line.includes('"pool":"other"'));
    expect(JSON.parse(ready ?? '{}')).toMatchObject({ quota: 'project', directories: 'quota' });
    await node.controller.DeleteVolume({ volume_id: before });
    makeRoom();
    const volume_id = await node.create('after', inPool);
    const record = readFileSync(join(disk, 'pool', 'volumes', volume_id, 'volume.json'), 'utf8');
    expect(JSON.parse(record)).toMatchObject({ content: { backend: 'quota' } });
  });
});
