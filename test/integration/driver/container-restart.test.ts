import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listLoops } from '../../../src/kernel/devices/loop-list.ts';
import type { VolumeCapability } from '../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { eventually } from '../../support/eventually.ts';
import { found, onNode } from '../../support/health.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, fileSystem } from '../../support/image-node.ts';
import { PodDevice } from '../../support/pod-device.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { type Published, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const inPool = {
  parameters: { pool: 'data', backend: 'image' },
  capacity_range: { required_bytes: 16 * MIB },
};

/**
 * A driver that reaches its pool by a mount that ends with it, as in a container. The kernel then shows only the ends of
 * the paths of files that it attached.
 */
async function nodeInContainer() {
  // Without reflinks, where an image in use is copied only if its mount is known.
  const disk = mountedImage({ mkfs: ['mkfs.ext4', '-q'] });
  const mountPoint = join(scratchDirectory(), 'data');
  mkdirSync(mountPoint);
  const mount = () => void execFileSync('mount', ['--bind', disk, mountPoint]);
  const pool = join(mountPoint, 'pool');
  const flags = [`--pool=data=${pool}`];
  mount();
  const node = testNode();
  await node.start({ flags });
  const restart = async () => {
    await node.stop();
    execFileSync('umount', ['--lazy', mountPoint]);
    mount();
    await node.start({ flags });
  };
  const published = async (capability: VolumeCapability) => {
    const paths = await node.createPublished('volume', capability, inPool);
    const device = listLoops().find(({ backingPath }) => backingPath.includes(`/${paths.volume_id}/image`));
    if (!device) throw new Error('no device is attached');
    const isAttached = () => listLoops().some(({ path }) => path === device.path);
    onTestFinished(() => {
      if (isAttached()) spawnSync('losetup', ['--detach', device.path]);
    });
    return { paths, device, isAttached };
  };
  const takeDown = async (paths: Published) => {
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
  };
  /** How many mounts the last start found. */
  const foundMounts = () => /"pool":"data".*"mounts":(\d+)/.exec(node.log())?.[1];
  return {
    node,
    imageOf: ({ volume_id }: Published) => join(pool, 'volumes', volume_id, 'image'),
    restart,
    published,
    takeDown,
    foundMounts,
  };
}

describe.skipIf(!isHostRoot)('after the driver was restarted in a new container', () => {
  test('the mounts of an image are known, and it can be copied while pods write to it', async () => {
    const { node, restart, published, takeDown, foundMounts } = await nodeInContainer();
    const { paths, device, isAttached } = await published(fileSystem('ext4'));
    await restart();
    expect(listLoops().find(({ path }) => path === device.path)?.backingPath).toBe(
      `/pool/volumes/${paths.volume_id}/image`,
    );
    expect(foundMounts()).toBe('2');
    expect(await found(node, paths)).toEqual(onNode([]));
    await node.controller.CreateSnapshot({ name: 'snapshot', source_volume_id: paths.volume_id });
    await takeDown(paths);
    await eventually(() => expect(isAttached()).toBe(false));
  });

  test('a mount of the same file in a copy of the pool is not taken for the volume', async () => {
    const { imageOf, restart, published, takeDown, foundMounts } = await nodeInContainer();
    const { paths } = await published(fileSystem('ext4'));
    await takeDown(paths);
    const directory = scratchDirectory();
    const copy = join(directory, 'volumes', paths.volume_id, 'image');
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(imageOf(paths), copy);
    const elsewhere = join(directory, 'elsewhere');
    mkdirSync(elsewhere);
    execFileSync('mount', ['-o', 'loop', copy, elsewhere]);
    await restart();
    expect(foundMounts()).toBe('0');
  });

  test('a block volume keeps its device, and is detached when it is unstaged', async () => {
    const { node, restart, published, takeDown } = await nodeInContainer();
    const { paths, isAttached } = await published(blockDevice());
    await restart();
    new PodDevice(node.directory, 'pod', paths.target_path).detach();
    expect(await found(node, paths)).toEqual(onNode(['DetachedByOthers']));
    await takeDown(paths);
    await eventually(() => expect(isAttached()).toBe(false));
    await node.controller.DeleteVolume(paths);
  });

  test.each([
    ['image', 'DataMissing'],
    ['volume.json', 'RecordDamaged'],
  ])('a block volume that has lost its %s is detached when it is unstaged', async (file, reason) => {
    const { node, imageOf, restart, published, takeDown } = await nodeInContainer();
    const { paths, isAttached } = await published(blockDevice());
    rmSync(join(dirname(imageOf(paths)), file));
    await restart();
    expect((await found(node, paths)).controller).toContain(reason);
    await takeDown(paths);
    await eventually(() => expect(isAttached()).toBe(false));
  });
});
