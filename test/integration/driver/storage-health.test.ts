import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { failFileSystem } from '../../support/fail-file-system.ts';
import { everywhere, found, onNode, storageHealth, unlimited } from '../../support/health.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, df, fileSystem } from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { loopsBelow } from '../../support/scratch.ts';
import { type Published, startedNode, type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const onDisk = { parameters: { pool: 'disk' } };

/** A disk for one test that can be mounted, and unmounted even while in use. */
interface Disk {
  readonly path: string;
  mount(): void;
  unmount(): void;
}

function diskWith(directory: string, makeFileSystem: readonly string[], options = 'loop'): Disk {
  const [path, file] = [join(directory, 'disk'), join(directory, 'disk.image')];
  mkdirSync(path);
  writeFileSync(file, '');
  truncateSync(file, 400 * MIB);
  const [program = '', ...words] = makeFileSystem;
  execFileSync(program, [...words, file], { stdio: ['ignore', 'ignore', 'inherit'] });
  const mount = () => void execFileSync('mount', ['-o', options, file, path]);
  mount();
  return { path, mount, unmount: () => void execFileSync('umount', ['--lazy', path]) };
}

const ext4 = ['mkfs.ext4', '-q', '-E', 'nodiscard'];
const xfs = ['mkfs.xfs', '-q'];

/** A tmpfs, also for an ordinary user; its data is lost when it is unmounted, so it stays mounted elsewhere. */
function tmpfs(directory: string, options = 'mode=0755'): Disk {
  const [path, store] = [join(directory, 'disk'), join(directory, 'store')];
  mkdirSync(path);
  mkdirSync(store);
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'none', store]);
  const mount = () => void execFileSync('mount', ['--bind', store, path]);
  mount();
  return { path, mount, unmount: () => void execFileSync('umount', ['--lazy', path]) };
}

async function nodeWithDisk(makeDisk: (directory: string) => Disk) {
  const node = testNode();
  const disk = makeDisk(node.directory);
  const flags = [`--pool=disk=${disk.path}`];
  await node.start({ flags });
  return { node, disk, flags };
}

const sizedImage = (pool: string) => ({
  parameters: { pool, backend: 'image' },
  capacity_range: { required_bytes: 16 * MIB },
});

const publishedOn = (node: TestNode, name = 'a') => node.createPublished(name, mountCapability(), onDisk);

/** The state of a healthy disk. */
const healthy: string[] = [];

test('healthy pools are not reported', async () => {
  const node = await startedNode();
  expect(await storageHealth(node)).toEqual(healthy);
});

const disks: [string, (directory: string) => Disk][] = [
  ['tmpfs', tmpfs],
  ['ext4', (directory) => diskWith(directory, ext4)],
  ['xfs', (directory) => diskWith(directory, xfs)],
];

describe.each(disks.filter(([name]) => isHostRoot || name === 'tmpfs'))('a pool on %s', (_, makeDisk) => {
  test('whose disk disappears at runtime is unreachable, and so are its volumes, until it is back', async () => {
    const { node, disk } = await nodeWithDisk(makeDisk);
    const paths = await publishedOn(node);
    expect(await found(node, paths)).toEqual(everywhere(unlimited));
    disk.unmount();
    // Existing mounts still work for the pods.
    expect(await found(node, paths)).toEqual(everywhere(['PoolUnreachable']));
    expect(await storageHealth(node)).toEqual(['STORAGE_UNREACHABLE PoolUnreachable']);
    execFileSync('umount', [paths.target_path]);
    expect(await found(node, paths)).toEqual(onNode(['NotMounted'], ['PoolUnreachable']));
    disk.mount();
    expect(await storageHealth(node)).toEqual(healthy);
    const { controller } = await found(node, paths);
    expect(controller).toEqual(unlimited);
  });

  test('whose disk is missing at the start may have any volume, and is named', async () => {
    const { node, disk, flags } = await nodeWithDisk(makeDisk);
    const paths = await publishedOn(node);
    const other = await node.create('in the default pool');
    await node.stop();
    disk.unmount();
    await node.start({ flags });
    const unreachable = everywhere(['PoolUnreachable']);
    // Which volumes it has is unknown.
    expect(await found(node, paths)).toEqual({ ...unreachable, list: undefined });
    const { backend_health } = await node.node.NodeGetStorageHealth({});
    expect(backend_health).toMatchObject([
      { status: 'STORAGE_UNREACHABLE', message: expect.stringContaining('pool "disk"') },
    ]);
    const { volume_health } = await node.controller.ControllerGetVolumeHealth({ volume_id: other });
    expect(volume_health?.health_statuses).toMatchObject([{ reason: 'CapacityNotEnforced' }]);
    await expectRefusal(node.controller.ControllerGetVolumeHealth({ volume_id: 'nobody' }), 'NOT_FOUND');
    disk.mount();
    expect(await found(node, paths)).toEqual(everywhere(unlimited));
  });

  test('with another disk mounted at its path is unreachable', async () => {
    const { node, disk } = await nodeWithDisk(makeDisk);
    const paths = await publishedOn(node);
    disk.unmount();
    execFileSync('mount', ['-t', 'tmpfs', 'none', disk.path]);
    expect(await found(node, paths)).toEqual(everywhere(['PoolUnreachable']));
    expect(await storageHealth(node)).toEqual(['STORAGE_UNREACHABLE PoolUnreachable']);
    execFileSync('umount', [disk.path]);
    disk.mount();
    expect(await storageHealth(node)).toEqual(healthy);
  });

  test('that is nearly full is degraded, along with its volumes without a limit', async () => {
    const { node, disk } = await nodeWithDisk((directory) =>
      makeDisk === tmpfs ? tmpfs(directory, 'mode=0755,size=64m') : makeDisk(directory),
    );
    const paths = await publishedOn(node);
    const { total, available } = df(disk.path);
    execFileSync('fallocate', ['--length', String(available - total / 33n), join(disk.path, 'filler')]);
    expect(await storageHealth(node)).toContain('STORAGE_DEGRADED NearlyOutOfSpace');
    const { controller } = await found(node, paths);
    expect(controller).toEqual(expect.arrayContaining(['CapacityNotEnforced', 'NearlyOutOfSpace']));
    rmSync(join(disk.path, 'filler'));
    // XFS frees removed space in the background.
    await eventually(async () => expect(await storageHealth(node)).toEqual(healthy));
  });
});

