import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CreateVolumeRequest } from '../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { VolumeGroupSnapshot__Output } from '../../../src/rpc/generated/csi/v1/VolumeGroupSnapshot.ts';
import { fromSnapshot, snapshotOf, takeDown } from '../../support/copies.ts';
import { gateAt } from '../../support/gate/gate.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, fileSystem, image } from '../../support/image-node.ts';
import { listing } from '../../support/listing.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { nodeWith, subvolumes } from '../../support/storages.ts';
import { startedNode, type TestNode, testNode } from '../../support/test-node.ts';
import { thawAtEnd } from '../../support/thaw-mounts.ts';

const MIB = 1024 ** 2;
const TEXT_BYTES = 16;
const volume_capability = mountCapability();

/** A kind of volume, and how its content is written and read while it is not in use. */
interface Kind {
  start(): Promise<{ node: TestNode; pool: string; flags: string[]; volume: Partial<CreateVolumeRequest> }>;
  write(node: TestNode, pool: string, volumeId: string, text: string): Promise<void> | void;
  read(node: TestNode, pool: string, volumeId: string): Promise<string> | string;
}

const inDirectory: Pick<Kind, 'write' | 'read'> = {
  write: (_, pool, id, text) => writeFileSync(join(pool, 'volumes', id, 'data', 'file'), text),
  read: (_, pool, id) => readFileSync(join(pool, 'volumes', id, 'data', 'file'), 'utf8'),
};

const directory: Kind = {
  ...inDirectory,
  async start() {
    const node = await startedNode();
    return { node, pool: node.pool, flags: [], volume: {} };
  },
};

const subvolume: Kind = {
  ...inDirectory,
  async start() {
    const storage = subvolumes.find(({ name }) => name.includes('qgroup'));
    if (!storage) throw new Error('no btrfs with qgroups');
    const { parameters, ...started } = await nodeWith(storage);
    return { ...started, volume: { parameters } };
  },
};

const imageVolume: Kind = {
  async start() {
    const node = await startedNode();
    const volume = { ...image(16 * MIB), volume_capabilities: [fileSystem()] };
    return { node, pool: node.pool, flags: [], volume };
  },
  write: (node, _, id, text) => staged(node, id, (path) => writeFileSync(join(path, 'file'), text)),
  read: (node, _, id) => staged(node, id, (path) => readFileSync(join(path, 'file'), 'utf8')),
};

const blockVolume: Kind = {
  async start() {
    const node = await startedNode();
    const volume = { ...image(16 * MIB), volume_capabilities: [blockDevice()] };
    return { node, pool: node.pool, flags: [], volume };
  },
  write(_, pool, id, text) {
    const fd = openSync(join(pool, 'volumes', id, 'image'), 'r+');
    writeSync(fd, text);
    closeSync(fd);
  },
  read: (_, pool, id) =>
    readFileSync(join(pool, 'volumes', id, 'image'))
      .subarray(0, TEXT_BYTES)
      .toString()
      .replace(/\0+$/, ''),
};

const kinds: [string, Kind][] = [
  ['directories', directory],
  ...(isHostRoot
    ? (
        [
          ['subvolumes', subvolume],
          ['images', imageVolume],
          ['block volumes', blockVolume],
        ] as const
      ).map(([name, kind]): [string, Kind] => [name, kind])
    : []),
];

/** Stages an image while `use` runs. */
async function staged<Result>(
  node: TestNode,
  volume_id: string,
  use: (path: string) => Result,
): Promise<Result> {
  const staging_target_path = node.newStaging();
  await node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability: fileSystem() });
  const result = use(staging_target_path);
  await node.node.NodeUnstageVolume({ volume_id, staging_target_path });
  return result;
}

async function cutGroup(
  { groupController }: TestNode,
  source_volume_ids: string[],
  name = 'group',
): Promise<VolumeGroupSnapshot__Output> {
  const { group_snapshot } = await groupController.CreateVolumeGroupSnapshot({ name, source_volume_ids });
  if (!group_snapshot) throw new Error('the reply has no group');
  return group_snapshot;
}

function memberIds({ snapshots }: VolumeGroupSnapshot__Output): string[] {
  return snapshots.map(({ snapshot_id }) => snapshot_id);
}

