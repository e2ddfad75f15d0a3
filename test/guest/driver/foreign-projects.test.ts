import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { quotaOf } from '../../../src/kernel/file-systems/project-quota.ts';
import { asUser } from '../../support/as-user.ts';
import { withoutCapability } from '../../support/capabilities.ts';
import { programs } from '../../support/driver-process.ts';
import { eventually } from '../../support/eventually.ts';
import { storageHealth } from '../../support/health.ts';
import { startedNode, type TestNode } from '../../support/test-node.ts';
import { ext4, xfs } from '../support/quota-file-system.ts';

const MIB = 1024 ** 2;
const SIZE = 32 * MIB;

async function nodeWithVolumes(pool: string) {
  const node = await startedNode({ flags: [`--pool=q=${pool}`] });
  const publish = (name: string) =>
    node.createPublished(name, undefined, {
      parameters: { pool: 'q' },
      capacity_range: { required_bytes: SIZE },
    });
  return { node, publish, victim: await publish('victim'), thief: await publish('thief') };
}

function projectIdOf(pool: string, volumeId: string): number {
  const record = readFileSync(join(pool, 'volumes', volumeId, 'volume.json'), 'utf8');
  return JSON.parse(record).content.projectId;
}

const usedBytes = (pool: string, projectId: number) =>
  withDescriptor(pool, 'r', async (fd) => Number((await quotaOf(fd, projectId))?.usedBytes ?? 0n));

/** A user of the pod writes a file and moves it to a project. */
function putInto(projectId: number, target: string, name: string, mebibytes: number): void {
  const script = 'dd if=/dev/zero of="$1" bs=1M count="$2" conv=fsync status=none && chattr -p "$3" "$1"';
  const { status, stderr } = asUser(script, join(target, name), String(mebibytes), String(projectId));
  expect(status, stderr).toBe(0);
}

const canWrite = (target: string) =>
  asUser('dd if=/dev/zero of="$1/file" bs=1M count=16 conv=fsync', target).status === 0;

async function reasonsOf({ controller }: TestNode, volume_id: string): Promise<string[]> {
  const { volume_health } = await controller.ControllerGetVolumeHealth({ volume_id });
  return (volume_health?.health_statuses ?? []).map(({ reason }) => reason);
}

describe.each([xfs, ext4])(
  'files that their owner has moved to another project, on $name',
  ({ withQuota }) => {
    test('fill another volume only until its next health check, which reports it', async () => {
      const pool = withQuota(512 * MIB);
      const { node, victim, thief } = await nodeWithVolumes(pool);
      putInto(projectIdOf(pool, victim.volume_id), thief.target_path, 'stolen', 30);
      expect(canWrite(victim.target_path)).toBe(false);
      asUser('rm -f "$1/file"', victim.target_path);
      await eventually(
        async () => expect(await reasonsOf(node, victim.volume_id)).toContain('QuotaMisused'),
        { interval: 200 },
      );
      expect(await reasonsOf(node, thief.volume_id)).toContain('QuotaBypassed');
      expect(await usedBytes(pool, projectIdOf(pool, thief.volume_id))).toBeGreaterThanOrEqual(30 * MIB);
      expect(canWrite(victim.target_path)).toBe(true);
    });

    test('count for their volume again, also if they had no project or their directory does not pass one on', async () => {
      const pool = withQuota(512 * MIB);
      const { node, thief } = await nodeWithVolumes(pool);
      const own = projectIdOf(pool, thief.volume_id);
      putInto(0, thief.target_path, 'free', 20);
      asUser(
        'mkdir -p "$1/a/b" && chattr -P "$1/a" && chattr -p 0 "$1/a/b" && echo x > "$1/a/c"',
        thief.target_path,
      );
      expect(await usedBytes(pool, own)).toBeLessThan(MIB);
      await eventually(
        async () => expect(await reasonsOf(node, thief.volume_id)).toContain('QuotaBypassed'),
        { interval: 200 },
      );
      expect(await usedBytes(pool, own)).toBeGreaterThanOrEqual(20 * MIB);
      const { stdout } = asUser('lsattr -pRd "$1/a" "$1/a/b" "$1/a/c"', thief.target_path);
      for (const line of stdout.trim().split('\n')) expect(line.trim()).toMatch(new RegExp(`^${own} `));
      expect(stdout).toMatch(/P\S* \S*\/a\n/);
    });

    test('count again even if the owner of the volume has moved its root as well', async () => {
      const pool = withQuota(512 * MIB);
      const node = await startedNode({ flags: [`--pool=q=${pool}`] });
      const thief = await node.createPublished('owner', undefined, {
        parameters: { pool: 'q', uid: '1000' },
        capacity_range: { required_bytes: SIZE },
      });
      const own = projectIdOf(pool, thief.volume_id);
      asUser('echo x > "$1/kept" && chattr -p 0 -P "$1" && mkdir "$1/a"', thief.target_path);
      putInto(0, thief.target_path, 'free', 20);
      await eventually(
        async () => expect(await reasonsOf(node, thief.volume_id)).toEqual(['QuotaBypassed']),
        { interval: 200 },
      );
      expect(await usedBytes(pool, own)).toBeGreaterThanOrEqual(20 * MIB);
      expect(asUser('lsattr -pd "$1"', thief.target_path).stdout).toMatch(new RegExp(`^${own} .*P`));
    });

    test('are moved back into a full volume, also by a driver that is subject to its limit', async () => {
      const pool = withQuota(512 * MIB);
      const limited = withoutCapability('SYS_RESOURCE');
      const node = await startedNode({
        flags: [`--pool=q=${pool}`],
        program: [...limited.program, programs.driver],
        env: limited.env,
      });
      const thief = await node.createPublished('thief', undefined, {
        parameters: { pool: 'q' },
        capacity_range: { required_bytes: SIZE },
      });
      const own = projectIdOf(pool, thief.volume_id);
      putInto(0, thief.target_path, 'free', 30);
      expect(canWrite(thief.target_path)).toBe(true);
      await eventually(
        async () => expect(await reasonsOf(node, thief.volume_id)).toContain('QuotaBypassed'),
        { interval: 200 },
      );
      expect(await usedBytes(pool, own)).toBeGreaterThan(SIZE);
      expect(asUser('echo more > "$1/more"', thief.target_path).status).not.toBe(0);
    });

    test('do not prevent deleting the volume, and keep its project id reserved until they are moved back', async () => {
      const pool = withQuota(512 * MIB);
      const { node, victim, thief } = await nodeWithVolumes(pool);
      const stolen = projectIdOf(pool, victim.volume_id);
      putInto(stolen, thief.target_path, 'stolen', 20);
      await node.node.NodeUnpublishVolume(victim);
      await node.node.NodeUnstageVolume(victim);
      await node.controller.DeleteVolume({ volume_id: victim.volume_id });
      await eventually(() => expect(readdirSync(join(pool, '.outgoing'))).toEqual([]), { interval: 200 });
      await eventually(
        async () =>
          expect(await usedBytes(pool, projectIdOf(pool, thief.volume_id))).toBeGreaterThanOrEqual(20 * MIB),
        { interval: 200 },
      );
      await eventually(
        async () => expect(await withDescriptor(pool, 'r', (fd) => quotaOf(fd, stolen))).toBeUndefined(),
        { interval: 200 },
      );
      expect(await storageHealth(node)).toEqual([]);
    });
  },
);
