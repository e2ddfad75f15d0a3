import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { VolumeCapability } from '../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { listing } from '../../support/listing.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { createRequest, mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { type Published, type TestNode, testNode } from '../../support/test-node.ts';

const volume_capability = mountCapability();
const block: VolumeCapability = { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } };
const onDisk = { parameters: { pool: 'disk' } };

/** A disk that can be taken away and put back. */
interface Disk {
  /** Where it is mounted. */
  readonly path: string;
  mount(): void;
  /** Also while it is in use. */
  unmount(): void;
}

function ext4Disk(directory: string): Disk {
  const [path, file] = [join(directory, 'disk'), join(directory, 'disk.ext4')];
  mkdirSync(path);
  writeFileSync(file, '');
  truncateSync(file, 128 * 1024 ** 2);
  execFileSync('mkfs.ext4', ['-q', '-E', 'nodiscard', file]);
  return diskAt(path, ['-o', 'loop', file]);
}

/** A tmpfs is lost when it is unmounted, so it stays mounted elsewhere. */
function tmpfsDisk(directory: string): Disk {
  const [path, store] = [join(directory, 'disk'), join(directory, 'store')];
  mkdirSync(path);
  mkdirSync(store);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=0755', 'none', store]);
  return diskAt(path, ['--bind', store]);
}

function diskAt(path: string, words: string[]): Disk {
  const mount = () => void execFileSync('mount', [...words, path]);
  mount();
  return { path, mount, unmount: () => void execFileSync('umount', ['--lazy', path]) };
}

/** A node with a pool on a disk of its own beside the state directory. */
async function nodeWithDisk(makeDisk: (directory: string) => Disk) {
  const node = testNode();
  const disk = makeDisk(node.directory);
  const flags = [`--pool=disk=${disk.path}`];
  const driver = await node.start({ flags });
  return { node, disk, flags, driver };
}

/** Every call that needs the pool, for a volume that is published. */
async function expectUnavailable(node: TestNode, paths: Published): Promise<void> {
  const { controller, node: nodeService } = node;
  const { volume_id, target_path } = paths;
  const capacity_range = { required_bytes: 2 * 1024 ** 2 };
  const elsewhere = { ...paths, staging_target_path: node.newStaging(), target_path: node.newPath() };
  const calls: Record<string, () => Promise<unknown>> = {
    CreateVolume: () => controller.CreateVolume(createRequest('new', onDisk)),
    'CreateVolume of one there is': () => controller.CreateVolume(createRequest('stays', onDisk)),
    DeleteVolume: () => controller.DeleteVolume({ volume_id }),
    ControllerGetVolume: () => controller.ControllerGetVolume({ volume_id }),
    ValidateVolumeCapabilities: () =>
      controller.ValidateVolumeCapabilities({ volume_id, volume_capabilities: [volume_capability] }),
    ControllerExpandVolume: () => controller.ControllerExpandVolume({ volume_id, capacity_range }),
    GetCapacity: () => controller.GetCapacity(onDisk),
    NodeStageVolume: () => nodeService.NodeStageVolume({ ...elsewhere, volume_capability }),
    NodePublishVolume: () =>
      nodeService.NodePublishVolume({ ...paths, target_path: elsewhere.target_path, volume_capability }),
    NodeGetVolumeStats: () => nodeService.NodeGetVolumeStats({ volume_id, volume_path: target_path }),
    NodeExpandVolume: () =>
      nodeService.NodeExpandVolume({ volume_id, volume_path: target_path, capacity_range }),
  };
  for (const [rpc, call] of Object.entries(calls)) {
    await expectRefusal(call(), 'UNAVAILABLE', 'pool "disk"').catch((error: unknown) => {
      throw new Error(rpc, { cause: error });
    });
  }
}

/** A full lifecycle in the default pool, which is always available. */
async function expectDefaultServes(node: TestNode): Promise<void> {
  const paths = await node.createPublished('in the default pool');
  await node.node.NodeGetVolumeStats({ ...paths, volume_path: paths.target_path });
  const capacity_range = { required_bytes: 2 * 1024 ** 2 };
  await node.controller.ControllerExpandVolume({ ...paths, capacity_range });
  const { available_capacity } = await node.controller.GetCapacity({});
  expect(Number(available_capacity)).toBeGreaterThan(0);
  await node.node.NodeUnpublishVolume(paths);
  await node.node.NodeUnstageVolume(paths);
  await node.controller.DeleteVolume(paths);
}

