import { mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';
import { RecordedDisk } from '../support/recorded-disk.ts';

const ext4 = {
  fsType: 'ext4',
  mkfs: ['mkfs.ext4', '-q', '-O', 'project,quota', '-E', 'quotatype=prjquota'],
  mountOptions: ['prjquota'],
} as const;

async function listedIds({ controller }: TestNode): Promise<(string | undefined)[]> {
  const { entries = [] } = await controller.ListVolumes({});
  return entries.map(({ volume }) => volume?.volume_id);
}

test('a volume exists after a power loss once its creation is acknowledged', async () => {
  const disk = new RecordedDisk(ext4);
  const node = testNode();
  mkdirSync(node.pool);
  await disk.mountAt(node.pool);
  await node.start();
  const id = await node.create('a');
  disk.mark('created');
  await node.stop();
  await unmount(node.pool);
  const lost = disk.finish();
  const { entries } = lost.log;
  const created = entries.findIndex((entry) => entry.kind === 'mark' && entry.text === 'created');
  expect(created).toBeGreaterThan(0);
  for (const [index, entry] of entries.entries()) {
    if (entry.kind === 'write' && !entry.isFlush && !entry.isForced) continue;
    lost.replay(index + 1);
    const next = testNode();
    mkdirSync(next.pool);
    const unmountLost = await lost.mountAt(next.pool);
    await next.start();
    if (index >= created) expect(await listedIds(next)).toEqual([id]);
    expect(await next.create('a')).toEqual(index >= created ? id : expect.any(String));
    expect(await listedIds(next)).toHaveLength(1);
    await next.stop();
    await unmountLost();
  }
});
