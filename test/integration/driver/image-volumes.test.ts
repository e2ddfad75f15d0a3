import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { asUser } from '../../support/as-user.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import {
  allocatedBytes,
  df,
  expectNoLoops,
  fileSystem,
  image,
  imageFile,
  loopsOf,
  mountedAs,
} from '../../support/image-node.ts';
import { listing } from '../../support/listing.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { type Published, startedNode, TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

const fsTypes = ['ext4', 'xfs', 'btrfs'] as const;
const smallest = { ext4: 16 * MIB, xfs: 300 * MIB, btrfs: 114_294_784 } as const;
const anyCapability = fileSystem();

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Unpublishes, unstages and stages a volume again, so that no cache is left. */
async function restage({ node }: TestNode, paths: Published, volume_capability = anyCapability) {
  await node.NodeUnpublishVolume(paths);
  await node.NodeUnstageVolume(paths);
  await node.NodeStageVolume({ ...paths, volume_capability });
}

/** Unpublishes and unstages a volume, and deletes it. */
async function endLife({ node, controller }: TestNode, paths: Published) {
  await node.NodeUnpublishVolume(paths);
  await node.NodeUnstageVolume(paths);
  await controller.DeleteVolume(paths);
}

describe.skipIf(!isHostRoot)('an image volume', () => {
  let node: TestNode;

  beforeAll(async () => {
    node = new TestNode();
    await node.start();
    return () => node.dispose();
  });

  test('of 1 GiB provides most of that, reports when it is full, and harms neither its data nor its neighbours', async () => {
    const neighbour = await node.create('neighbour', { volume_capabilities: [mountCapability()] });
    writeFileSync(join(node.pool, 'volumes', neighbour, 'data', 'file'), 'neighbour');
    const capability = fileSystem('ext4');
    const paths = await node.createPublished('full', capability, image(GIB));
    const except = [join('volumes', paths.volume_id)];
    const others = listing(node.pool, except);
    expect(Number(df(paths.target_path).total)).toBeGreaterThan(0.85 * GIB);

    const kept = join(paths.target_path, 'kept');
    writeFileSync(kept, randomBytes(8 * MIB));
    const hash = sha256(kept);
    const filling = spawnSync('dd', [
      'if=/dev/zero',
      `of=${join(paths.target_path, 'filling')}`,
      'bs=4M',
      'conv=fsync',
    ]);
    expect(filling.stderr.toString()).toContain('No space left on device');
    expect(statSync(join(paths.target_path, 'filling')).size).toBeGreaterThan(0.85 * GIB);
    expect(allocatedBytes(imageFile(node, paths.volume_id))).toBeLessThan(1.01 * GIB);

    await restage(node, paths, capability);
    expect(sha256(join(paths.staging_target_path, 'kept'))).toBe(hash);
    expect(listing(node.pool, except)).toEqual(others);
    await endLife(node, paths);
  });

  test.each(fsTypes)(
    'has %s on request, with the requested owner and mode of its root, and keeps its data',
    async (fsType) => {
      const capability = fileSystem(fsType);
      const parameters = { backend: 'image', uid: '1000', gid: '2000', mode: '2750' };
      const changes = { ...image(512 * MIB), parameters };
      const paths = await node.createPublished(`of ${fsType}`, capability, changes);
      expect(mountedAs(paths.target_path).fsType).toBe(fsType);
      const { uid, gid, mode } = statSync(paths.target_path);
      expect({ uid, gid, mode: mode & 0o7777 }).toEqual({ uid: 1000, gid: 2000, mode: 0o2750 });
      expect(readdirSync(paths.target_path)).toEqual([]);
      expect(asUser('echo hello > "$1/file"', paths.target_path)).toMatchObject({ status: 0, stderr: '' });

      await restage(node, paths, capability);
      await node.node.NodePublishVolume({ ...paths, volume_capability: capability });
      expect(readFileSync(join(paths.target_path, 'file'), 'utf8')).toBe('hello\n');
      expect(statSync(paths.target_path)).toMatchObject({ uid: 1000, gid: 2000, mode: 0o42750 });
      await endLife(node, paths);
    },
  );

  test('has ext4 without fs_type, and can be used by every user', async () => {
    const { target_path } = await node.createPublished('of any', anyCapability, image(64 * MIB));
    expect(mountedAs(target_path).fsType).toBe('ext4');
    expect(statSync(target_path)).toMatchObject({ uid: 0, gid: 0, mode: 0o40777 });
  });

  test('is not staged with another fs_type than the requested or the existing one', async () => {
    const made = await node.create('made for xfs', {
      ...image(smallest.xfs),
      volume_capabilities: [fileSystem('xfs')],
    });
    const stage = (volume_id: string, volume_capability = anyCapability) =>
      node.node.NodeStageVolume({ volume_id, staging_target_path: node.newStaging(), volume_capability });
    await expectRefusal(stage(made, fileSystem('ext4')), 'FAILED_PRECONDITION', 'xfs');

    const open = await node.createPublished('open', anyCapability, image(smallest.btrfs));
    await node.node.NodeUnpublishVolume(open);
    await node.node.NodeUnstageVolume(open);
    await expectRefusal(stage(open.volume_id, fileSystem('btrfs')), 'FAILED_PRECONDITION', 'ext4');
    await stage(open.volume_id, fileSystem('ext4'));
  });

  test.each([0, 20 * MIB])(
    'with foreign data at byte %d before its first stage is left unchanged',
    async (offset) => {
      const volume_id = await node.create(`strange at ${offset}`, image(32 * MIB));
      const file = imageFile(node, volume_id);
      const fd = openSync(file, 'r+');
      writeSync(fd, 'precious', offset);
      closeSync(fd);
      const hash = sha256(file);
      const paths = { volume_id, staging_target_path: node.newStaging(), volume_capability: anyCapability };
      await expectRefusal(node.node.NodeStageVolume(paths), 'FAILED_PRECONDITION', 'left untouched');
      expect(sha256(file)).toBe(hash);
      expect(await mountsBelow(paths.staging_target_path)).toEqual([]);
      expect(readdirSync(join(file, '..')).sort()).toEqual(['image', 'volume.json']);
      await node.controller.DeleteVolume({ volume_id });
    },
  );

  test.each([
    [['nosuid', 'sync', 'noatime'], ['nosuid', 'sync', 'noatime', 'discard'], []],
    [['nodiscard', 'nodev', 'dirsync'], ['dirsync', 'nodev'], ['discard']],
    [
      ['commit=30', 'lazytime'],
      ['commit=30', 'lazytime', 'discard', 'relatime'],
      ['sync', 'noexec', 'suid'],
    ],
    [[], ['nosuid', 'nodev', 'discard', 'relatime'], []],
    [['suid', 'dev'], [], ['nosuid', 'nodev']],
    [['data=writeback', 'nobarrier'], ['data=writeback', 'nobarrier'], []],
  ])('applies the mount flags %j', async (flags, present, absent) => {
    const capability = fileSystem('ext4', flags);
    const paths = await node.createPublished(`flags ${flags.join()}`, capability, image(smallest.ext4));
    for (const path of [paths.staging_target_path, paths.target_path]) {
      const { options } = mountedAs(path);
      expect(options).toEqual(expect.arrayContaining(present));
      expect(options.filter((option) => absent.includes(option))).toEqual([]);
    }
    // The same request again succeeds, and a different one is refused.
    await node.node.NodeStageVolume({ ...paths, volume_capability: capability });
    const other = fileSystem('ext4', [...flags, 'ro']);
    const otherwise = node.node.NodeStageVolume({ ...paths, volume_capability: other });
    await expectRefusal(otherwise, 'ALREADY_EXISTS', 'readOnly');
  });

  test('does not run programs with noexec', async () => {
    const paths = await node.createPublished('noexec', fileSystem('', ['noexec']), image(smallest.ext4));
    const { stderr } = asUser('cp /bin/true "$1/program" && "$1/program"', paths.target_path);
    expect(stderr).toContain('Permission denied');
  });

  test('staged read-only takes no writes, also at its first stage', async () => {
    const paths = await node.createPublished('ro', fileSystem('', ['ro']), image(smallest.ext4));
    expect(asUser('touch "$1/file"', paths.target_path).stderr).toContain('Read-only file system');
    await restage(node, paths);
    await node.node.NodePublishVolume({ ...paths, volume_capability: anyCapability });
    expect(asUser('touch "$1/file"', paths.target_path)).toMatchObject({ status: 0, stderr: '' });
  });

  test('is refused with a flag that its file system does not know, and leaves nothing behind', async () => {
    const volume_id = await node.create('foreign flag', image(smallest.ext4));
    const staging_target_path = node.newStaging();
    const loops = loopsOf(node);
    const stage = (flags: string[]) =>
      node.node.NodeStageVolume({
        volume_id,
        staging_target_path,
        volume_capability: fileSystem('ext4', flags),
      });
    await expectRefusal(stage(['allocsize=64k']), 'FAILED_PRECONDITION', 'allocsize');
    expect(await mountsBelow(staging_target_path)).toEqual([]);
    await eventually(() => expect(loopsOf(node)).toEqual(loops));
    await expectRefusal(stage(['loop=/dev/sda']), 'INVALID_ARGUMENT', 'loop=/dev/sda');
    await stage([]);
  });

  test('published read-only takes no writes there, but takes them elsewhere', async () => {
    const paths = await node.createPublished('two targets', anyCapability, image(smallest.ext4));
    const target_path = node.newPath();
    const readOnly = { ...paths, target_path, volume_capability: anyCapability, readonly: true };
    await node.node.NodePublishVolume(readOnly);
    expect(asUser('echo hello > "$1/file"', paths.target_path)).toMatchObject({ status: 0, stderr: '' });
    expect(asUser('cat "$1/file"', target_path).status).toBe(0);
    expect(asUser('echo again > "$1/file"', target_path).stderr).toContain('Read-only file system');
  });

  test.each(fsTypes)('of %s returns the space of deleted data to the pool', async (fsType) => {
    const capability = fileSystem(fsType);
    const paths = await node.createPublished(`space of ${fsType}`, capability, image(512 * MIB));
    const file = imageFile(node, paths.volume_id);
    const data = join(paths.target_path, 'data');
    writeFileSync(data, randomBytes(128 * MIB));
    execFileSync('sync', ['-f', paths.target_path]);
    expect(allocatedBytes(file)).toBeGreaterThan(128 * MIB);
    rmSync(data);
    // It is discarded some time after the deletion is written.
    const isGivenBack = () => {
      execFileSync('sync', ['-f', paths.target_path]);
      expect(allocatedBytes(file)).toBeLessThan(96 * MIB);
    };
    await eventually(isGivenBack, { interval: 200 });
    await endLife(node, paths);
  });

  test.each(fsTypes)(
    'of %s has a minimum size, which is reported, and can be used at that size',
    async (fsType) => {
      const bytes = smallest[fsType];
      const capability = fileSystem(fsType);
      const limited = node.create(`limited too far for ${fsType}`, {
        ...image(bytes),
        capacity_range: { limit_bytes: bytes - 1 },
        volume_capabilities: [capability],
      });
      await expectRefusal(limited, 'OUT_OF_RANGE', `the file system needs at least ${bytes}`);
      const paths = await node.createPublished(`smallest ${fsType}`, capability, image(bytes));
      writeFileSync(join(paths.target_path, 'file'), randomBytes(4 * MIB));
      execFileSync('sync', ['-f', paths.target_path]);
      await endLife(node, paths);
    },
  );

  test.each(['ext3', 'EXT4', 'zfs', '../ext4'])('cannot be made with fs_type %s', async (fsType) => {
    const create = node.create('unknown', { ...image(GIB), volume_capabilities: [fileSystem(fsType)] });
    await expectRefusal(create, 'INVALID_ARGUMENT', 'must be one of ext4, xfs, btrfs');
  });

  test.each(fsTypes)('of %s reports the same stats as df', async (fsType) => {
    const capability = fileSystem(fsType);
    const paths = await node.createPublished(`df of ${fsType}`, capability, image(512 * MIB));
    writeFileSync(join(paths.target_path, 'file'), randomBytes(16 * MIB));
    execFileSync('sync', ['-f', paths.target_path]);
    for (const volume_path of [paths.staging_target_path, paths.target_path]) {
      const { volume_id } = paths;
      const { usage = [] } = await node.node.NodeGetVolumeStats({ volume_id, volume_path });
      const { inodes, ...bytes } = df(volume_path);
      expect(usage.find(({ unit }) => unit === 'BYTES')).toEqual({ unit: 'BYTES', ...asText(bytes) });
      const inodeUsage = usage.find(({ unit }) => unit === 'INODES');
      // btrfs makes inodes on demand and counts none.
      if (fsType === 'btrfs') expect(inodeUsage).toBeUndefined();
      else expect(inodeUsage).toEqual({ unit: 'INODES', ...asText(inodes) });
    }
    await endLife(node, paths);
  });

  test('is not deleted while it is staged', async () => {
    const paths = await node.createPublished('staged', anyCapability, image(smallest.ext4));
    const { volume_id, staging_target_path } = paths;
    const deletion = () => node.controller.DeleteVolume({ volume_id });
    await expectRefusal(deletion(), 'FAILED_PRECONDITION', paths.target_path);
    await node.node.NodeUnpublishVolume(paths);
    await expectRefusal(deletion(), 'FAILED_PRECONDITION', staging_target_path);
    await node.node.NodeUnstageVolume(paths);
    await deletion();
  });
});

