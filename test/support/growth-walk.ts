import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { minimumBytes } from '../../src/backends/image/mkfs.ts';
import type { ImageFileSystem } from '../../src/kernel/file-systems/superblock.ts';
import { hasCapability } from '../../src/kernel/process/capabilities.ts';
import { found } from './health.ts';
import { df, expectNoLoops, fileSystem, image } from './image-node.ts';
import { randomNumbers } from './random-numbers.ts';
import { mountsBelow } from './scratch.ts';
import { type Published, TestNode } from './test-node.ts';

const MIB = 1024 ** 2;
const LARGEST_BYTES = 2 * 1024 * MIB;
/** The space of a full image that a file system may keep: XFS its log and the rest of its last group. */
const OVERHEAD_BYTES = 144 * MIB;

/** The number of volumes per file system, and the seed for their sizes. */
const volumeCount = Number(process.env['GROWTH_WALKS'] ?? 3);
const seed = Number(process.env['GROWTH_SEED'] ?? 1);
const STEPS = 4;

const canGrowExt4Online = await hasCapability('SYS_RESOURCE');

/** Defines the tests of volumes that grow in steps of any size, with a driver of their own. */
export function testGrowth(fsType: ImageFileSystem): void {
  let node: TestNode;

  beforeAll(async () => {
    node = new TestNode();
    await node.start();
    return () => node.dispose();
  });

  const volume_capability = fileSystem(fsType);
  const leastBytes = Number(minimumBytes[fsType]);
  const stage = (paths: Published) => node.node.NodeStageVolume({ ...paths, volume_capability });

  /** Sizes that only grow, most of them slightly and near the minimum. */
  function sizesFrom(random: () => number, firstBytes: number): number[] {
    const sizes = [firstBytes];
    for (let step = 0; step < STEPS; step++) {
      const last = sizes.at(-1) ?? firstBytes;
      sizes.push(last + Math.ceil(random() ** 4 * (LARGEST_BYTES - last)));
    }
    return sizes;
  }

  /** Uses half of the free space; a file system may be too full for another file, and must still grow. */
  function fill(directory: string, step: number): void {
    const bytes = df(directory).available / 2n;
    spawnSync('fallocate', ['--length', String(bytes), join(directory, `file-${step}`)]);
  }

  /** Expands a volume, staged or not. @returns its new size */
  async function grow(paths: Published, bytes: number, isStaged: boolean): Promise<number> {
    const { volume_id, staging_target_path: volume_path } = paths;
    const capacity_range = { required_bytes: bytes };
    const { capacity_bytes } = await node.controller.ControllerExpandVolume({ volume_id, capacity_range });
    if (isStaged) {
      await node.node.NodeExpandVolume({ volume_id, volume_path, capacity_range });
    } else {
      await node.node.NodeUnstageVolume(paths);
      await expectNoLoops(node);
      await stage(paths);
    }
    return Number(capacity_bytes);
  }

  test.each(Array.from({ length: volumeCount }, (_, index) => index))(
    'grows in steps of any size, used and not, mounted and not (%i)',
    async (index) => {
      const random = randomNumbers(seed * 1000 + index);
      const first = index === 0 ? leastBytes : Math.floor(leastBytes * (1 + random() ** 3));
      const [created = first, ...sizes] = sizesFrom(random, first);
      const paths = await node.createStaged(`${fsType}-${index}`, volume_capability, image(created));
      const { staging_target_path: mounted, volume_id } = paths;
      const file = join(mounted, 'file');
      writeFileSync(file, 'hello');
      for (const [step, bytes] of sizes.entries()) {
        const walk = `${fsType} ${created} → ${sizes.slice(0, step + 1).join(' → ')}`;
        if (random() < 0.5) fill(mounted, step);
        const capacityBytes = await grow(paths, bytes, random() < 0.5);
        expect(capacityBytes, walk).toBeGreaterThanOrEqual(bytes);
        const { total } = df(mounted);
        // If it cannot grow while it is mounted, it grows at its next stage.
        if (fsType !== 'ext4' || canGrowExt4Online)
          expect(Number(total), walk).toBeGreaterThan(capacityBytes - OVERHEAD_BYTES);
        expect(readFileSync(file, 'utf8')).toBe('hello');
      }
      await node.node.NodeUnstageVolume(paths);
      await expectNoLoops(node);
      await stage(paths);
      expect(Number(df(mounted).total)).toBeGreaterThan((sizes.at(-1) ?? 0) - OVERHEAD_BYTES);
      expect((await found(node, paths)).controller).toEqual([]);
      await node.node.NodeUnstageVolume(paths);
      expect(await mountsBelow(node.directory)).toEqual([]);
      await node.controller.DeleteVolume({ volume_id });
    },
  );
}
