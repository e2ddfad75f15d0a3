import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fromSnapshot, fromVolume, snapshotOf, takeDown } from '../../support/copies.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, fileSystem, image, imageFile, mountedAs } from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const sizes = { ext4: 64 * MIB, xfs: 300 * MIB, btrfs: 256 * MIB } as const;
const allowed = { parameters: { allowVolumeModeChange: 'true' } };

let node: TestNode;

beforeEach(async () => {
  node = new TestNode();
  await node.start();
});
afterEach(() => node.dispose());

const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' });

/** A block volume on which its user has made a file system. */
async function crafted(fsType: keyof typeof sizes, name: string, craft: (device: string) => void) {
  const paths = await node.createPublished(name, blockDevice(), image(sizes[fsType]));
  craft(paths.target_path);
  await takeDown(node, paths);
  return paths.volume_id;
}

describe.skipIf(!isHostRoot)('a file system made by the user of a block volume', () => {
  test('is mounted only if the class allows it, from a snapshot or a clone', async () => {
    const volume_id = await crafted('ext4', 'raw', (device) => run('mkfs.ext4', '-q', device));
    const { snapshot_id } = await snapshotOf(node, volume_id);
    for (const source of [fromSnapshot(snapshot_id), fromVolume(volume_id)]) {
      const refused = node.create('mounted', source);
      await expectRefusal(refused, 'INVALID_ARGUMENT', 'parameters.allowVolumeModeChange: must be "true"');
    }
    await node.createPublished('mounted', fileSystem('ext4'), { ...allowed, ...fromSnapshot(snapshot_id) });
  });

  test('cannot crash the node with an error in it', async () => {
    const volume_id = await crafted('ext4', 'raw', (device) => {
      run('mkfs.ext4', '-q', device);
      run('tune2fs', '-e', 'panic', '-o', 'journal_data,nobarrier', device);
    });
    const paths = await node.createPublished('mounted', fileSystem('ext4'), {
      ...allowed,
      ...fromVolume(volume_id),
    });
    for (const path of [paths.staging_target_path, paths.target_path]) {
      const { options } = mountedAs(path);
      expect(options).toContain('errors=remount-ro');
      expect(options).not.toContain('data=journal');
      expect(options).not.toContain('nobarrier');
    }
  });

  test.each([
    ['sets the mount options', ['-E', 'mount_opts=usrjquota=aquota.user']],
    ['multiple mount protection', ['-O', 'mmp']],
  ])('is refused with %s', async (what, args) => {
    const volume_id = await crafted('ext4', 'raw', (device) => {
      run('mkfs.ext4', '-q', device);
      run('tune2fs', ...args, device);
    });
    const refused = node.create('mounted', { ...allowed, ...fromVolume(volume_id) });
    await expectRefusal(refused, 'INVALID_ARGUMENT', what);
  });

  test('gets a new id, even if its user has chosen the id of another volume', async () => {
    const fsidOf = (volumeId: string) =>
      /^fsid\s+(\S+)/m.exec(run('btrfs', 'inspect-internal', 'dump-super', imageFile(node, volumeId)))?.[1];
    const victim = await node.createPublished('victim', fileSystem('btrfs'), image(sizes.btrfs));
    const victimId = fsidOf(victim.volume_id) ?? '';
    await takeDown(node, victim);
    const volume_id = await crafted('btrfs', 'raw', (device) =>
      run('mkfs.btrfs', '-q', '-f', '-m', 'single', '-U', victimId, device),
    );
    const mounted = await node.createPublished('mounted', fileSystem('btrfs'), {
      ...allowed,
      ...fromVolume(volume_id),
    });
    expect(fsidOf(mounted.volume_id)).not.toBe(victimId);
    const volume_capability = fileSystem('btrfs');
    await node.node.NodeStageVolume({ ...victim, volume_capability });
    await node.node.NodePublishVolume({ ...victim, volume_capability });
  });
});

test.skipIf(!isHostRoot)(
  'an image whose superblock asks for unsafe settings is not staged, and its health reports why',
  async () => {
    const volume_capability = fileSystem('ext4');
    const paths = await node.createStaged('changed', volume_capability, image(sizes.ext4));
    await node.node.NodeUnstageVolume(paths);
    run('tune2fs', '-E', 'mount_opts=debug', imageFile(node, paths.volume_id));
    const stage = () => node.node.NodeStageVolume({ ...paths, volume_capability });
    await expectRefusal(stage(), 'FAILED_PRECONDITION', 'sets the mount options "debug"');
    const { volume_health } = await node.controller.ControllerGetVolumeHealth({ volume_id: paths.volume_id });
    expect(volume_health?.health_statuses).toMatchObject([{ reason: 'FileSystemRefused' }]);
    run('tune2fs', '-E', 'mount_opts=', imageFile(node, paths.volume_id));
    await stage();
  },
);