/** Ends the life of a volume whose pool is available again. */
async function endLife(node: TestNode, paths: Published): Promise<void> {
  await node.node.NodeUnpublishVolume(paths);
  await node.node.NodeUnstageVolume(paths);
  await node.controller.DeleteVolume(paths);
  await expectRefusal(node.controller.ControllerGetVolume(paths), 'NOT_FOUND', paths.volume_id);
}

const disks: [string, (directory: string) => Disk][] = [
  ['tmpfs', tmpfsDisk],
  ['ext4', ext4Disk],
];

describe.each(disks.filter(([name]) => isHostRoot || name === 'tmpfs'))('a pool on %s', (_, makeDisk) => {
  test('whose disk disappears at runtime is unavailable, and everything else is served', async () => {
    const { node, disk } = await nodeWithDisk(makeDisk);
    const paths = await node.createPublished('stays', volume_capability, onDisk);
    writeFileSync(join(paths.target_path, 'file'), 'precious');
    disk.unmount();
    await expectUnavailable(node, paths);
    await expectDefaultServes(node);
    expect(readdirSync(disk.path)).toEqual([]);
    // Existing mounts still work for the pods.
    expect(readFileSync(join(paths.target_path, 'file'), 'utf8')).toBe('precious');
    const inside = { ...paths, target_path: join(disk.path, 'x'), volume_capability };
    await expectRefusal(node.node.NodeUnpublishVolume(inside), 'INVALID_ARGUMENT', 'pool');
  });

  test('whose disk is mounted again is served again, with its volumes and their mounts', async () => {
    const { node, disk, driver } = await nodeWithDisk(makeDisk);
    const paths = await node.createPublished('stays', volume_capability, onDisk);
    const before = await node.controller.ControllerGetVolume(paths);
    disk.unmount();
    await expectUnavailable(node, paths);
    disk.mount();
    expect(await node.controller.ControllerGetVolume(paths)).toEqual(before);
    expect(await node.create('stays', onDisk)).toBe(paths.volume_id);
    const poolIdOf = (id: string) => id.split('-').at(-2);
    expect(poolIdOf(await node.create('new', onDisk))).toBe(poolIdOf(paths.volume_id));
    expect(readdirSync(join(disk.path, 'volumes'))).toHaveLength(2);
    await expectRefusal(node.controller.DeleteVolume(paths), 'FAILED_PRECONDITION', paths.target_path);
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    await endLife(node, paths);
    expect(driver.log()).toContain('pool became unreachable');
    expect(driver.log().split('"pool ready"')).toHaveLength(4);
  });

  test('whose disk is put back before any call is served as if nothing had happened', async () => {
    const { node, disk } = await nodeWithDisk(makeDisk);
    const paths = await node.createPublished('stays', volume_capability, onDisk);
    disk.unmount();
    disk.mount();
    await expectRefusal(node.controller.DeleteVolume(paths), 'FAILED_PRECONDITION', paths.target_path);
    await endLife(node, paths);
    expect(readdirSync(join(disk.path, 'volumes'))).toEqual([]);
  });

  test('whose disk is missing allows unpublish and unstage of its volumes', async () => {
    const { node, disk, flags } = await nodeWithDisk(makeDisk);
    const [one, other] = [
      await node.createPublished('one', volume_capability, onDisk),
      await node.createPublished('other', volume_capability, onDisk),
    ];
    disk.unmount();
    await node.node.NodeUnpublishVolume(one);
    await node.node.NodeUnstageVolume(one);
    await node.restart({ flags });
    await node.node.NodeUnpublishVolume(other);
    await node.node.NodeUnstageVolume(other);
    for (const { target_path, staging_target_path } of [one, other]) {
      expect(await mountsBelow(target_path)).toEqual([]);
      expect(await mountsBelow(staging_target_path)).toEqual([]);
    }
    disk.mount();
    for (const { volume_id } of [one, other]) await node.controller.DeleteVolume({ volume_id });
  });

  test('whose disk is missing at the start is unavailable, and is served again without a restart', async () => {
    const { node, disk, flags } = await nodeWithDisk(makeDisk);
    const paths = await node.createPublished('stays', volume_capability, onDisk);
    await node.stop();
    disk.unmount();
    const driver = await node.start({ flags });
    expect(driver.log()).toContain('pool unreachable');
    await expectUnavailable(node, paths);
    await expectDefaultServes(node);
    expect(readdirSync(disk.path)).toEqual([]);
    expect((await node.controller.ListVolumes({})).entries).toEqual([]);
    disk.mount();
    expect(await node.create('stays', onDisk)).toBe(paths.volume_id);
    const { entries = [] } = await node.controller.ListVolumes({});
    expect(entries.map((entry) => entry.volume?.volume_id)).toEqual([paths.volume_id]);
    await expectRefusal(node.controller.DeleteVolume(paths), 'FAILED_PRECONDITION', paths.target_path);
    await endLife(node, paths);
    await node.create('new', onDisk);
  });

  test('has the same capacity once its disk is back', async () => {
    const { node, disk, flags } = await nodeWithDisk(makeDisk);
    const room = async () => Number((await node.controller.GetCapacity(onDisk)).available_capacity);
    await node.restart({ flags: [...flags, '--capacity=disk=10Mi'] });
    await node.create('stays', onDisk);
    for (let count = 0; count < 3; count++) {
      disk.unmount();
      await expectRefusal(node.create('new', onDisk), 'UNAVAILABLE', 'pool "disk"');
      disk.mount();
      expect(await room()).toBe(9 * 1024 ** 2);
    }
    await node.controller.DeleteVolume({ volume_id: await node.create('stays', onDisk) });
    expect(await room()).toBe(10 * 1024 ** 2);
  });

  test('is found again by many calls at once', async () => {
    const { node, disk } = await nodeWithDisk(makeDisk);
    const names = Array.from({ length: 20 }, (_, index) => `volume ${index}`);
    const ids = await Promise.all(names.map((name) => node.create(name, onDisk)));
    disk.unmount();
    const creates = names.map((name) => node.controller.CreateVolume(createRequest(name, onDisk)));
    await Promise.all(creates.map((call) => expectRefusal(call, 'UNAVAILABLE', 'pool "disk"')));
    disk.mount();
    expect(await Promise.all(names.map((name) => node.create(name, onDisk)))).toEqual(ids);
    await Promise.all(ids.map((volume_id) => node.controller.DeleteVolume({ volume_id })));
    expect((await node.controller.ListVolumes({})).entries).toEqual([]);
  });

  test('with another disk mounted at its path is unavailable, and nothing is written to that disk', async () => {
    const { node, disk, flags } = await nodeWithDisk(makeDisk);
    const paths = await node.createPublished('stays', volume_capability, onDisk);
    disk.unmount();
    execFileSync('mount', ['-t', 'tmpfs', 'none', disk.path]);
    await expectUnavailable(node, paths);
    await node.restart({ flags });
    await expectUnavailable(node, paths);
    expect(readdirSync(disk.path)).toEqual([]);
    execFileSync('umount', [disk.path]);
    disk.mount();
    await endLife(node, paths);
  });
});