test('a pool whose disk has almost no inodes left is degraded', async () => {
  const { node, disk } = await nodeWithDisk((directory) => tmpfs(directory, 'mode=0755,nr_inodes=200'));
  const paths = await publishedOn(node);
  const { available } = df(disk.path).inodes;
  for (let index = 0; BigInt(index) < available - 5n; index++) {
    writeFileSync(join(paths.target_path, `file-${index}`), '');
  }
  expect(await storageHealth(node)).toEqual(['STORAGE_DEGRADED NearlyOutOfInodes']);
  expect(await found(node, paths)).toEqual(everywhere([...unlimited, 'NearlyOutOfInodes']));
});

describe.skipIf(!isHostRoot)('a pool whose disk hits an error', () => {
  /** A published directory, and a published image. */
  async function withVolumes(makeDisk: (directory: string) => Disk) {
    const { node, disk } = await nodeWithDisk(makeDisk);
    const directory = await publishedOn(node);
    const image = await node.createPublished('image', fileSystem('ext4'), sizedImage('disk'));
    return { node, disk, directory, image };
  }

  test('is read-only, and degraded with all its volumes', async () => {
    const { node, disk, directory, image } = await withVolumes((path) => diskWith(path, ext4));
    const block = await node.createPublished('block', blockDevice(), onDisk);
    await failFileSystem(disk.path);
    expect(() => writeFileSync(join(directory.target_path, 'file'), '')).toThrow('EROFS');
    expect(await storageHealth(node)).toEqual(['STORAGE_DEGRADED PoolReadOnly']);
    expect(await found(node, directory)).toEqual(
      onNode(['UnexpectedlyReadOnly'], ['PoolReadOnly', ...unlimited]),
    );
    // Their own file systems and devices have not hit an error yet.
    for (const paths of [image, block]) {
      expect(await found(node, paths)).toEqual(everywhere(['PoolReadOnly']));
      await node.node.NodeUnpublishVolume(paths);
      await node.node.NodeUnstageVolume(paths);
    }
    expect(loopsBelow(disk.path)).toEqual([]);
  });

  test('and is shut down is unreachable, and the calls are answered', async () => {
    const { node, disk, directory } = await withVolumes((path) => diskWith(path, xfs));
    execFileSync('xfs_io', ['-x', '-c', 'shutdown', disk.path]);
    expect(await storageHealth(node)).toEqual(['STORAGE_UNREACHABLE PoolUnreachable']);
    const { controller, list, nodeWithPaths } = await found(node, directory);
    expect([controller, list]).toEqual([['PoolUnreachable'], ['PoolUnreachable']]);
    expect(nodeWithPaths).toEqual(expect.arrayContaining(['PoolUnreachable', 'DiskError']));
    // The device of its image answers with errors, and the devices of other images are still found.
    const other = await node.createPublished('other', fileSystem('ext4'), sizedImage('default'));
    expect(await found(node, other)).toEqual(everywhere([]));
    await node.node.NodeUnpublishVolume(other);
    await node.node.NodeUnstageVolume(other);
  });
});

test.skipIf(!isHostRoot)('an unhealthy pool does not affect the others', async () => {
  const { node, disk } = await nodeWithDisk((directory) => diskWith(directory, ext4));
  const inDefault: Published = await node.createPublished('in the default pool');
  await publishedOn(node);
  disk.unmount();
  expect(await found(node, inDefault)).toEqual(everywhere(unlimited));
});
