import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { fromVolume } from '../../support/copies.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { expectNoLoops, fileSystem, image, imageFile } from '../../support/image-node.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const sizes = { ext4: 64 * MIB, xfs: 300 * MIB, btrfs: 256 * MIB } as const;

/** Where the first superblock of each file system lies. */
const superblocks = { ext4: 1024, xfs: 0, btrfs: 64 * 1024 } as const;
type FileSystem = keyof typeof sizes;

let node: TestNode;

beforeAll(async () => {
  node = new TestNode();
  await node.start();
  return () => node.dispose();
});

/** A volume with a file in it that is not staged, and whose image has grown since it was. */
async function grownVolume(fsType: FileSystem) {
  const volume_capability = fileSystem(fsType);
  const paths = await node.createStaged(fsType, volume_capability, image(sizes[fsType]));
  const { volume_id } = paths;
  writeFileSync(join(paths.staging_target_path, 'file'), 'content '.repeat(100_000));
  await node.node.NodeUnstageVolume(paths);
  await expectNoLoops(node);
  const capacity_range = { required_bytes: 2 * sizes[fsType] };
  await node.controller.ControllerExpandVolume({ volume_id, capacity_range });
  const file = imageFile(node, volume_id);
  const whole = `${node.directory}/${fsType}`;
  const copy = (from: string, to: string) => execFileSync('cp', ['--sparse=always', from, to]);
  copy(file, whole);
  return {
    file,
    mend: () => copy(whole, file),
    stage: () => node.node.NodeStageVolume({ ...paths, volume_capability }),
    unstage: () => node.node.NodeUnstageVolume(paths),
    snapshot: async () => {
      const { snapshot } = await node.controller.CreateSnapshot({
        source_volume_id: volume_id,
        name: 'of damage',
      });
      await node.controller.DeleteSnapshot({ snapshot_id: snapshot?.snapshot_id ?? '' });
    },
    clone: async () => {
      const changes = { volume_capabilities: [volume_capability], ...fromVolume(volume_id) };
      const clone = await node.create('of damage', { ...image(2 * sizes[fsType]), ...changes });
      await node.controller.DeleteVolume({ volume_id: clone });
    },
    look: () => node.controller.ControllerGetVolumeHealth({ volume_id }),
  };
}

/** Overwrites parts of a file, of this many bytes each. */
function overwrite(file: string, offsets: readonly number[], bytes: number, value: number): void {
  const fd = openSync(file, 'r+');
  for (const offset of offsets) writeSync(fd, Buffer.alloc(bytes, value), 0, bytes, offset);
  closeSync(fd);
}

function every(step: number, from: number, to: number): number[] {
  return Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => from + index * step);
}

// Each of these once made the driver fail, or blame the wrong disk; the last two make everything after the
// superblock unreadable.
const damages: readonly [FileSystem, string, readonly number[], number, number][] = [
  ['ext4', 'an invalid block size', [superblocks.ext4 + 24], 4, 0xff],
  ['ext4', 'block groups without blocks', [superblocks.ext4 + 32], 4, 0],
  ['ext4', 'a journal far beyond its end', [superblocks.ext4 + 284], 4, 0xff],
  ['ext4', 'a wrong checksum', [superblocks.ext4 + 1020], 4, 0xff],
  ['xfs', 'a wrong checksum', [superblocks.xfs + 224], 4, 0xff],
  ['xfs', 'a wrong version', [superblocks.xfs + 100], 2, 0xff],
  ['btrfs', 'a wrong checksum', [superblocks.btrfs], 4, 0xff],
  ['btrfs', 'checksums of an unknown kind', [superblocks.btrfs + 196], 2, 0xff],
  ['ext4', 'overwritten inodes', every(4096, 4096, 4 * MIB), 4096, 0xff],
  ['xfs', 'overwritten trees', every(4096, 4096, MIB), 4096, 0xff],
  ['btrfs', 'overwritten trees', every(4096, MIB, 64 * MIB), 4096, 0xff],
];

describe.skipIf(!isHostRoot).each(['ext4', 'xfs', 'btrfs'] as const)(
  'a volume with %s that has',
  (fsType) => {
    let volume: Awaited<ReturnType<typeof grownVolume>>;

    beforeAll(async () => {
      volume = await grownVolume(fsType);
    });

    test.each(damages.filter(([of]) => of === fsType).map(([, ...damage]) => damage))(
      '%s is reported as damaged itself, and no mount of it is left',
      async (_, offsets, bytes, value) => {
        const damage = () => overwrite(volume.file, offsets, bytes, value);
        for (const name of ['stage', 'snapshot', 'clone', 'look'] as const) {
          damage();
          const outcome = await outcomeOf(volume[name]());
          // Some damage is repaired, and some is found only later.
          if (outcome !== 'OK') {
            expect([name, outcome]).toEqual([
              name,
              { code: 'FAILED_PRECONDITION', details: outcome.details },
            ]);
            expect(await mountsBelow(node.directory)).toEqual([]);
          }
          await volume.unstage();
          await expectNoLoops(node);
          volume.mend();
        }
        await volume.stage();
        await volume.unstage();
        await expectNoLoops(node);
      },
    );
  },
);