describe('an existing pool', () => {
  const nodeWithTwo = async () => {
    const node = testNode();
    const [one, two] = [join(node.directory, 'one'), join(node.directory, 'two')];
    const start = (places: Record<string, string>) => ({
      flags: Object.entries(places).map(([name, path]) => `--pool=${name}=${path}`),
    });
    await node.start(start({ one, two }));
    const ids = [
      await node.create('in one', { parameters: { pool: 'one' } }),
      await node.create('in two', { parameters: { pool: 'two' } }),
    ];
    await node.stop();
    return { node, one, two, ids, start };
  };
  const expectBothUnavailable = async (node: TestNode, ids: string[]) => {
    for (const [index, pool] of ['one', 'two'].entries()) {
      const create = node.create('new', { parameters: { pool } });
      await expectRefusal(create, 'UNAVAILABLE', `pool "${pool}"`);
      await expectRefusal(node.controller.DeleteVolume({ volume_id: ids[index] ?? '' }), 'UNAVAILABLE');
    }
  };

  test('is not recreated if its directory is gone', async () => {
    const { node, one, two, ids, start } = await nodeWithTwo();
    const hidden = [`${one}-hidden`, `${two}-hidden`];
    execFileSync('mv', [one, hidden[0] ?? '']);
    execFileSync('mv', [two, hidden[1] ?? '']);
    await node.start(start({ one, two }));
    await expectBothUnavailable(node, ids);
    expect(readdirSync(node.directory)).not.toContain('one');
    execFileSync('mv', [hidden[0] ?? '', one]);
    execFileSync('mv', [hidden[1] ?? '', two]);
    expect(await node.create('in one', { parameters: { pool: 'one' } })).toBe(ids[0]);
    expect(await node.create('in two', { parameters: { pool: 'two' } })).toBe(ids[1]);
  });

  test('is not confused with another pool at its path', async () => {
    const { node, one, two, ids, start } = await nodeWithTwo();
    const before = [listing(one), listing(two)];
    await node.start(start({ one: two, two: one }));
    await expectBothUnavailable(node, ids);
    expect([listing(one), listing(two)]).toEqual(before);
    await node.restart(start({ one, two }));
    expect(await node.create('in one')).toBe(ids[0]);
  });

  test('is unavailable while its marker is damaged, and the others are served', async () => {
    const { node, one, two, ids, start } = await nodeWithTwo();
    const markers = [one, two].map((path) => join(path, '.csi-hostpath', 'pool.json'));
    const texts = markers.map((marker) => readFileSync(marker));
    for (const marker of markers) writeFileSync(marker, '{');
    await node.start(start({ one, two }));
    for (const volume_id of ids) {
      await expectRefusal(node.controller.ControllerGetVolume({ volume_id }), 'UNAVAILABLE', 'pool.json');
    }
    await expectDefaultServes(node);
    for (const [index, marker] of markers.entries()) writeFileSync(marker, texts[index] ?? '');
    expect(await node.create('in one', { parameters: { pool: 'one' } })).toBe(ids[0]);
    expect(await node.create('in two', { parameters: { pool: 'two' } })).toBe(ids[1]);
  });
});

