import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fromSnapshot, fromVolume, snapshotOf, takeDown } from '../../support/copies.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, fileSystem, image, imageFile, loopsOf, mountedAs } from '../../support/image-node.ts';
import { expectRefusal, outcomeOf, type Refusal } from '../../support/refusal.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { TestNode } from '../../support/test-node.ts';
import { Random, rounds } from '../support/random.ts';

const MIB = 1024 ** 2;
const BLOCK_BYTES = MIB;
const allowed = { parameters: { allowVolumeModeChange: 'true' } };
const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' });

const random = new Random('images');
let node: TestNode;

beforeEach(async () => {
  node = new TestNode();
  await node.start();
});
afterEach(() => node.dispose());

/** A block volume whose user writes to its device, and which is then unstaged. @returns its id */
async function written(name: string, sizeBytes: number, write: (device: string) => void): Promise<string> {
  const paths = await node.createPublished(name, blockDevice(), image(sizeBytes));
  write(paths.target_path);
  await takeDown(node, paths);
  return paths.volume_id;
}

/** Writes texts at offsets. */
function patch(path: string, parts: readonly (readonly [offset: number, text: string])[]): void {
  const fd = openSync(path, 'r+');
  for (const [offset, text] of parts) writeSync(fd, Buffer.from(text, 'latin1'), 0, text.length, offset);
  closeSync(fd);
}

const codeOf = (outcome: 'OK' | Refusal) => (outcome === 'OK' ? outcome : outcome.code);
const hashOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

// The partition tables have one partition each.
const partition = '\x80\x01\x01\x00\x8e\x01\x01\x01\x00\x08\x00\x00\x00\x40\x00\x00';
const signatures: Record<string, readonly (readonly [number, string])[]> = {
  'an MBR partition table with LVM': [
    [446, partition],
    [510, '\x55\xaa'],
  ],
  'a GPT': [
    [446, partition.replace('\x8e', '\xee')],
    [510, '\x55\xaa'],
    [512, 'EFI PART\0\0\x01\0\x5c\0\0\0'],
  ],
  LVM: [
    [512, 'LABELONE\x01\0\0\0\0\0\0\0'],
    [536, 'LVM2 001'],
  ],
  'md RAID': [[4096, '\xfc\x4e\x2b\xa9\x01\0\0\0']],
  LUKS: [[0, 'LUKS\xba\xbe\0\x02']],
  swap: [
    [1024, '\x01\0\0\0'],
    [4086, 'SWAPSPACE2'],
  ],
  FAT: [
    [0, '\xeb\x3c\x90mkfs.fat'],
    [54, 'FAT16   '],
    [510, '\x55\xaa'],
  ],
  squashfs: [[0, 'hsqs']],
  'ISO 9660': [[32_769, 'CD001\x01']],
  ZFS: [[131_072, '\x0c\xb1\xba\0\0\0\0\0']],
  F2FS: [[1024, '\x10\x20\xf5\xf2']],
  text: [[0, '#!/bin/sh\nreboot -f\n']],
};