/** The ids of the listed snapshots, and the group of each. */
async function listed({ controller }: TestNode): Promise<[string, string][]> {
  const { entries = [] } = await controller.ListSnapshots({});
  return entries.map(({ snapshot }) => [snapshot?.snapshot_id ?? '', snapshot?.group_snapshot_id ?? '']);
}

/** The pool has no group, complete or half-made. */
function expectNoGroup(pool: string): void {
  for (const name of ['groups', 'snapshots', '.incoming', '.csi-hostpath/frozen']) {
    expect(readdirSync(join(pool, name)), name).toEqual([]);
  }
}

/** A node with two plain directories, each with a file. */
async function nodeWithTwo() {
  const node = await startedNode();
  const volumes = [await node.create('one'), await node.create('two')];
  for (const [index, id] of volumes.entries()) {
    await inDirectory.write(node, node.pool, id, `content ${index}`);
  }
  return { node, volumes };
}

describe.each(kinds)('of unused %s', (_, kind) => {
  test('a group snapshot is made, outlives its volumes and the driver, and each member can be restored', async () => {
    const { node, pool, flags, volume } = await kind.start();
    const names = ['a', 'b', 'c'];
    const sources: string[] = [];
    for (const name of names) {
      const id = await node.create(name, volume);
      await kind.write(node, pool, id, `content ${name}`);
      sources.push(id);
    }
    const group = await cutGroup(node, sources);
    expect(group.ready_to_use).toBe(true);
    expect(group.snapshots.map(({ source_volume_id }) => source_volume_id).sort()).toEqual(sources.sort());
    for (const member of group.snapshots) {
      const { group_snapshot_id, creation_time } = group;
      expect(member).toMatchObject({ group_snapshot_id, creation_time, ready_to_use: true });
      expect(await node.controller.GetSnapshot({ snapshot_id: member.snapshot_id })).toEqual({
        snapshot: member,
      });
    }
    for (const id of sources) {
      await kind.write(node, pool, id, 'later');
      await node.controller.DeleteVolume({ volume_id: id });
    }

    await node.restart({ flags });
    const { group_snapshot_id } = group;
    const snapshot_ids = memberIds(group);
    const found = await node.groupController.GetVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids });
    expect(found.group_snapshot).toEqual(group);
    expect(await listed(node)).toEqual(
      memberIds(group)
        .sort()
        .map((id) => [id, group_snapshot_id]),
    );
    const contents: string[] = [];
    for (const id of memberIds(group)) {
      const restored = await node.create(`restored ${id}`, { ...volume, ...fromSnapshot(id) });
      contents.push(await kind.read(node, pool, restored));
    }
    expect(contents.sort()).toEqual(names.map((name) => `content ${name}`));
    await node.groupController.DeleteVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids });
    expect(await listed(node)).toEqual([]);
    expectNoGroup(pool);
  });
});