function asText(usage: Record<'total' | 'used' | 'available', bigint>) {
  return Object.fromEntries(Object.entries(usage).map(([key, value]) => [key, value.toString()]));
}

describe.skipIf(!isHostRoot)('over its whole life, an image volume', () => {
  test('is attached while it is staged, and leaves nothing behind', async () => {
    const node = await startedNode();
    const volume_id = await node.create('life', image(smallest.ext4));
    expect(loopsOf(node)).toEqual([]);
    const paths = { volume_id, staging_target_path: node.newStaging(), target_path: node.newPath() };
    for (const _ of ['once', 'again']) {
      await node.node.NodeStageVolume({ ...paths, volume_capability: anyCapability });
      await node.node.NodePublishVolume({ ...paths, volume_capability: anyCapability });
      expect(loopsOf(node)).toHaveLength(1);
      await node.node.NodeUnpublishVolume(paths);
      expect(loopsOf(node)).toHaveLength(1);
      await node.node.NodeUnstageVolume(paths);
      await expectNoLoops(node);
    }
    await node.controller.DeleteVolume({ volume_id });
    expect(existsSync(join(node.pool, 'volumes', volume_id))).toBe(false);
    expect(await mountsBelow(node.directory)).toEqual([]);
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'continues after a %s of the driver between every two calls, each of which can be repeated',
    async (signal) => {
      const node = await startedNode({ ownProcess: true });
      const request = { ...image(smallest.ext4), volume_capabilities: [anyCapability] };
      const volume_id = await node.create('life', request);
      const paths = { volume_id, staging_target_path: node.newStaging(), target_path: node.newPath() };
      const volume_capability = anyCapability;
      const interrupted = async (call: () => Promise<unknown>) => {
        await node.stop(signal);
        await node.start({ ownProcess: true });
        await call();
        await call();
      };
      const stage = () => node.node.NodeStageVolume({ ...paths, volume_capability });
      const publish = () => node.node.NodePublishVolume({ ...paths, volume_capability });
      await interrupted(async () => expect(await node.create('life', request)).toBe(volume_id));
      await interrupted(stage);
      await interrupted(publish);
      writeFileSync(join(paths.target_path, 'file'), 'hello');
      await interrupted(() => node.node.NodeGetVolumeStats({ volume_id, volume_path: paths.target_path }));
      await stage();
      await publish();
      expect(loopsOf(node)).toHaveLength(1);
      await interrupted(() => expectRefusal(node.controller.DeleteVolume(paths), 'FAILED_PRECONDITION'));
      await interrupted(() => node.node.NodeUnpublishVolume(paths));
      expect(readFileSync(join(paths.staging_target_path, 'file'), 'utf8')).toBe('hello');
      await interrupted(() => node.node.NodeUnstageVolume(paths));
      await expectNoLoops(node);
      await interrupted(() => node.controller.DeleteVolume(paths));
      expect(await mountsBelow(node.directory)).toEqual([]);
    },
  );
});
