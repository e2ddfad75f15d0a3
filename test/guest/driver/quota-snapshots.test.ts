import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { quotaOf } from '../../../src/kernel/file-systems/project-quota.ts';
import { asUser } from '../../support/as-user.ts';
import { fromSnapshot, fromVolume, snapshotOf, takeDown } from '../../support/copies.ts';
import { listing } from '../../support/listing.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { createRequest } from '../../support/requests.ts';
import { changeTree, makeRichTree } from '../../support/rich-tree.ts';
import { startedNode } from '../../support/test-node.ts';
import { listTree } from '../../support/tree-listing.ts';
import { ext4, xfs } from '../support/quota-file-system.ts';

const MIB = 1024 ** 2;
const SIZE = 16 * MIB;
const sized = (required_bytes: number) => ({ capacity_range: { required_bytes } });

/** A node with a second pool, volumes published from it, and a published source of 16 MiB. */
async function nodeWithSource(pool: string) {
  const node = await startedNode({ flags: [`--pool=q=${pool}`] });
  const publish = (name: string, changes: Parameters<typeof node.create>[1]) =>
    node.createPublished(name, undefined, { parameters: { pool: 'q' }, ...changes });
  return { node, publish, source: await publish('source', sized(SIZE)) };
}

/** The usage and limits of a volume's project. */
function quotaOfVolume(pool: string, volumeId: string) {
  const record = readFileSync(join(pool, 'volumes', volumeId, 'volume.json'), 'utf8');
  const { content } = JSON.parse(record) as { content: { backend: string; projectId: number } };
  expect(content.backend).toBe('quota');
  return withDescriptor(pool, 'r', (fd) => quotaOf(fd, content.projectId));
}

function sync(path: string): void {
  spawnSync('sync', ['--file-system', path]);
}

