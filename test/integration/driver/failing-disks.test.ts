import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromSnapshot, fromVolume, snapshotOf } from '../../support/copies.ts';
import { FaultyDisk } from '../../support/faulty-disk.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice } from '../../support/image-node.ts';
import { expectRefusal, outcomeOf, type Refusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { type Published, type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const volume_capability = mountCapability();
const flags = ['--enable-attach', '--enable-controller-modify-volume'];
const parameters = { pool: 'other' };
const image = {
  parameters: { ...parameters, backend: 'image' },
  capacity_range: { required_bytes: 16 * MIB },
};
const block = { ...image, volume_capabilities: [blockDevice()] };

type Calls = Readonly<Record<string, () => Promise<unknown>>>;

/** The arguments of each call, made while the disk was healthy. */
async function prepare(node: TestNode) {
  const attach = (volume_id: string) =>
    node.controller.ControllerPublishVolume({ volume_id, node_id: 'node-1', volume_capability });
  const make = async (name: string, changes: object = { parameters }) => {
    const volume_id = await node.create(name, changes);
    await attach(volume_id);
    return volume_id;
  };
  const used = await make('used');
  const paths = { volume_id: used, staging_target_path: node.newStaging(), target_path: node.newPath() };
  await use(node, paths);
  const source = await make('source');
  return {
    paths,
    source,
    unstaged: await make('unstaged'),
    images: [await make('image 0', image), await make('image 1', image)],
    formatted: await makeFormatted(node, await make('image 2', image)),
    unattached: await node.create('unattached', { parameters }),
    snapshot: (await snapshotOf(node, source, 'before')).snapshot_id,
  };
}

/** An image with a file system, which is not staged. */
async function makeFormatted(node: TestNode, volume_id: string): Promise<string> {
  const staging_target_path = node.newStaging();
  await node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
  await node.node.NodeUnstageVolume({ volume_id, staging_target_path });
  return volume_id;
}

async function use({ node }: TestNode, paths: Published): Promise<void> {
  await node.NodeStageVolume({ ...paths, volume_capability });
  await node.NodePublishVolume({ ...paths, volume_capability });
}

type Prepared = Awaited<ReturnType<typeof prepare>>;

/** Calls that write to the pool. */
function writing(node: TestNode, { paths, source, images, unattached, snapshot }: Prepared): Calls {
  const { controller, groupController } = node;
  const capacity_range = { required_bytes: 20 * MIB };
  const [first = '', second = ''] = images;
  const staging_target_path = node.newStaging();
  const inline = {
    volume_id: 'csi-inline',
    target_path: node.newPath(),
    volume_capability,
    volume_context: { 'csi.storage.k8s.io/ephemeral': 'true', pool: 'other', size: '1Mi' },
  };
  return {
    'CreateVolume of a directory': () => node.create('new', { parameters }),
    'CreateVolume of an image': () => node.create('new image', image),
    'CreateVolume of a block volume': () => node.create('new block', block),
    'CreateVolume from a volume': () => node.create('clone', { parameters, ...fromVolume(source) }),
    'CreateVolume from a snapshot': () => node.create('restored', { parameters, ...fromSnapshot(snapshot) }),
    CreateSnapshot: () => controller.CreateSnapshot({ name: 'new', source_volume_id: source }),
    'CreateSnapshot of an image': () => controller.CreateSnapshot({ name: 'of i', source_volume_id: first }),
    'CreateSnapshot of a volume in use': () =>
      controller.CreateSnapshot({ name: 'of used', source_volume_id: paths.volume_id }),
    CreateVolumeGroupSnapshot: () =>
      groupController.CreateVolumeGroupSnapshot({ name: 'g', source_volume_ids: [source, unattached] }),
    ControllerExpandVolume: () => controller.ControllerExpandVolume({ volume_id: second, capacity_range }),
    ControllerPublishVolume: () =>
      controller.ControllerPublishVolume({ volume_id: unattached, node_id: 'node-1', volume_capability }),
    ControllerModifyVolume: () =>
      controller.ControllerModifyVolume({ volume_id: source, mutable_parameters: { onDelete: 'retain' } }),
    'NodeStageVolume of a blank image': () =>
      node.node.NodeStageVolume({ volume_id: first, staging_target_path, volume_capability }),
    NodeExpandVolume: () =>
      node.node.NodeExpandVolume({
        volume_id: paths.volume_id,
        volume_path: paths.target_path,
        capacity_range,
      }),
    'NodePublishVolume of an inline volume': () => node.node.NodePublishVolume(inline),
  };
}

/** Calls that read from the pool, or from its mounts. */
function reading(node: TestNode, { paths, source, unstaged, formatted }: Prepared): Calls {
  const { volume_id, target_path } = paths;
  return {
    GetCapacity: () => node.controller.GetCapacity({ parameters }),
    ControllerGetVolume: () => node.controller.ControllerGetVolume({ volume_id }),
    ListVolumes: () => node.controller.ListVolumes({}),
    NodeGetVolumeStats: () => node.node.NodeGetVolumeStats({ volume_id, volume_path: target_path }),
    NodeGetVolumeHealth: () => node.node.NodeGetVolumeHealth({ volume_id, volume_publish_path: target_path }),
    NodeGetStorageHealth: () => node.node.NodeGetStorageHealth({}),
    'NodeStageVolume of a directory': () =>
      node.node.NodeStageVolume({
        volume_id: unstaged,
        staging_target_path: node.newStaging(),
        volume_capability,
      }),
    'NodeStageVolume of an image': () =>
      node.node.NodeStageVolume({
        volume_id: formatted,
        staging_target_path: node.newStaging(),
        volume_capability,
      }),
    NodePublishVolume: () =>
      node.node.NodePublishVolume({ ...paths, target_path: node.newPath(), volume_capability }),
    'CreateVolume in another pool from a volume': () =>
      node.create('clone elsewhere', { parameters: { pool: 'default' }, ...fromVolume(source) }),
  };
}

/** The outcome of each of some calls, one after the other. */
async function outcomesOf(calls: Calls): Promise<Record<string, 'OK' | Refusal>> {
  const outcomes: Record<string, 'OK' | Refusal> = {};
  for (const [name, call] of Object.entries(calls)) outcomes[name] = await outcomeOf(call());
  return outcomes;
}

/** The calls that were refused for another reason than this fault. */
function failuresIn(outcomes: Record<string, 'OK' | Refusal>, fault: Fault) {
  return Object.entries(outcomes).filter(([name, outcome]) => {
    const refusal = { code: codeFor(name, fault), details: expect.stringContaining('pool "other"') };
    return outcome !== 'OK' && !expect.objectContaining(refusal).asymmetricMatch(outcome);
  });
}

/** An expansion that finds no space is final, and has another code: otherwise a claim could not be lowered. */
function codeFor(name: string, { code }: Fault): Refusal['code'] {
  return code === 'RESOURCE_EXHAUSTED' && name.includes('Expand') ? 'OUT_OF_RANGE' : code;
}

interface Fault {
  readonly what: string;
  readonly code: Refusal['code'];
  /**
   * At most this many writing calls may succeed. A disk has a few blocks left after all when files are removed, and
   * records are replaced by files that are kept for that.
   */
  readonly spared: number;
  cause(disk: FaultyDisk): unknown;
  mend(disk: FaultyDisk, node: TestNode, prepared: Prepared): unknown;
}

/** How a failed disk is repaired: by mounting it again, once it is no longer in use. */
async function mountAgain(disk: FaultyDisk, node: TestNode, { paths }: Prepared): Promise<void> {
  for (const path of (await mountsBelow(node.directory)).reverse()) {
    if (path !== disk.path) execFileSync('umount', [path]);
  }
  disk.unmount();
  await outcomeOf(node.controller.GetCapacity({ parameters }));
  disk.mount();
  await use(node, paths);
}

const faults: readonly Fault[] = [
  {
    what: 'has no space left',
    code: 'RESOURCE_EXHAUSTED',
    spared: 5,
    cause: (disk) => disk.fill(),
    mend: (disk) => disk.empty(),
  },
  {
    what: 'has no inodes left',
    code: 'RESOURCE_EXHAUSTED',
    spared: 6,
    cause: (disk) => disk.fillInodes(),
    mend: (disk) => disk.empty(),
  },
  {
    what: 'is read-only',
    code: 'UNAVAILABLE',
    spared: 1,
    cause: (disk) => disk.makeReadOnly(),
    mend: mountAgain,
  },
  { what: 'answers EIO', code: 'UNAVAILABLE', spared: 1, cause: (disk) => disk.shutDown(), mend: mountAgain },
];

describe.skipIf(!isHostRoot)('a pool whose disk', () => {
  test.each(faults)('$what is named by every failing call, and is served once repaired', async (fault) => {
    const node = testNode();
    const disk = new FaultyDisk(node.directory);
    await node.start({ flags: [...flags, `--pool=other=${disk.path}`] });
    const prepared = await prepare(node);
    const calls = writing(node, prepared);
    await fault.cause(disk);

    const written = await outcomesOf(calls);
    expect(failuresIn(written, fault)).toEqual([]);
    expect(Object.values(written).filter((outcome) => outcome === 'OK').length).toBeLessThan(fault.spared);
    expect(failuresIn(await outcomesOf(reading(node, prepared)), fault)).toEqual([]);

    await fault.mend(disk, node, prepared);
    const again = await outcomesOf(calls);
    expect(again).toEqual(Object.fromEntries(Object.keys(calls).map((name) => [name, 'OK'])));
    expect(readdirSync(join(disk.path, '.incoming'))).toEqual([]);
  });
});

test('a size larger than any file is refused with the field, and nothing is left of the volume', async () => {
  const node = testNode();
  const { pid } = await node.start({ ownProcess: true });
  const volume_id = await node.create('a', { ...image, parameters: { backend: 'image' } });
  // The answer of a file system with a smaller limit.
  execFileSync('prlimit', [`--pid=${pid}`, `--fsize=${32 * MIB}:`]);
  const larger = { required_bytes: 64 * MIB };
  const text = 'capacity_range.required_bytes: pool "default" cannot hold a file of this size (EFBIG)';
  const create = node.create('b', { capacity_range: larger, parameters: { backend: 'image' } });
  await expectRefusal(create, 'OUT_OF_RANGE', text);
  const expand = node.controller.ControllerExpandVolume({ volume_id, capacity_range: larger });
  await expectRefusal(expand, 'OUT_OF_RANGE', text);
  expect(readdirSync(join(node.pool, 'volumes'))).toEqual([volume_id]);
  expect(readdirSync(join(node.pool, '.incoming'))).toEqual([]);
  execFileSync('prlimit', [`--pid=${pid}`, '--fsize=unlimited:']);
  await node.controller.ControllerExpandVolume({ volume_id, capacity_range: larger });
});
