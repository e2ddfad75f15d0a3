import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HealthReason } from '../../../src/model/objects/finding.ts';
import { newObjectId } from '../../../src/model/objects/object-id.ts';
import { eventually } from '../../support/eventually.ts';
import { failFileSystem } from '../../support/fail-file-system.ts';
import { everywhere, findingsInLog, found, onNode, unlimited } from '../../support/health.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, df, fileSystem, image, imageFile, loopsOf } from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import {
  directories,
  imageFileSystems,
  images,
  nodeWith,
  plainDirectory,
  type Storage,
  subvolumes,
} from '../../support/storages.ts';
import { type Published, startedNode, type TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;

/** The location of an image makes no difference to its possible problems. */
const imagesOnPlainPool = images.filter(({ makePool }) => makePool === undefined);

/** The storages on this machine: only root of the host has devices. */
const storages = [...directories, ...imagesOnPlainPool].filter(
  (each) => isHostRoot || each === plainDirectory,
);
const qgroups = subvolumes.filter(({ name }) => name.endsWith('qgroup'));

/** The findings of a healthy volume of a storage. */
function healthyOn({ backend, name }: Storage): readonly HealthReason[] {
  return backend === 'directory' || name.endsWith('off') ? unlimited : [];
}

async function publishedOn(storage: Storage) {
  const { node, pool, flags, parameters } = await nodeWith(storage);
  const capacity_range = { required_bytes: storage.sizeBytes };
  const paths = await node.createPublished('a', storage.capability, { capacity_range, parameters });
  return { node, pool, flags, paths, directory: join(pool, 'volumes', paths.volume_id) };
}

async function publishedImage(bytes = 64 * MIB, capability = fileSystem('ext4')) {
  const node = await startedNode();
  const paths = await node.createPublished('a', capability, image(bytes));
  return { node, paths, file: imageFile(node, paths.volume_id) };
}

async function publishedBlock() {
  const node = await startedNode();
  const capacity_range = { required_bytes: 16 * MIB };
  const paths = await node.createPublished('a', blockDevice(), { capacity_range });
  const [device = ''] = loopsOf(node);
  return { node, paths, device, file: imageFile(node, paths.volume_id) };
}

async function takenDown(node: TestNode, paths: Published): Promise<void> {
  await node.node.NodeUnpublishVolume(paths);
  await node.node.NodeUnstageVolume(paths);
}

/** The full messages of the controller about a volume. */
async function statusesOf({ controller }: TestNode, { volume_id }: Pick<Published, 'volume_id'>) {
  const { volume_health } = await controller.ControllerGetVolumeHealth({ volume_id });
  return volume_health?.health_statuses ?? [];
}

function fill(path: string, bytes: number): void {
  execFileSync(
    'dd',
    ['if=/dev/zero', `of=${path}`, 'bs=64k', `count=${Math.ceil(bytes / 65_536)}`, 'conv=fsync'],
    {
      stdio: 'ignore',
    },
  );
}

/** Fills a file system to 97 %; a file system that knows its free space only after a commit is synced. */
function fillNearly(directory: string): void {
  const isFull = ({ available, total }: ReturnType<typeof df>) => available * 100n <= total * 3n;
  for (let count = 0; !isFull(df(directory)); count++) {
    fill(join(directory, `file-${count}`), 2 * MIB);
    execFileSync('sync', ['--file-system', directory]);
  }
}

describe.each(storages)('$name', (storage) => {
  const healthy = healthyOn(storage);

  test('is healthy when it is created, staged and published, after a restart, and when it is unstaged', async () => {
    const { node, flags, paths } = await publishedOn(storage);
    expect(await found(node, paths)).toEqual(everywhere(healthy));
    await node.restart({ flags });
    expect(await found(node, paths)).toEqual(everywhere(healthy));
    await takenDown(node, paths);
    const health = await found(node, paths);
    expect(health).toEqual({ ...everywhere(healthy), nodeWithPaths: health.nodeWithPaths });
    // The volume is not at the path of this call.
    expect(health.nodeWithPaths).toEqual([...healthy, 'NotMounted']);
  });

  test('reports data loss when its data is removed, mounted or not', async () => {
    const { node, paths, directory } = await publishedOn(storage);
    const name = storage.backend === 'image' ? 'image' : 'data';
    const path = join(directory, name);
    rmSync(path, { recursive: true });
    expect(await found(node, paths)).toEqual(everywhere(['DataMissing']));
    const [status, ...others] = await statusesOf(node, paths);
    expect(others).toEqual([]);
    expect(status).toMatchObject({ status: 'DATA_LOSS', reason: 'DataMissing' });
    expect(status?.message).toMatch(/^the volume has lost its data: \/tmp/);
    expect(Buffer.byteLength(status?.message ?? '')).toBeLessThanOrEqual(128);
    // The log has the details that do not fit in replies, once, however often it is queried.
    const whole = `volume "${paths.volume_id}" has lost its data: ${path} is missing`;
    await eventually(() =>
      expect(findingsInLog(node, paths).filter((each) => each === whole)).toHaveLength(1),
    );
    // It can be deleted.
    await takenDown(node, paths);
    await node.controller.DeleteVolume(paths);
    await expectRefusal(node.controller.ControllerGetVolumeHealth(paths), 'NOT_FOUND', paths.volume_id);
  });

  test('with a damaged record is reported with the reason, after a restart', async () => {
    const { node, flags, paths, directory } = await publishedOn(storage);
    writeFileSync(join(directory, 'volume.json'), '{');
    await node.restart({ flags });
    await expectRefusal(node.controller.ControllerGetVolume(paths), 'INTERNAL');
    expect(await found(node, paths)).toEqual(everywhere(['RecordDamaged']));
    expect(await statusesOf(node, paths)).toMatchObject([{ status: 'DATA_LOSS' }]);
  });

  test('reports an unmounted path as not mounted, and a covered path as hidden', async () => {
    const { node, flags, paths } = await publishedOn(storage);
    const { target_path } = paths;
    execFileSync('mount', ['-t', 'tmpfs', 'none', target_path]);
    expect(await found(node, paths)).toEqual(onNode(['WrongMount'], healthy));
    execFileSync('umount', [target_path]);
    expect(await found(node, paths)).toEqual(everywhere(healthy));
    execFileSync('umount', [target_path]);
    expect(await found(node, paths)).toEqual(onNode(['NotMounted'], healthy));
    // The kernel reuses a free mount id.
    execFileSync('mount', ['-t', 'tmpfs', 'none', target_path]);
    expect(await found(node, paths)).toEqual(onNode(['WrongMount'], healthy));
    await node.restart({ flags });
    const found_ = await found(node, paths);
    expect(found_.nodeWithPaths).toEqual([...healthy, 'WrongMount']);
  });
});

describe.skipIf(!isHostRoot).each(imageFileSystems)('an image with %s', (fsType) => {
  const published = () => publishedImage(320 * MIB, fileSystem(fsType));

  test('is nearly out of space when it is 97 % full', async () => {
    const { node, paths } = await published();
    fill(join(paths.target_path, 'half'), Number(df(paths.target_path).available) / 2);
    expect(await found(node, paths)).toEqual(everywhere([]));
    fillNearly(paths.target_path);
    expect(await found(node, paths)).toEqual(everywhere(['NearlyOutOfSpace']));
    const [reported] = await statusesOf(node, paths);
    expect(reported).toMatchObject({ status: 'DEGRADED', message: / bytes left$/ });
    // How full an unmounted image is, is unknown.
    await takenDown(node, paths);
    expect(await statusesOf(node, paths)).toEqual([]);
  });

  test('is unexpectedly read-only when its file system has been remounted read-only', async () => {
    const { node, paths } = await published();
    execFileSync('mount', ['-o', 'remount,ro', paths.target_path]);
    const reported = await found(node, paths);
    expect(reported.controller).toEqual([]);
    // The staging path and the target, in one entry.
    expect(reported.node).toEqual(['UnexpectedlyReadOnly']);
    expect(reported.nodeWithPaths).toEqual(reported.node);
  });

  test('with foreign content cannot be staged, which is reported', async () => {
    const { node, paths, file } = await published();
    await takenDown(node, paths);
    const fd = openSync(file, 'r+');
    writeSync(fd, Buffer.alloc(MIB, 'x'));
    closeSync(fd);
    expect(await statusesOf(node, paths)).toMatchObject([
      { status: 'INACCESSIBLE', reason: 'FileSystemUnknown' },
    ]);
    const stage = node.node.NodeStageVolume({ ...paths, volume_capability: fileSystem(fsType) });
    await expectRefusal(stage, 'FAILED_PRECONDITION', 'an unrecognised file system');
  });

  test('that is truncated reports data loss, mounted or not', async () => {
    const { node, paths, file } = await published();
    truncateSync(file, 319 * MIB);
    expect(await found(node, paths)).toEqual(everywhere(['ImageTruncated']));
    await takenDown(node, paths);
    expect(await statusesOf(node, paths)).toMatchObject([{ status: 'DATA_LOSS', reason: 'ImageTruncated' }]);
  });
});

describe.skipIf(!isHostRoot)('an image with ext4', () => {
  test('whose file system hits an error is unexpectedly read-only, also after a restart', async () => {
    const { node, paths } = await publishedImage();
    await failFileSystem(paths.target_path);
    expect(() => writeFileSync(join(paths.target_path, 'file'), '')).toThrow('EROFS');
    const expected = onNode(['UnexpectedlyReadOnly'], ['FileSystemErrors']);
    expect(await found(node, paths)).toEqual(expected);
    await node.restart();
    expect(await found(node, paths)).toEqual(expected);
  });

  test('is nearly out of inodes when few are left', async () => {
    const { node, paths } = await publishedImage(16 * MIB);
    const { available } = df(paths.target_path).inodes;
    expect(await found(node, paths)).toEqual(everywhere([]));
    for (let index = 0; BigInt(index) < available - 10n; index++) {
      writeFileSync(join(paths.target_path, `file-${index}`), '');
    }
    expect(await found(node, paths)).toEqual(everywhere(['NearlyOutOfInodes']));
  });

  test('that is read-only on request is healthy, and reported otherwise', async () => {
    const { node, paths } = await publishedImage();
    await node.node.NodeUnpublishVolume(paths);
    const volume_capability = fileSystem('ext4');
    await node.node.NodePublishVolume({ ...paths, volume_capability, readonly: true });
    expect(await found(node, paths)).toEqual(everywhere([]));
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    execFileSync('mount', ['-o', 'remount,ro,bind', paths.target_path]);
    expect(await found(node, paths)).toEqual(onNode(['UnexpectedlyReadOnly']));
  });
});

describe.skipIf(!isHostRoot)('an image with XFS', () => {
  test('whose file system has shut down reports errors, and the call succeeds', async () => {
    const { node, paths } = await publishedImage(300 * MIB, fileSystem('xfs'));
    execFileSync('xfs_io', ['-x', '-c', 'shutdown', paths.target_path]);
    const { nodeWithPaths } = await found(node, paths);
    expect(nodeWithPaths).toContain('DiskError');
  });
});

describe.skipIf(!isHostRoot)('a block volume', () => {
  test('is healthy, however full it is', async () => {
    const { node, paths } = await publishedBlock();
    expect(await found(node, paths)).toEqual(everywhere([]));
    fill(paths.target_path, 16 * MIB);
    expect(await found(node, paths)).toEqual(everywhere([]));
    await node.restart();
    expect(await found(node, paths)).toEqual(everywhere([]));
  });

  test('is not mounted if its target is unmounted, and hidden if something else is bound there', async () => {
    const { node, paths } = await publishedBlock();
    execFileSync('mount', ['--bind', '/dev/null', paths.target_path]);
    expect(await found(node, paths)).toEqual(onNode(['WrongMount']));
    execFileSync('umount', [paths.target_path]);
    execFileSync('umount', [paths.target_path]);
    expect(await found(node, paths)).toEqual(onNode(['NotMounted']));
  });

  test('is unexpectedly read-only if its device is, and it is published for writing', async () => {
    const { node, paths, device } = await publishedBlock();
    execFileSync('blockdev', ['--setro', device]);
    expect(await found(node, paths)).toEqual(onNode(['UnexpectedlyReadOnly']));
    execFileSync('blockdev', ['--setrw', device]);
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodePublishVolume({ ...paths, volume_capability: blockDevice(), readonly: true });
    expect(await found(node, paths)).toEqual(everywhere([]));
  });

  test('that is truncated or missing reports data loss', async () => {
    const { node, paths, file } = await publishedBlock();
    truncateSync(file, MIB);
    expect(await found(node, paths)).toEqual(everywhere(['ImageTruncated']));
    rmSync(file);
    expect(await found(node, paths)).toEqual(everywhere(['DataMissing']));
  });
});

describe.skipIf(!isHostRoot).each(qgroups)('$name', (storage) => {
  test('has no enforced size when quotas are switched off', async () => {
    const { node, pool, paths } = await publishedOn(storage);
    expect(await found(node, paths)).toEqual(everywhere([]));
    execFileSync('btrfs', ['quota', 'disable', pool]);
    expect(await found(node, paths)).toEqual(everywhere(['CapacityNotEnforced']));
    const [reported] = await statusesOf(node, paths);
    expect(reported?.message).toContain('quotas are off on pool "other"');
  });

  test('is nearly out of space when its limit is nearly reached', async () => {
    const { node, pool, paths } = await publishedOn(storage);
    fill(join(paths.target_path, 'file'), 0.97 * storage.sizeBytes);
    execFileSync('btrfs', ['filesystem', 'sync', pool]);
    expect(await found(node, paths)).toEqual(everywhere(['NearlyOutOfSpace']));
  });
});

describe('the list of unhealthy volumes', () => {
  test('has pages, includes damaged volumes, and leaves out healthy ones', async () => {
    const node = await startedNode();
    const ids = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => node.create(name)));
    const [damaged = ''] = ids;
    writeFileSync(join(node.pool, 'volumes', damaged, 'volume.json'), '');
    if (isHostRoot) await node.create('healthy', image(16 * MIB));
    await node.restart();
    const seen: string[] = [];
    let starting_token = '';
    do {
      const page = await node.controller.ControllerListVolumeHealth({ max_entries: 2, starting_token });
      expect(page.entries.length).toBeLessThanOrEqual(2);
      seen.push(...page.entries.map(({ volume_id }) => volume_id));
      starting_token = page.next_token;
    } while (starting_token !== '');
    expect(seen).toEqual(ids.sort());
  });

  test.each([
    [{ max_entries: -1 }, 'INVALID_ARGUMENT', 'max_entries'],
    [{ starting_token: 'garbage' }, 'ABORTED', 'starting_token'],
  ] as const)('is refused for %j', async (request, code, text) => {
    const node = await startedNode();
    await expectRefusal(node.controller.ControllerListVolumeHealth(request), code, text);
  });
});