describe.each([xfs, ext4])('volumes with a quota on $name', ({ withQuota, holdsRoot }) => {
  /** Fills a file until the kernel refuses. @returns how many bytes were written */
  function fill(path: string): number {
    const command = `dd if=/dev/zero of="$1" bs=64k count=4096 conv=fsync`;
    const { status, stderr } = holdsRoot
      ? spawnSync('sh', ['-c', command, 'sh', path], { encoding: 'utf8' })
      : asUser(command, path);
    expect(status, stderr).not.toBe(0);
    expect(stderr).toMatch(/No space left on device|Disk quota exceeded/);
    return statSync(path).size;
  }

  test('a restored snapshot has the old content, whatever happened to the volume since, and outlives it', async () => {
    const { node, publish, source } = await nodeWithSource(withQuota());
    await makeRichTree(source.target_path);
    const content = await listTree(source.target_path);
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    changeTree(source.target_path);
    const changed = await listTree(source.target_path);
    const restored = await publish('restored', fromSnapshot(snapshot_id));
    expect(await listTree(restored.target_path)).toEqual(content);
    expect(await listTree(source.target_path)).toEqual(changed);
    changeTree(restored.target_path);
    await takeDown(node, source);
    await node.controller.DeleteVolume(source);
    const again = await publish('again', fromSnapshot(snapshot_id));
    expect(await listTree(again.target_path)).toEqual(content);
  });

  test('a clone has the content of its volume, and both change independently', async () => {
    const { publish, source } = await nodeWithSource(withQuota());
    await makeRichTree(source.target_path);
    const content = await listTree(source.target_path);
    const clone = await publish('clone', fromVolume(source.volume_id));
    expect(await listTree(clone.target_path)).toEqual(content);
    changeTree(clone.target_path);
    const changed = await listTree(clone.target_path);
    expect(await listTree(source.target_path)).toEqual(content);
    writeFileSync(join(source.target_path, 'plain', 'text'), 'of the source');
    expect(await listTree(clone.target_path)).toEqual(changed);
  });

  test('a copy has its own project and limit, and the usage of its source does not change', async () => {
    const pool = withQuota();
    const { node, publish, source } = await nodeWithSource(pool);
    mkdirSync(join(source.target_path, 'nested'));
    for (const name of ['file', 'nested/file']) {
      writeFileSync(join(source.target_path, name), Buffer.alloc(2 * MIB, 1));
    }
    sync(pool);
    const before = await quotaOfVolume(pool, source.volume_id);
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    const copies = {
      same: { ...fromSnapshot(snapshot_id), size: SIZE },
      larger: { ...fromSnapshot(snapshot_id), ...sized(2 * SIZE), size: 2 * SIZE },
      clone: { ...fromVolume(source.volume_id), size: SIZE },
    };
    for (const [name, { size, ...changes }] of Object.entries(copies)) {
      const copy = await publish(name, changes);
      const { bsize, blocks } = statfsSync(copy.target_path);
      expect(bsize * blocks, name).toBe(size);
      const quota = await quotaOfVolume(pool, copy.volume_id);
      expect(Number(quota?.limitBytes), name).toBe(size);
      // Copied data is charged in full, shared or not.
      expect(Number(quota?.usedBytes), name).toBeGreaterThanOrEqual(4 * MIB);
      expect(Number(quota?.usedBytes), name).toBeLessThan(5 * MIB);
      expect(quota?.usedInodes, name).toBe(before?.usedInodes);
      const more = fill(join(copy.target_path, 'more'));
      expect(more, name).toBeGreaterThan(size - 6 * MIB);
      expect(more, name).toBeLessThanOrEqual(size - 4 * MIB);
      await takeDown(node, copy);
      await node.controller.DeleteVolume(copy);
    }
    expect(await quotaOfVolume(pool, source.volume_id)).toEqual(before);
  });

  test('a snapshot of a full volume can be taken, and restored to the same size', async () => {
    const { node, publish, source } = await nodeWithSource(withQuota());
    fill(join(source.target_path, 'file'));
    const content = await listTree(source.target_path);
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    const restored = await publish('restored', fromSnapshot(snapshot_id));
    expect(await listTree(restored.target_path)).toEqual(content);
  });

  test('a source with more data than the copy can hold is refused, and nothing is left behind', async () => {
    const pool = withQuota();
    const { node } = await nodeWithSource(pool);
    // The size of a volume in the default pool is not enforced.
    const source = await node.createPublished('plain', undefined, sized(4 * MIB));
    writeFileSync(join(source.target_path, 'file'), Buffer.alloc(10 * MIB, 1));
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    const before = listing(join(pool, 'volumes'));
    for (const from of [fromSnapshot(snapshot_id), fromVolume(source.volume_id)]) {
      const request = createRequest('too small', { parameters: { pool: 'q' }, ...from });
      await expectRefusal(node.controller.CreateVolume(request), 'OUT_OF_RANGE', 'capacity_range');
    }
    expect(listing(join(pool, 'volumes'))).toEqual(before);
    expect(listing(join(pool, '.incoming'))).toEqual([]);
    await node.create('large enough', {
      parameters: { pool: 'q' },
      ...fromSnapshot(snapshot_id),
      ...sized(SIZE),
    });
  });

  test('a copy can be made from a pool with quotas to one without, and back', async () => {
    const { node, publish, source } = await nodeWithSource(withQuota());
    writeFileSync(join(source.target_path, 'file'), 'content');
    const content = await listTree(source.target_path);
    const there = await node.createPublished('there', undefined, fromVolume(source.volume_id));
    expect(await listTree(there.target_path)).toEqual(content);
    const { volume } = await node.controller.ControllerGetVolume(there);
    expect(volume?.volume_context).toMatchObject({ backend: 'directory', capacityEnforced: 'false' });
    const back = await publish('back', fromVolume(there.volume_id));
    expect(await listTree(back.target_path)).toEqual(content);
  });
});