test('the state directory can disappear and reappear too, while another pool is served', async () => {
  const node = testNode();
  const disk = tmpfsDisk(node.directory);
  const other = { parameters: { pool: 'other' } };
  const flags = [`--statedir=${disk.path}`, `--pool=other=${join(node.directory, 'other')}`];
  await node.start({ flags });
  const paths = await node.createPublished('stays');
  disk.unmount();
  await expectRefusal(node.create('new'), 'UNAVAILABLE', 'pool "default"');
  await expectRefusal(node.controller.DeleteVolume(paths), 'UNAVAILABLE', 'pool "default"');
  const volume_id = await node.create('elsewhere', other);
  expect(Number((await node.controller.GetCapacity(other)).available_capacity)).toBeGreaterThan(0);
  expect(readdirSync(disk.path)).toEqual([]);
  disk.mount();
  expect(await node.create('stays')).toBe(paths.volume_id);
  expect(await node.create('elsewhere', other)).toBe(volume_id);
  await endLife(node, paths);
});

describe.skipIf(!isHostRoot)('images in a pool whose disk is missing', () => {
  const image = {
    parameters: { pool: 'disk', backend: 'image' },
    capacity_range: { required_bytes: 16 * 1024 ** 2 },
  };

  test('that are mounted can be unmounted, and are intact when it is back', async () => {
    const { node, disk } = await nodeWithDisk(ext4Disk);
    const paths = await node.createPublished('image', volume_capability, image);
    writeFileSync(join(paths.target_path, 'file'), 'precious');
    disk.unmount();
    await expectRefusal(node.controller.ControllerGetVolume(paths), 'UNAVAILABLE', 'pool "disk"');
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    disk.mount();
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect(readFileSync(join(paths.target_path, 'file'), 'utf8')).toBe('precious');
    await endLife(node, paths);
  });

  test('that are block devices can be unstaged, both before and after it is back', async () => {
    const { node, disk } = await nodeWithDisk(ext4Disk);
    const paths = await node.createPublished('block', block, image);
    writeFileSync(paths.target_path, 'precious', { flag: 'r+' });
    disk.unmount();
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    disk.mount();
    await node.node.NodeUnstageVolume(paths);
    await node.node.NodeStageVolume({ ...paths, volume_capability: block });
    await node.node.NodePublishVolume({ ...paths, volume_capability: block });
    expect(readFileSync(paths.target_path).subarray(0, 8).toString()).toBe('precious');
    await endLife(node, paths);
  });
});