describe('a call about the health of a volume', () => {
  test('needs an id', async () => {
    const { controller, node } = await startedNode();
    await expectRefusal(controller.ControllerGetVolumeHealth({}), 'INVALID_ARGUMENT', 'volume_id');
    await expectRefusal(node.NodeGetVolumeHealth({}), 'INVALID_ARGUMENT', 'volume_id');
  });

  test.each(['nobody', newObjectId('a', 'cccccccc'), '../volumes'])(
    'finds no volume with the id %s',
    async (volume_id) => {
      const { controller, node } = await startedNode();
      await expectRefusal(controller.ControllerGetVolumeHealth({ volume_id }), 'NOT_FOUND', volume_id);
      await expectRefusal(node.NodeGetVolumeHealth({ volume_id }), 'NOT_FOUND', volume_id);
    },
  );

  test('names an invalid path', async () => {
    const node = await startedNode();
    const volume_id = await node.create('a');
    for (const field of ['staging_target_path', 'volume_publish_path']) {
      for (const path of ['relative', join(node.pool, 'volumes')]) {
        const call = node.node.NodeGetVolumeHealth({ volume_id, [field]: path });
        await expectRefusal(call, 'INVALID_ARGUMENT', field);
      }
    }
  });

  test('changes nothing', async () => {
    const node = await startedNode();
    const paths = await node.createPublished('a', mountCapability());
    const before = readdirSync(node.directory, { recursive: true, encoding: 'utf8' }).sort();
    await found(node, paths);
    await found(node, { ...paths, target_path: join(node.directory, 'nothing', 'here') });
    const after = readdirSync(node.directory, { recursive: true, encoding: 'utf8' }).sort();
    expect(after).toEqual(before);
  });
});