describe('a group snapshot', () => {
  test('is found by its name with the same volumes, in any order and any number of times', async () => {
    const { node, volumes } = await nodeWithTwo();
    const group = await cutGroup(node, volumes);
    expect(await cutGroup(node, [...volumes].reverse())).toEqual(group);
    expect(await cutGroup(node, [...volumes, ...volumes])).toEqual(group);
    expect(await listed(node)).toHaveLength(2);
    expect(readdirSync(join(node.pool, 'groups'))).toEqual([group.group_snapshot_id]);
  });

  test('has one snapshot of a volume that is named twice', async () => {
    const { node, volumes } = await nodeWithTwo();
    const [volume = ''] = volumes;
    expect((await cutGroup(node, [volume, volume])).snapshots).toHaveLength(1);
  });

  test('keeps its name: a request with other volumes is refused', async () => {
    const { node, volumes } = await nodeWithTwo();
    const third = await node.create('three');
    const [one = '', two = ''] = volumes;
    await cutGroup(node, volumes);
    for (const others of [[one], [one, third], [one, two, third], ['no-such-volume']]) {
      await expectRefusal(cutGroup(node, others), 'ALREADY_EXISTS', '"group"');
    }
    expect(await listed(node)).toHaveLength(2);
    // Groups, snapshots and volumes can have the same name.
    await snapshotOf(node, one, 'group');
    await node.create('group');
  });

  test.each<[string, object, string]>([
    ['no volumes', { name: 'group', source_volume_ids: [] }, 'source_volume_ids'],
    ['no name', { name: '', source_volume_ids: ['a'] }, 'name'],
    ['a parameter', { name: 'group', source_volume_ids: ['a'], parameters: { a: 'b' } }, 'parameters'],
  ])('with %s is refused', async (_, request, field) => {
    const node = await startedNode();
    const call = node.groupController.CreateVolumeGroupSnapshot(request);
    await expectRefusal(call, 'INVALID_ARGUMENT', field);
    expectNoGroup(node.pool);
  });

  test('with a volume that does not exist is refused, and no snapshot of the others is made', async () => {
    const { node, volumes } = await nodeWithTwo();
    await expectRefusal(cutGroup(node, [...volumes, 'no-such-volume']), 'NOT_FOUND', 'no-such-volume');
    await expectRefusal(cutGroup(node, ['../volumes', ...volumes]), 'NOT_FOUND', '../volumes');
    expectNoGroup(node.pool);
    await cutGroup(node, volumes);
  });

  test('of volumes in two pools is refused, with the names of the pools', async () => {
    const node = testNode();
    const other = join(node.directory, 'other');
    await node.start({ flags: [`--pool=other=${other}`] });
    const here = await node.create('here');
    const there = await node.create('there', { parameters: { pool: 'other' } });
    await expectRefusal(cutGroup(node, [here, there]), 'FAILED_PRECONDITION', '"default" and "other"');
    for (const pool of [node.pool, other]) expectNoGroup(pool);
    expect((await cutGroup(node, [there])).snapshots).toHaveLength(1);
  });

  test('with a staged directory is refused with the reason, and succeeds after unstage', async () => {
    const { node, volumes } = await nodeWithTwo();
    const paths = await node.createPublished('in use');
    const call = () => cutGroup(node, [...volumes, paths.volume_id]);
    const { volume_id } = paths;
    await expectRefusal(call(), 'FAILED_PRECONDITION', `"${volume_id}" is a mounted directory`);
    await node.node.NodeUnpublishVolume(paths);
    await expectRefusal(call(), 'FAILED_PRECONDITION', volume_id);
    expectNoGroup(node.pool);
    await node.node.NodeUnstageVolume(paths);
    expect((await call()).snapshots).toHaveLength(3);
  });

  test('is returned with its own snapshots, and refused with others or if it does not exist', async () => {
    const { node, volumes } = await nodeWithTwo();
    const group = await cutGroup(node, volumes);
    const other = await snapshotOf(node, volumes[0] ?? '', 'other');
    const { group_snapshot_id } = group;
    const get = (snapshot_ids: string[]) =>
      node.groupController.GetVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids });
    const [one = '', two = ''] = memberIds(group);
    for (const ids of [
      [one, two],
      [two, one, two],
    ])
      expect(await get(ids)).toEqual({ group_snapshot: group });
    for (const ids of [[], [one], [one, other.snapshot_id], [one, two, other.snapshot_id]]) {
      await expectRefusal(get(ids), 'INVALID_ARGUMENT', 'snapshot_ids');
    }
    for (const id of ['no-such-group', one, '../groups']) {
      const call = node.groupController.GetVolumeGroupSnapshot({ group_snapshot_id: id });
      await expectRefusal(call, 'NOT_FOUND', id);
    }
    const withoutId = node.groupController.GetVolumeGroupSnapshot({});
    await expectRefusal(withoutId, 'INVALID_ARGUMENT', 'group_snapshot_id');
  });

  test('is deleted with the ids of its snapshots, not with others, and twice without error', async () => {
    const { node, volumes } = await nodeWithTwo();
    const group = await cutGroup(node, volumes);
    const { snapshot_id } = await snapshotOf(node, volumes[0] ?? '', 'other');
    const remove = (group_snapshot_id: string, snapshot_ids: string[]) =>
      node.groupController.DeleteVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids });
    const id = group.group_snapshot_id;
    const [one = '', two = ''] = memberIds(group);
    for (const ids of [[], [one], [one, snapshot_id], [one, two, snapshot_id]]) {
      await expectRefusal(remove(id, ids), 'INVALID_ARGUMENT', 'snapshot_ids');
    }
    const foreign = id.replace(/-[0-9a-f]{8}-[0-9a-f]{8}$/, '-00000000-01234567');
    await expectRefusal(remove(foreign, []), 'FAILED_PRECONDITION', '00000000');
    await expectRefusal(remove('', []), 'INVALID_ARGUMENT', 'group_snapshot_id');
    await remove('no-such-group', []);
    expect(await listed(node)).toHaveLength(3);
    await remove(id, [two, one]);
    expect(await listed(node)).toEqual([[snapshot_id, '']]);
    await remove(id, [two, one]);
    await node.restart();
    expect(await listed(node)).toEqual([[snapshot_id, '']]);
    expect((await cutGroup(node, volumes)).group_snapshot_id).not.toBe(id);
  });

  test('keeps its members: none can be deleted alone', async () => {
    const { node, volumes } = await nodeWithTwo();
    const group = await cutGroup(node, volumes);
    const before = listing(join(node.pool, 'groups'));
    for (const snapshot_id of memberIds(group)) {
      const call = node.controller.DeleteSnapshot({ snapshot_id });
      await expectRefusal(call, 'INVALID_ARGUMENT', group.group_snapshot_id);
    }
    expect(await listed(node)).toHaveLength(2);
    expect(listing(join(node.pool, 'groups'))).toEqual(before);
  });

  test('cannot be deleted while one of its members is being restored', async () => {
    const { node, volumes } = await nodeWithTwo();
    const group = await cutGroup(node, volumes);
    const { group_snapshot_id } = group;
    const gate = await gateAt('create: record written', join(node.directory, 'gate'));
    await node.restart(gate.start);
    const request = { group_snapshot_id, snapshot_ids: memberIds(group) };
    const remove = () => node.groupController.DeleteVolumeGroupSnapshot(request);
    const member = group.snapshots.find(({ source_volume_id }) => source_volume_id === volumes[1]);
    const restoring = node.create('restored', fromSnapshot(member?.snapshot_id ?? ''));
    await gate.reached();
    await expectRefusal(remove(), 'ABORTED', member?.snapshot_id);
    gate.open();
    expect(inDirectory.read(node, node.pool, await restoring)).toBe('content 1');
    await remove();
    expectNoGroup(node.pool);
  });

  test('blocks stage, copy and delete of its volumes while it is being made', async () => {
    const { node, volumes } = await nodeWithTwo();
    const gate = await gateAt('group: record written', join(node.directory, 'gate'));
    await node.restart(gate.start);
    const cutting = cutGroup(node, volumes);
    await gate.reached();
    const staging_target_path = node.newStaging();
    for (const volume_id of volumes) {
      const stage = node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
      await expectRefusal(stage, 'ABORTED', volume_id);
      await expectRefusal(node.controller.DeleteVolume({ volume_id }), 'ABORTED', volume_id);
      await expectRefusal(snapshotOf(node, volume_id), 'ABORTED', volume_id);
    }
    await expectRefusal(cutGroup(node, volumes, 'another'), 'ABORTED');
    gate.open();
    await cutting;
    const another = cutGroup(node, volumes, 'another');
    await gate.reached();
    gate.open();
    expect((await another).group_snapshot_id).not.toBe((await cutting).group_snapshot_id);
  });

  test.each<[string, (path: string) => void]>([
    ['damaged', (path) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, -20))],
    ['missing', (path) => rmSync(path)],
  ])('whose record is %s fails calls, and is left untouched', async (_, damage) => {
    const { node, volumes } = await nodeWithTwo();
    const { group_snapshot_id, ...group } = await cutGroup(node, volumes);
    const healthy = await cutGroup(node, volumes, 'healthy');
    await node.stop();
    damage(join(node.pool, 'groups', group_snapshot_id, 'group.json'));
    const before = listing(join(node.pool, 'groups'));
    await node.start();
    const { controller, groupController } = node;
    const calls = [
      groupController.GetVolumeGroupSnapshot({ group_snapshot_id }),
      groupController.DeleteVolumeGroupSnapshot({ group_snapshot_id }),
      cutGroup(node, volumes),
      ...group.snapshots.flatMap(({ snapshot_id }) => [
        controller.GetSnapshot({ snapshot_id }),
        controller.DeleteSnapshot({ snapshot_id }),
        node.create(`restored ${snapshot_id}`, fromSnapshot(snapshot_id)),
      ]),
    ];
    for (const call of calls) await expectRefusal(call, 'INTERNAL', 'damaged');
    expect(listing(join(node.pool, 'groups'))).toEqual(before);
    expect((await listed(node)).map(([id]) => id)).toEqual(memberIds(healthy).sort());
    await node.create('restored', fromSnapshot(memberIds(healthy)[0] ?? ''));
    const snapshot_ids = memberIds(healthy);
    const request = { group_snapshot_id: healthy.group_snapshot_id, snapshot_ids };
    await groupController.DeleteVolumeGroupSnapshot(request);
    await node.restart();
    expect(readdirSync(join(node.pool, 'groups'))).toEqual([group_snapshot_id]);
  });

  test('is declared in the capabilities of the driver', async () => {
    const node = await startedNode();
    const plugin = await node.identity.GetPluginCapabilities({});
    const services = plugin.capabilities.map(({ service }) => service?.type);
    expect(services).toContain('GROUP_CONTROLLER_SERVICE');
    const { capabilities } = await node.groupController.GroupControllerGetCapabilities({});
    expect(capabilities.map(({ rpc }) => rpc?.type)).toEqual(['CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT']);
  });
});

