import { execFileSync } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { FileSystemType } from '../../../src/model/requests/file-system-options.ts';
import { fromSnapshot, fromVolume, snapshotOf, takeDown } from '../../support/copies.ts';
import { eventually } from '../../support/eventually.ts';
import { failFileSystem } from '../../support/fail-file-system.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { fileSystem, imageFile } from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { loopsBelow } from '../../support/scratch.ts';
import { type Published, TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const ext4 = { volume_capabilities: [fileSystem('ext4')] };

const withParameters = (parameters: Record<string, string>, bytes = 64 * MIB) => ({
  parameters: { backend: 'image', ...parameters },
  capacity_range: { required_bytes: bytes },
});

/** What the programs of each file system say about one on a device. */
const descriptions: Record<FileSystemType, (device: string) => string> = {
  ext4: (device) => execFileSync('dumpe2fs', ['-h', device], { encoding: 'utf8', stdio: 'pipe' }),
  xfs: (device) => execFileSync('xfs_db', ['-r', '-c', 'info', device], { encoding: 'utf8' }),
  btrfs: (device) => execFileSync('btrfs', ['inspect-internal', 'dump-super', device], { encoding: 'utf8' }),
};

describe.skipIf(!isHostRoot)('a volume with options for its file system', () => {
  let node: TestNode;

  beforeAll(async () => {
    node = new TestNode();
    await node.start();
    return () => node.dispose();
  });

  const deviceOf = ({ volume_id }: Published) => {
    const file = imageFile(node, volume_id);
    return loopsBelow(node.directory).find(({ backingPath }) => backingPath === file)?.path ?? '';
  };

  /** Unpublishes and unstages a volume, and waits until nothing has its image open. */
  async function takenDown(paths: Published): Promise<void> {
    await takeDown(node, paths);
    await eventually(() => expect(deviceOf(paths)).toBe(''));
  }

  const stage = (paths: Published) =>
    node.node.NodeStageVolume({ ...paths, volume_capability: fileSystem('ext4') });

  test.each<[FileSystemType, string, RegExp[]]>([
    [
      'ext4',
      '-i 65536 -m 5 -O ^dir_index,large_dir -L data',
      [
        /Inode count: +1024$/m,
        /Reserved block count: +819$/m,
        /features:(?!.*dir_index).*large_dir/,
        /name: +data$/m,
      ],
    ],
    ['ext4', '-N 4096 -b 1024', [/Inode count: +4096$/m, /Block size: +1024$/m]],
    ['xfs', '-m rmapbt=1,reflink=0 -i size=1024', [/rmapbt=1/, /reflink=0/, /isize=1024/]],
    ['btrfs', '-n 4096 -L data', [/nodesize\s+4096$/m, /label\s+data$/m]],
  ])('has a %s as asked for: %s', async (fsType, mkfsOptions, expected) => {
    const capability = fileSystem(fsType);
    const bytes = fsType === 'ext4' ? 64 * MIB : 512 * MIB;
    const paths = await node.createPublished(mkfsOptions, capability, withParameters({ mkfsOptions }, bytes));
    const description = descriptions[fsType](deviceOf(paths));
    for (const each of expected) expect(description).toMatch(each);
    const { volume } = await node.controller.ControllerGetVolume({ volume_id: paths.volume_id });
    expect(volume?.volume_context).toMatchObject({ mkfsOptions });
    await takenDown(paths);
  });

  test('is refused if mkfs refuses them for its size, and nothing is left of it', async () => {
    const volumes = readdirSync(join(node.pool, 'volumes'));
    const impossible = withParameters({ mkfsOptions: '-N 4000000000' });
    const refusal = 'parameters.mkfsOptions: "-N 4000000000" is refused for this volume: mkfs.ext4 ended';
    await expectRefusal(node.create('impossible', { ...ext4, ...impossible }), 'INVALID_ARGUMENT', refusal);
    expect(readdirSync(join(node.pool, '.incoming'))).toEqual([]);
    expect(readdirSync(join(node.pool, 'volumes'))).toEqual(volumes);
  });

  test('is copied as it is, and blank copies are formatted as their own class says', async () => {
    const options = withParameters({ mkfsOptions: '-m 5' });
    const volume_id = await node.create('original', { ...ext4, ...options });
    const { snapshot_id } = await snapshotOf(node, volume_id, 'blank');
    for (const source of [fromVolume(volume_id), fromSnapshot(snapshot_id)]) {
      const name = `copy ${JSON.stringify(source)}`;
      const paths = await node.createPublished(name, fileSystem('ext4'), { ...options, ...source });
      expect(descriptions.ext4(deviceOf(paths))).toMatch(/Reserved block count: +819$/m);
      await takenDown(paths);
    }
  });

  test.each([
    ['always', 1],
    ['auto', 5],
    ['never', 5],
  ])(
    'is checked before it is mounted by fsckMode %s: %i links of a file with a wrong count',
    async (fsckMode, links) => {
      const paths = await node.createPublished(
        `checked ${fsckMode}`,
        fileSystem('ext4'),
        withParameters({ fsckMode }),
      );
      writeFileSync(join(paths.target_path, 'file'), 'content', { flush: true });
      await takenDown(paths);
      const wrong = 'set_inode_field /file links_count 5';
      execFileSync('debugfs', ['-w', '-R', wrong, imageFile(node, paths.volume_id)], { stdio: 'ignore' });
      await stage(paths);
      expect(statSync(join(paths.staging_target_path, 'file')).nlink).toBe(links);
      await takenDown(paths);
    },
  );

  test('is mounted with recorded errors, and not checked, by fsckMode never', async () => {
    const paths = await node.createPublished(
      'never',
      fileSystem('ext4'),
      withParameters({ fsckMode: 'never' }),
    );
    await failFileSystem(paths.target_path);
    await takenDown(paths);
    await stage(paths);
    expect(descriptions.ext4(deviceOf(paths))).toMatch(/FS Error count: +[1-9]/);
    await takenDown(paths);
  });

  test('cannot have another file system checked each time, because only ext4 is repaired without questions', async () => {
    const xfs = {
      volume_capabilities: [fileSystem('xfs')],
      ...withParameters({ fsckMode: 'always' }, 512 * MIB),
    };
    await expectRefusal(
      node.create('xfs', xfs),
      'INVALID_ARGUMENT',
      'parameters.fsckMode: "always" is possible',
    );
  });
});
