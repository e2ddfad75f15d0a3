import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { quotaOf } from '../../../src/kernel/file-systems/project-quota.ts';
import { asUser } from '../../support/as-user.ts';
import { eventually } from '../../support/eventually.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { createRequest } from '../../support/requests.ts';
import { startedNode, type TestNode } from '../../support/test-node.ts';
import { ext4, xfs } from '../support/quota-file-system.ts';

const MIB = 1024 ** 2;
const SIZE = 16 * MIB;

/** A node with a second pool, and volumes of 16 MiB published from it. */
async function nodeWithPool(pool: string) {
  const node = await startedNode({ flags: [`--pool=q=${pool}`] });
  const publish = (name: string) => node.createPublished(name, undefined, sized({ pool: 'q' }));
  return { node, publish };
}

function sized(parameters: Record<string, string>) {
  return { capacity_range: { required_bytes: SIZE }, parameters };
}

function recordOf(pool: string, volumeId: string): { content: { backend: string; projectId: number } } {
  return JSON.parse(readFileSync(join(pool, 'volumes', volumeId, 'volume.json'), 'utf8'));
}

/** Fills a file until the kernel refuses. @returns how many bytes were written */
function fill(path: string, { asRoot }: { asRoot: boolean }): number {
  const command = `dd if=/dev/zero of="$1" bs=64k count=4096 conv=fsync`;
  const { status, stderr } = asRoot
    ? spawnSync('sh', ['-c', command, 'sh', path], { encoding: 'utf8' })
    : asUser(command, path);
  expect(status, stderr).not.toBe(0);
  expect(stderr).toMatch(/No space left on device|Disk quota exceeded/);
  return statSync(path).size;
}

async function bytesOf(node: TestNode, volume: { volume_id: string; target_path: string }) {
  const { usage = [] } = await node.node.NodeGetVolumeStats({
    volume_id: volume.volume_id,
    volume_path: volume.target_path,
  });
  const { total, used, available } = usage.find(({ unit }) => unit === 'BYTES') ?? {};
  return { total: Number(total), used: Number(used), available: Number(available) };
}

describe.each([xfs, ext4])('volumes with a quota on $name', ({ withQuota, holdsRoot }) => {
  test('a volume stops a writer at its size, reports that size, and holds more after it has grown', async () => {
    const pool = withQuota();
    const { node, publish } = await nodeWithPool(pool);
    const volume = await publish('a');
    const other = await publish('b');
    const file = join(volume.target_path, 'file');
    writeFileSync(join(volume.target_path, 'before'), 'kept');
    expect(recordOf(pool, volume.volume_id).content.backend).toBe('quota');

    const { bsize, blocks } = statfsSync(volume.target_path);
    expect(bsize * blocks).toBe(SIZE);
    const written = fill(file, { asRoot: holdsRoot });
    expect(written).toBeGreaterThan(SIZE - MIB);
    expect(written).toBeLessThanOrEqual(SIZE);
    expect(readFileSync(join(volume.target_path, 'before'), 'utf8')).toBe('kept');
    writeFileSync(join(other.target_path, 'file'), Buffer.alloc(MIB));

    const full = await bytesOf(node, volume);
    expect(full.total).toBe(SIZE);
    expect(full.used).toBeGreaterThan(SIZE - MIB);
    expect(full.available).toBeLessThan(MIB);

    const grown = await node.controller.ControllerExpandVolume({
      volume_id: volume.volume_id,
      capacity_range: { required_bytes: 2 * SIZE },
    });
    expect(grown).toMatchObject({ capacity_bytes: String(2 * SIZE), node_expansion_required: false });
    expect((await bytesOf(node, volume)).total).toBe(2 * SIZE);
    rmSync(file);
    const more = fill(file, { asRoot: holdsRoot });
    expect(more).toBeGreaterThan(2 * SIZE - MIB);
    expect(more).toBeLessThanOrEqual(2 * SIZE);
  });

  test('volumes that are made at once get different projects, which are free again after deletion', async () => {
    const pool = withQuota();
    const { node } = await nodeWithPool(pool);
    const create = (name: string) =>
      node.create(name, { capacity_range: { required_bytes: MIB }, parameters: { pool: 'q' } });
    const ids = await Promise.all(Array.from({ length: 20 }, (_, index) => create(`v${index}`)));
    const projects = ids.map((id) => recordOf(pool, id).content.projectId);
    expect(new Set(projects).size).toBe(20);
    await Promise.all(ids.map((volume_id) => node.controller.DeleteVolume({ volume_id })));
    const leftOf = (project: number) => withDescriptor(pool, 'r', (fd) => quotaOf(fd, project));
    await eventually(
      async () => expect(await Promise.all(projects.map(leftOf))).toEqual(projects.map(() => undefined)),
      { interval: 200 },
    );
  });

  test('the number of inodes is limited as well', async () => {
    const { publish } = await nodeWithPool(withQuota());
    const volume = await publish('a');
    const command = 'cd "$1" && seq 1 4200 | xargs touch';
    const { status } = holdsRoot
      ? spawnSync('sh', ['-c', command, 'sh', volume.target_path])
      : asUser(command, volume.target_path);
    expect(status).not.toBe(0);
    const { files, ffree } = statfsSync(volume.target_path);
    expect(files - ffree).toBe(SIZE / 4096);
  });

  test('a directory satisfies enforceCapacity=required', async () => {
    const pool = withQuota();
    const { node } = await nodeWithPool(pool);
    const parameters = { pool: 'q', enforceCapacity: 'required', backend: 'directory' };
    const { volume } = await node.controller.CreateVolume(createRequest('a', { ...sized(parameters) }));
    expect(volume?.volume_context).toMatchObject({ backend: 'quota', capacityEnforced: 'true' });
  });

  test('if the disk is mounted without quota later, no limit is reported', async () => {
    const pool = withQuota();
    const { node, publish } = await nodeWithPool(pool);
    const volume = await publish('a');
    const { volume_id, target_path, staging_target_path } = volume;
    await node.node.NodeUnpublishVolume({ volume_id, target_path });
    await node.node.NodeUnstageVolume({ volume_id, staging_target_path });
    await node.stop();
    execFileSync('umount', [pool]);
    execFileSync('mount', ['-o', 'loop', join(pool, '..', 'image'), pool]);
    await node.start({ flags: [`--pool=q=${pool}`] });
    const volume_capability = { access_mode: { mode: 'SINGLE_NODE_WRITER' }, mount: {} } as const;
    await node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
    const expand = node.controller.ControllerExpandVolume({
      volume_id,
      capacity_range: { required_bytes: 2 * SIZE },
    });
    await expectRefusal(expand, 'UNAVAILABLE', 'mounted without project quotas');
    const stats = node.node.NodeGetVolumeStats({ volume_id, volume_path: staging_target_path });
    await expectRefusal(stats, 'FAILED_PRECONDITION', 'mounted without project quotas');
  });
});
