import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ImageFileSystem } from '../../../src/kernel/file-systems/superblock.ts';
import { dataRanges } from '../../../src/kernel/files/data-ranges.ts';
import { Random, rounds } from '../../attacks/support/random.ts';
import { deleteWithRetries, fileSystem, image, imageFile } from '../../support/image-node.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { type Published, TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const MOST_BYTES = 16;
/** For the full form, which takes longer than other tests. */
const TIMEOUT_MS = 3_600_000;
/** Of each tree or file system. */
const LIMIT_MS = 60_000;
/** A bit of /proc/sys/kernel/tainted: the kernel has had an oops. */
const DIED = 1 << 7;

/** File systems that find as little of their damage as possible by checksums. */
const kinds: readonly {
  fsType: ImageFileSystem;
  sizeBytes: number;
  mkfs: readonly string[];
  superblock: number;
}[] = [
  { fsType: 'ext4', sizeBytes: 32 * MIB, mkfs: ['-q', '-O', '^metadata_csum'], superblock: 1024 },
  { fsType: 'xfs', sizeBytes: 300 * MIB, mkfs: ['-q', '-m', 'crc=0'], superblock: 0 },
  { fsType: 'btrfs', sizeBytes: 128 * MIB, mkfs: ['-q', '-m', 'single'], superblock: 65_536 },
];

/** An image with a file system that has something of each kind. @returns its path */
function craftedImage(node: TestNode, { fsType, sizeBytes, mkfs }: (typeof kinds)[number]): string {
  const file = join(node.directory, fsType);
  const mounted = join(node.directory, `${fsType}-mounted`);
  writeFileSync(file, '');
  truncateSync(file, sizeBytes);
  mkdirSync(mounted);
  execFileSync(`mkfs.${fsType}`, [...mkfs, file]);
  execFileSync('mount', ['-o', 'loop', file, mounted]);
  const make =
    'cd "$1" && mkdir -p a/b/c && for i in $(seq 50); do echo $i > a/$i; done && ln a/1 a/b/link && ln -s /etc a/l';
  execFileSync('sh', ['-c', make, 'sh', mounted]);
  writeFileSync(join(mounted, 'large'), Buffer.alloc(2 * MIB, 'large'));
  execFileSync('umount', [mounted]);
  return file;
}

/** Damages bytes of a file where it has data, or of its superblock. */
function damage(path: string, superblock: number, random: Random): string {
  const fd = openSync(path, 'r+');
  try {
    const ranges = [...dataRanges(fd, 2n ** 40n)].map(
      ({ start, end }) => [Number(start), Number(end)] as const,
    );
    const places = Array.from({ length: 1 + random.below(MOST_BYTES) }, () => {
      if (random.below(3) === 0) return superblock + random.below(512);
      const [start, end] = random.pick(ranges);
      return start + random.below(end - start);
    });
    for (const place of places) {
      const byte = Buffer.alloc(1);
      readSync(fd, byte, { position: place });
      const value = random.pick([byte.readUInt8() ^ (1 << random.below(8)), 0, 0xff, random.below(256)]);
      writeSync(fd, Buffer.of(value), 0, 1, place);
    }
    return places.join();
  } finally {
    closeSync(fd);
  }
}

/** Reads, changes and removes what is in a file system, as far as that is possible. */
function use(path: string): void {
  const script =
    'cd "$1" && find . -ls >/dev/null; cat $(find . -type f) >/dev/null; echo x > new; rm -rf a; sync -f .';
  spawnSync('sh', ['-c', script, 'sh', path], { stdio: 'ignore', timeout: LIMIT_MS });
}

const hasDied = () => (Number(readFileSync('/proc/sys/kernel/tainted', 'utf8')) & DIED) !== 0;

let node: TestNode;
let neighbour: Published;

beforeAll(async () => {
  node = new TestNode();
  await node.start();
  neighbour = await node.createPublished('neighbour', fileSystem('ext4'), image(32 * MIB));
  return () => node.dispose();
});

describe.each(kinds)('$fsType with damaged bytes anywhere', (kind) => {
  test(
    'is staged or refused, the kernel goes on, and other volumes are served',
    async () => {
      const { fsType, sizeBytes, superblock } = kind;
      const random = new Random(`fuzzed ${fsType}`);
      const crafted = craftedImage(node, kind);
      const volume_capability = fileSystem(fsType);
      const changes = { ...image(sizeBytes), volume_capabilities: [volume_capability] };
      const volume_id = await node.create(`fuzzed ${fsType}`, changes);
      const staging_target_path = node.newStaging();
      const paths = { volume_id, staging_target_path };
      for (let round = 0; round < rounds(2); round++) {
        execFileSync('cp', ['--sparse=always', crafted, imageFile(node, volume_id)]);
        const title = `round ${round}: ${damage(imageFile(node, volume_id), superblock, random)}`;
        const outcome = await outcomeOf(node.node.NodeStageVolume({ ...paths, volume_capability }));
        expect(['OK', 'FAILED_PRECONDITION'], `${title} ${JSON.stringify(outcome)}`).toContain(
          outcome === 'OK' ? outcome : outcome.code,
        );
        if (outcome === 'OK') {
          use(staging_target_path);
          await outcomeOf(node.node.NodeGetVolumeStats({ volume_id, volume_path: staging_target_path }));
          await node.controller.ControllerGetVolumeHealth({ volume_id });
        } else {
          expect(await mountsBelow(staging_target_path), title).toEqual([]);
        }
        await node.node.NodeUnstageVolume(paths);
        expect(hasDied(), title).toBe(false);
        writeFileSync(join(neighbour.target_path, 'file'), title, { flush: true });
        await node.node.NodeGetVolumeStats({ ...neighbour, volume_path: neighbour.target_path });
      }
      await deleteWithRetries(node, paths);
    },
    TIMEOUT_MS,
  );
});
