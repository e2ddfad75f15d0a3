import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { btrfs } from '../../support/btrfs.ts';
import { fromVolume, snapshotOf } from '../../support/copies.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { eventually } from '../../support/eventually.ts';
import { gateAt } from '../../support/gate/gate.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { listing } from '../../support/listing.ts';
import { expectRefusal, outcomeOf } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { type Published, type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const volume_capability = mountCapability();
const VOLUME_BYTES = 96 * MIB;
const DATA_BYTES = 64 * MIB;
const BLOCK_BYTES = 4 * MIB;
// The overhead of the pool's file system.
const UNCERTAIN_BYTES = 4 * MIB;
// How long background work may take before the test fails; no test waits longer than the work takes.

/** A pool whose file system shares blocks, and volumes with an enforced size in it. */
interface Sharing {
  makePool(): string;
  /** Waits until removed data has freed its space. */
  settle(pool: string): void;
  readonly parameters: Readonly<Record<string, string>>;
}

const imagesOnXfs: Sharing = {
  makePool: () => mountedImage({ mkfs: ['mkfs.xfs', '-q', '-m', 'reflink=1'], sizeBytes: 384 * MIB }),
  settle: sync,
  parameters: { pool: 'disk', backend: 'image' },
};

const subvolumes: Sharing = {
  makePool: () => btrfs('qgroup', 768 * MIB),
  settle(pool) {
    // The kernel cleans up after this, and otherwise only after half a minute.
    const commit = () => execFileSync('btrfs', ['filesystem', 'sync', pool]);
    commit();
    execFileSync('btrfs', ['subvolume', 'sync', '-s', '1', pool]);
    commit();
  },
  parameters: { pool: 'disk' },
};

/** Brings everything to the disk, and the reported usage of the file system up to date. */
function sync(pool: string): void {
  execFileSync('sync', ['--file-system', pool]);
}

const sharings: [string, Sharing][] = [
  ['images on XFS', imagesOnXfs],
  ['subvolumes with qgroups', subvolumes],
];

/** A node with a volume that has data, in a pool that shares blocks. */
async function nodeWithData({ makePool, settle, parameters }: Sharing) {
  const pool = makePool();
  const flags = [`--pool=disk=${pool}`];
  const node = testNode();
  await node.start({ flags });
  const volumeOf = (bytes: number) => ({
    capacity_range: { required_bytes: bytes },
    parameters: { ...parameters },
  });
  const source = await node.createPublished('source', volume_capability, volumeOf(VOLUME_BYTES));
  write(source, 1);
  /** The available capacity for volumes, in bytes. */
  const room = async () => {
    settle(pool);
    return Number((await node.controller.GetCapacity({ parameters: { ...parameters } })).available_capacity);
  };
  const snapshot = (name: string) => snapshotOf(node, source.volume_id, name);
  return { node, pool, flags, source, volumeOf, room, snapshot };
}

/** Overwrites the data of a volume with this byte, and waits until it is on the disk. */
function write({ target_path }: Published, byte: number, bytes = DATA_BYTES): void {
  const fd = openSync(join(target_path, 'file'), constants.O_RDWR | constants.O_CREAT);
  try {
    const block = Buffer.alloc(BLOCK_BYTES, byte);
    for (let position = 0; position < bytes; position += BLOCK_BYTES) {
      writeSync(fd, block, 0, BLOCK_BYTES, position);
      fsyncSync(fd);
    }
  } finally {
    closeSync(fd);
  }
}

function expectData({ target_path }: Published, byte: number, bytes = DATA_BYTES): void {
  const data = readFileSync(join(target_path, 'file'));
  expect(data.length).toBe(bytes);
  expect(data.equals(Buffer.alloc(bytes, byte))).toBe(true);
}

/** Unstages a volume and stages it again, so that it shows the data on the disk. */
async function stagedAgain({ node }: TestNode, paths: Published): Promise<void> {
  await node.NodeUnpublishVolume(paths);
  await node.NodeUnstageVolume(paths);
  await node.NodeStageVolume({ ...paths, volume_capability });
  await node.NodePublishVolume({ ...paths, volume_capability });
}

function expectNear(bytes: number, expected: number): void {
  expect(Math.abs(bytes - expected), `${bytes} bytes, near ${expected}`).toBeLessThan(UNCERTAIN_BYTES);
}

describe.skipIf(!isHostRoot).each(sharings)('of %s', (_, sharing) => {
  test('a snapshot reserves the space to overwrite its source, until it is deleted', async () => {
    const { node, flags, source, room, snapshot } = await nodeWithData(sharing);
    const before = await room();
    const { snapshot_id } = await snapshot('snapshot');
    expectNear(await room(), before - DATA_BYTES);
    await node.restart({ flags });
    expectNear(await room(), before - DATA_BYTES);
    write(source, 2);
    // Which part of an image has been overwritten is unknown, so the same amount stays reserved for it.
    expect(await room()).toBeLessThan(before - DATA_BYTES + UNCERTAIN_BYTES);
    await node.controller.DeleteSnapshot({ snapshot_id });
    await eventually(async () => expect(await room()).toBeGreaterThan(before - UNCERTAIN_BYTES));
    expectNear(await room(), before);
    await node.restart({ flags });
    expectNear(await room(), before);
  });

  test('data that is written but not on the disk when the snapshot is made counts as well', async () => {
    const { node, volumeOf, room } = await nodeWithData(sharing);
    const paths = await node.createPublished('unsynced', volume_capability, volumeOf(VOLUME_BYTES));
    const before = await room();
    writeFileSync(join(paths.target_path, 'file'), Buffer.alloc(DATA_BYTES, 1));
    await snapshotOf(node, paths.volume_id);
    expectNear(await room(), before - DATA_BYTES);
  });

  test('many snapshots of unchanged data reserve no more than one', async () => {
    const { room, snapshot } = await nodeWithData(sharing);
    await snapshot('first');
    const before = await room();
    for (let count = 0; count < 8; count++) await snapshot(`another ${count}`);
    expectNear(await room(), before);
  });

  test('a snapshot without enough space to overwrite its source is refused, and nothing is written', async () => {
    const { node, pool, volumeOf, room, snapshot } = await nodeWithData(sharing);
    const left = DATA_BYTES / 2;
    const taking = await node.create('takes', volumeOf((await room()) - left));
    const before = listing(pool, ['volumes']);
    const roomBefore = await room();
    await expectRefusal(snapshot('snapshot'), 'RESOURCE_EXHAUSTED', 'pool "disk" has room for');
    expect(listing(pool, ['volumes'])).toEqual(before);
    expectNear(await room(), roomBefore);
    expect((await node.controller.ListSnapshots({})).entries).toEqual([]);
    await node.controller.DeleteVolume({ volume_id: taking });
    await snapshot('snapshot');
  });

  test('a snapshot reserves its space from the moment its content is made', async () => {
    const { node, flags, room, snapshot } = await nodeWithData(sharing);
    const gate = await gateAt('snapshot: content made', join(node.directory, 'gate'));
    await node.restart({ ...gate.start, flags });
    const before = await room();
    const making = outcomeOf(snapshot('snapshot'));
    await gate.reached();
    expectNear(await room(), before - DATA_BYTES);
    gate.open();
    expect(await making).toBe('OK');
    expectNear(await room(), before - DATA_BYTES);
  });

  test('concurrent snapshots are all made, and reserve the space of one', async () => {
    const { node, pool, flags, source, room, snapshot } = await nodeWithData(sharing);
    const before = await room();
    const count = 8;
    const names = Array.from({ length: count }, (__, index) => `snapshot ${index}`);
    await Promise.all(names.map(snapshot));
    expectNear(await room(), before - DATA_BYTES);
    await node.restart({ flags });
    expect((await node.controller.ListSnapshots({})).entries).toHaveLength(count);
    expect(readdirSync(join(pool, 'volumes', source.volume_id))).not.toContain('volume.json.new');
    expectNear(await room(), before - DATA_BYTES);
  });

  test('a volume can be overwritten after a snapshot, however much is reserved and written beside it', async () => {
    const { node, source, volumeOf, room, snapshot } = await nodeWithData(sharing);
    await snapshot('snapshot');
    // File systems have trouble using the last of their space.
    const size = Math.floor((await room()) / MIB - 16) * MIB;
    const other = await node.createPublished('other', volume_capability, volumeOf(size));
    const bytes = Math.floor((size * 0.75) / BLOCK_BYTES) * BLOCK_BYTES;
    write(other, 3, bytes);
    write(source, 2);
    await stagedAgain(node, source);
    await stagedAgain(node, other);
    expectData(source, 2);
    expectData(other, 3, bytes);
  });

  test('a clone and its source can both be overwritten', async () => {
    const { node, source, volumeOf, room } = await nodeWithData(sharing);
    const before = await room();
    const clone = await node.createPublished('clone', volume_capability, {
      ...volumeOf(VOLUME_BYTES),
      ...fromVolume(source.volume_id),
    });
    // The full size of the clone is reserved, and the data of the source is no longer its own.
    expectNear(await room(), before - VOLUME_BYTES - DATA_BYTES);
    write(source, 2);
    write(clone, 3);
    await stagedAgain(node, source);
    await stagedAgain(node, clone);
    expectData(source, 2);
    expectData(clone, 3);
  });
});
