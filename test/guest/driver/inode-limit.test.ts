import { spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { asUser } from '../../support/as-user.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { startedNode } from '../../support/test-node.ts';
import { ext4, xfs } from '../support/quota-file-system.ts';

const MIB = 1024 ** 2;
const SIZE = 64 * MIB;
const flags = ['--enable-controller-modify-volume'];

/** Makes empty files until the kernel refuses one, or up to this many. @returns how many were made */
function makeFiles(directory: string, prefix: string, most: number, { asRoot }: { asRoot: boolean }): number {
  const command = `cd "$1" && i=0; while [ $i -lt ${most} ] && true 2>/dev/null >"${prefix}$i"; do i=$((i+1)); done; echo $i`;
  const { stdout, stderr } = asRoot
    ? spawnSync('bash', ['-c', command, 'sh', directory], { encoding: 'utf8' })
    : asUser(command, directory);
  expect(stdout, stderr).toMatch(/^\d+\n$/);
  return Number(stdout);
}

describe.each([xfs, ext4])('a volume with a quota on $name', ({ withQuota, holdsRoot }) => {
  const asRoot = holdsRoot;

  async function publishedWith(mutable_parameters: Record<string, string>) {
    const pool = withQuota();
    const start = { flags: [...flags, `--pool=q=${pool}`] };
    const node = await startedNode(start);
    const changes = { parameters: { pool: 'q' }, capacity_range: { required_bytes: SIZE } };
    const volume = await node.createPublished('a', undefined, { ...changes, mutable_parameters });
    const modify = (inodeLimit: string) =>
      node.controller.ControllerModifyVolume({
        volume_id: volume.volume_id,
        mutable_parameters: { inodeLimit },
      });
    return { node, start, modify, ...volume };
  }

  const inodesAt = (path: string) => statfsSync(path).files;

  test('holds as many files as its inodeLimit, which can be changed while in use', async () => {
    const { node, target_path, volume_id, modify } = await publishedWith({ inodeLimit: '100' });
    expect(inodesAt(target_path)).toBe(100);
    // The root of the volume counts as one.
    expect(makeFiles(target_path, 'a', 1000, { asRoot })).toBe(99);

    await modify('150');
    expect(inodesAt(target_path)).toBe(150);
    expect(makeFiles(target_path, 'b', 1000, { asRoot })).toBe(50);
    const { usage = [] } = await node.node.NodeGetVolumeStats({ volume_id, volume_path: target_path });
    expect(usage.find(({ unit }) => unit === 'INODES')).toMatchObject({
      total: '150',
      used: '150',
      available: '0',
    });

    // The existing files stay; no more can be added.
    await modify('20');
    expect(makeFiles(target_path, 'c', 10, { asRoot })).toBe(0);
    await modify('default');
    expect(inodesAt(target_path)).toBe(SIZE / 4096);
    expect(makeFiles(target_path, 'd', 10, { asRoot })).toBe(10);
  });

  test('keeps its inodeLimit when it grows, and after a restart', async () => {
    const { node, start, target_path, volume_id } = await publishedWith({});
    await node.controller.ControllerModifyVolume({ volume_id, mutable_parameters: { inodeLimit: '5000' } });
    await node.restart(start);
    await node.controller.ControllerExpandVolume({ volume_id, capacity_range: { required_bytes: 2 * SIZE } });
    expect(inodesAt(target_path)).toBe(5000);
  });

  test('keeps its inodeLimit when another parameter of the same call is invalid', async () => {
    const { node, target_path, volume_id } = await publishedWith({});
    const mutable_parameters = { inodeLimit: '5000', onDelete: 'burn' };
    await expectRefusal(
      node.controller.ControllerModifyVolume({ volume_id, mutable_parameters }),
      'INVALID_ARGUMENT',
      'onDelete',
    );
    expect(inodesAt(target_path)).toBe(SIZE / 4096);
  });
});