describe.skipIf(!isHostRoot)('a group with volumes in use', () => {
  const published = (node: TestNode, name: string) =>
    node.createPublished(name, fileSystem(), image(16 * MIB));

  test('is made from images, which are frozen during the copy and writable afterwards', async () => {
    const node = await startedNode();
    thawAtEnd(node.directory);
    const inUse = [await published(node, 'a'), await published(node, 'b')];
    const unused = await node.create('c', { ...image(16 * MIB), volume_capabilities: [fileSystem()] });
    await imageVolume.write(node, node.pool, unused, 'content c');
    // Not synced: data written before the call is in the snapshots.
    for (const [index, { target_path }] of inUse.entries()) {
      writeFileSync(join(target_path, 'file'), `content ${'ab'[index]}`);
    }
    const group = await cutGroup(node, [...inUse.map(({ volume_id }) => volume_id), unused]);
    for (const { target_path } of inUse) writeFileSync(join(target_path, 'file'), 'later', { flush: true });
    expect(readdirSync(join(node.pool, '.csi-hostpath', 'frozen'))).toEqual([]);
    const contents: string[] = [];
    for (const id of memberIds(group)) {
      const volume = { volume_capabilities: [fileSystem()], ...fromSnapshot(id) };
      contents.push(await imageVolume.read(node, node.pool, await node.create(`restored ${id}`, volume)));
    }
    expect(contents.sort()).toEqual(['content a', 'content b', 'content c']);
    for (const paths of inUse) await takeDown(node, paths);
  });

  test('is refused if it includes a directory, and no image is frozen', async () => {
    const node = await startedNode();
    thawAtEnd(node.directory);
    const inUse = await published(node, 'image');
    const mounted = await node.createStaged('directory');
    const call = cutGroup(node, [inUse.volume_id, mounted.volume_id]);
    await expectRefusal(call, 'FAILED_PRECONDITION', mounted.volume_id);
    expectNoGroup(node.pool);
    writeFileSync(join(inUse.target_path, 'file'), 'not frozen', { flush: true });
  });

  test('is refused if it includes a staged block device, with the reason, and succeeds after unstage', async () => {
    const node = await startedNode();
    const paths = await node.createPublished('block', blockDevice(), image(16 * MIB));
    const { volume_id } = paths;
    const unused = await node.create('unused', { ...image(16 * MIB), volume_capabilities: [blockDevice()] });
    const call = () => cutGroup(node, [unused, volume_id]);
    await expectRefusal(call(), 'FAILED_PRECONDITION', `"${volume_id}" is a device in use (/dev/loop`);
    expectNoGroup(node.pool);
    await takeDown(node, paths);
    expect((await call()).snapshots).toHaveLength(2);
  });

  test('is refused if it includes a staged subvolume, with the reason, and succeeds after unstage', async () => {
    const { node, pool, volume } = await subvolume.start();
    const paths = await node.createPublished('in use', volume_capability, volume);
    const { volume_id } = paths;
    const unused = await node.create('unused', volume);
    const call = () => cutGroup(node, [unused, volume_id]);
    await expectRefusal(call(), 'FAILED_PRECONDITION', `"${volume_id}" is a mounted directory`);
    expectNoGroup(pool);
    await takeDown(node, paths);
    expect((await call()).snapshots).toHaveLength(2);
  });
});