describe.skipIf(!isHostRoot)('a block volume whose user writes', () => {
  test('other formats to it stays a block volume: it is not mounted, and its partitions are no devices', async () => {
    for (const [what, parts] of random.sample(Object.entries(signatures), rounds(3))) {
      const volume_id = await written(what, BLOCK_BYTES, (device) => patch(device, parts));
      const before = hashOf(imageFile(node, volume_id));
      const { snapshot_id } = await snapshotOf(node, volume_id, `of ${what}`);
      for (const source of [fromVolume(volume_id), fromSnapshot(snapshot_id)]) {
        const refused = node.create(`mounted ${what}`, {
          ...allowed,
          ...source,
          volume_capabilities: [fileSystem('ext4')],
        });
        await expectRefusal(refused, 'INVALID_ARGUMENT');
      }
      const paths = {
        volume_id,
        staging_target_path: node.newStaging(),
        target_path: node.newPath(),
        volume_capability: blockDevice(),
      };
      await node.node.NodeStageVolume(paths);
      await node.node.NodePublishVolume(paths);
      for (const loop of loopsOf(node))
        expect(existsSync(`/sys/block/${basename(loop)}/${basename(loop)}p1`), what).toBe(false);
      await takeDown(node, paths);
      expect(hashOf(imageFile(node, volume_id)), what).toBe(before);
      await node.controller.DeleteSnapshot({ snapshot_id });
      await node.controller.DeleteVolume({ volume_id });
    }
    expect(await mountsBelow(node.directory)).toEqual([]);
  });

  test.each(['ext4', 'xfs'] as const)(
    'a file system with the id and label of another volume (%s) does not disturb it',
    async (fsType) => {
      const sizeBytes = fsType === 'xfs' ? 300 * MIB : 64 * MIB;
      const victim = await node.createPublished('victim', fileSystem(fsType), image(sizeBytes));
      const file = imageFile(node, victim.volume_id);
      const id = run('blkid', '-p', '-s', 'UUID', '-o', 'value', file).trim();
      const volume_id = await written('twin', sizeBytes, (device) => {
        if (fsType === 'xfs') run('mkfs.xfs', '-q', '-f', '-m', `uuid=${id}`, '-L', 'victim', device);
        else run('mkfs.ext4', '-q', '-U', id, '-L', 'victim', device);
      });
      const changes = { ...allowed, ...fromVolume(volume_id) };
      const twin = await node.createPublished('mounted', fileSystem(fsType), changes);
      writeFileSync(join(victim.target_path, 'file'), 'of the victim');
      writeFileSync(join(twin.target_path, 'file'), 'of the twin');
      await takeDown(node, victim);
      const volume_capability = fileSystem(fsType);
      await node.node.NodeStageVolume({ ...victim, volume_capability });
      await node.node.NodePublishVolume({ ...victim, volume_capability });
      expect(readFileSync(join(victim.target_path, 'file'), 'utf8')).toBe('of the victim');
    },
  );

  test('a file system larger than its device, or an incomplete one, is not mounted', async () => {
    const larger = join(node.directory, 'larger');
    writeFileSync(larger, '');
    truncateSync(larger, 256 * MIB);
    run('mkfs.ext4', '-q', larger);
    for (const bytes of [64 * MIB, 4096, 2048, 1100]) {
      const volume_id = await written(`of ${bytes}`, 64 * MIB, (device) =>
        run('dd', `if=${larger}`, `of=${device}`, `bs=${bytes}`, 'count=1', 'status=none', 'conv=notrunc'),
      );
      const changes = { ...allowed, ...fromVolume(volume_id) };
      const outcome = await outcomeOf(node.createPublished(`mounted ${bytes}`, fileSystem('ext4'), changes));
      expect(['OUT_OF_RANGE', 'FAILED_PRECONDITION']).toContain(codeOf(outcome));
    }
    expect(await mountsBelow(node.directory)).toEqual([]);
  });

  test('a file system that is two at once is mounted as the one that was checked', async () => {
    const volume_id = await written('both', 256 * MIB, (device) => {
      run('mkfs.btrfs', '-q', '-f', '-m', 'single', device);
      run('mkfs.ext4', '-q', '-F', '-G', '1', device);
      patch(device, [
        [0, 'XFSB'],
        [0x10040, '_BHRfS_M'],
      ]);
    });
    for (const [name, fsType] of [
      ['as ext4', 'ext4'],
      ['as the default', ''],
    ] as const) {
      const paths = await node.createPublished(name, fileSystem(fsType), {
        ...allowed,
        ...fromVolume(volume_id),
      });
      expect(mountedAs(paths.target_path)).toMatchObject({
        fsType: 'ext4',
        options: expect.arrayContaining(['nosuid', 'nodev', 'errors=remount-ro']),
      });
    }
    for (const fsType of ['xfs', 'btrfs']) {
      const changes = { ...allowed, ...fromVolume(volume_id), volume_capabilities: [fileSystem(fsType)] };
      await expectRefusal(node.create(`as ${fsType}`, changes), 'INVALID_ARGUMENT');
    }
  });

  test('set-user-id programs and devices in a file system that its user made have no effect', async () => {
    const volume_id = await written('armed', 64 * MIB, (device) => {
      const tree = join(node.directory, 'tree');
      execFileSync('mkdir', ['-p', tree]);
      copyFileSync('/usr/bin/id', join(tree, 'id'));
      chmodSync(join(tree, 'id'), 0o4755);
      run('mknod', join(tree, 'zero'), 'c', '1', '5');
      run('mkfs.ext4', '-q', '-d', tree, device);
    });
    const paths = await node.createPublished('mounted', fileSystem('ext4'), {
      ...allowed,
      ...fromVolume(volume_id),
    });
    for (const path of [paths.staging_target_path, paths.target_path]) {
      expect(() => openSync(join(path, 'zero'), 'r')).toThrow('EACCES');
      const id = execFileSync(join(path, 'id'), ['-u'], { uid: 1000, encoding: 'utf8', cwd: '/' });
      expect(id.trim()).toBe('1000');
    }
  });
});
