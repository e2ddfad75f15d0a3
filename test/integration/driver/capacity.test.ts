import { mkdirSync, readdirSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { availableFileSystems, minimumBytes } from '../../../src/backends/image/mkfs.ts';
import type { GetCapacityRequest } from '../../../src/rpc/generated/csi/v1/GetCapacityRequest.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { listing } from '../../support/listing.ts';
import { expectRefusal, outcomeOf } from '../../support/refusal.ts';
import { createRequest, mountCapability } from '../../support/requests.ts';
import { startedNode, TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const AT_ONCE = 16;
const access_mode = { mode: 'SINGLE_NODE_WRITER' } as const;
const volume_capability = mountCapability();

/** The available capacity for volumes of this kind, in bytes. */
async function room(node: TestNode, parameters: Record<string, string> = {}): Promise<number> {
  return Number((await node.controller.GetCapacity({ parameters })).available_capacity);
}

/** A request for a volume of this size. */
function sized(mebibytes: number, parameters: Record<string, string> = {}) {
  return { capacity_range: { required_bytes: mebibytes * MIB }, parameters };
}

/** Runs calls, a few at once, and counts their outcomes. */
async function tally(calls: (() => Promise<unknown>)[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const waiting = [...calls];
  const worker = async () => {
    for (let call = waiting.shift(); call; call = waiting.shift()) {
      const outcome = await outcomeOf(call());
      const code = outcome === 'OK' ? 'OK' : outcome.code;
      counts[code] = (counts[code] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return counts;
}

async function volumeIds(node: TestNode): Promise<string[]> {
  const { entries = [] } = await node.controller.ListVolumes({});
  return entries.map((entry) => entry.volume?.volume_id ?? '');
}

async function kindOf(node: TestNode, volume_id: string): Promise<string | undefined> {
  const { volume } = await node.controller.ControllerGetVolume({ volume_id });
  return volume?.volume_context?.['kind'];
}

describe('two hundred creates with room for one hundred', () => {
  interface Limited {
    /** The flags, with a capacity of this many MiB. */
    readonly flags: (node: TestNode, mebibytes: number) => string[];
    readonly parameters: Record<string, string>;
    readonly sizeMiB: number;
    readonly needsLoopDevices?: true;
  }
  const inPool = (node: TestNode, mebibytes: number) => [
    `--pool=limited=${join(node.directory, 'limited')}`,
    `--capacity=limited=${mebibytes}Mi`,
  ];
  const asClass = (_: TestNode, mebibytes: number) => [`--capacity=limited=${mebibytes}Mi`];
  const limited: [string, Limited][] = [
    ['directories in a pool', { flags: inPool, parameters: { pool: 'limited' }, sizeMiB: 1 }],
    [
      'images in a pool',
      {
        flags: inPool,
        parameters: { pool: 'limited', backend: 'image' },
        sizeMiB: 16,
        needsLoopDevices: true,
      },
    ],
    [
      'volumes of a class in the default pool',
      { flags: asClass, parameters: { kind: 'limited' }, sizeMiB: 1 },
    ],
  ];

  test.each(limited.filter(([, { needsLoopDevices }]) => isHostRoot || !needsLoopDevices))(
    '%s: a hundred succeed, and deleting them frees the capacity',
    async (_, { flags: flagsFor, parameters, sizeMiB }) => {
      const node = testNode();
      const flags = flagsFor(node, 100 * sizeMiB);
      await node.start({ flags });
      expect(await room(node, parameters)).toBe(100 * sizeMiB * MIB);
      const create = (index: number) => () => node.create(`volume ${index}`, sized(sizeMiB, parameters));
      const creates = Array.from({ length: 200 }, (__, index) => create(index));
      expect(await tally(creates)).toEqual({ OK: 100, RESOURCE_EXHAUSTED: 100 });
      expect(await room(node, parameters)).toBe(0);
      const ids = await volumeIds(node);
      expect(ids).toHaveLength(100);

      await node.restart({ flags });
      expect(await room(node, parameters)).toBe(0);
      await expectRefusal(
        node.controller.CreateVolume(createRequest('one more', sized(sizeMiB, parameters))),
        'RESOURCE_EXHAUSTED',
        'limited',
      );
      await node.controller.DeleteVolume({ volume_id: ids[0] ?? '' });
      expect(await room(node, parameters)).toBe(sizeMiB * MIB);
      expect(await tally(ids.map((volume_id) => () => node.controller.DeleteVolume({ volume_id })))).toEqual({
        OK: 100,
      });
      expect(await room(node, parameters)).toBe(100 * sizeMiB * MIB);
    },
  );
});

describe('accounting classes of the default pool', () => {
  const flags = ['--capacity=fast=10Mi', '--capacity=slow=20Mi'];

  test('without a name the one with the most room is chosen, reported and remembered', async () => {
    const node = await startedNode({ flags });
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c']) ids.push(await node.create(name, sized(8)));
    const kinds = () => Promise.all(ids.map((id) => kindOf(node, id)));
    const rooms = () => Promise.all([room(node), room(node, { kind: 'fast' }), room(node, { kind: 'slow' })]);
    expect(await kinds()).toEqual(['slow', 'slow', 'fast']);
    // GetCapacity reports the capacity for the next volume.
    expect(await rooms()).toEqual([4 * MIB, 2 * MIB, 4 * MIB]);
    await expectRefusal(node.create('d', sized(5)), 'RESOURCE_EXHAUSTED', 'slow');
    await node.restart({ flags });
    expect(await kinds()).toEqual(['slow', 'slow', 'fast']);
    expect(await rooms()).toEqual([4 * MIB, 2 * MIB, 4 * MIB]);
    expect(await node.create('a', sized(8))).toBe(ids[0]);
    expect(await node.create('a', sized(8, { kind: 'slow' }))).toBe(ids[0]);
    await expectRefusal(node.create('a', sized(8, { kind: 'fast' })), 'ALREADY_EXISTS', 'slow');
  });

  test('the pool itself is chosen by its name, and its own capacity limits all its classes', async () => {
    const node = await startedNode({ flags: [...flags, '--capacity=default=25Mi'] });
    const volume_id = await node.create('in none', sized(15, { pool: 'default' }));
    expect(await kindOf(node, volume_id)).toBeUndefined();
    expect(await room(node, { kind: 'slow' })).toBe(10 * MIB);
    await expectRefusal(node.create('too large', sized(11, { kind: 'slow' })), 'RESOURCE_EXHAUSTED');
    await node.create('fits', sized(10, { kind: 'slow' }));
    expect(await room(node, { kind: 'fast' })).toBe(0);
  });

  test('a volume whose class is no longer configured stays, and counts again once it is', async () => {
    const node = await startedNode({ flags });
    const volume_id = await node.create('stays', sized(8, { kind: 'slow' }));
    await node.restart();
    expect(await kindOf(node, volume_id)).toBe('slow');
    expect(await node.create('stays', sized(8))).toBe(volume_id);
    const nowhere = node.create('new', sized(1, { kind: 'slow' }));
    await expectRefusal(nowhere, 'INVALID_ARGUMENT', 'available: default');
    await node.restart({ flags });
    expect(await room(node, { kind: 'slow' })).toBe(12 * MIB);
    await node.controller.DeleteVolume({ volume_id });
    expect(await room(node, { kind: 'slow' })).toBe(20 * MIB);
  });
});

describe('in a pool of 10 MiB', () => {
  const parameters = { pool: 'small' };
  const smallPool = async (more: string[] = []) => {
    const node = testNode();
    const path = join(node.directory, 'small');
    const flags = [`--pool=small=${path}`, '--capacity=small=10Mi', ...more];
    await node.start({ flags });
    return { node, path, flags };
  };
  const sizeOf = async (node: TestNode, volume_id: string) =>
    Number((await node.controller.ControllerGetVolume({ volume_id })).volume?.capacity_bytes);

  test('twice as much can be reserved with --overcommit=2', async () => {
    const { node } = await smallPool(['--overcommit=2']);
    expect(await room(node, parameters)).toBe(20 * MIB);
    const creates = Array.from(
      { length: 25 },
      (_, index) => () => node.create(`${index}`, sized(1, parameters)),
    );
    expect(await tally(creates)).toEqual({ OK: 20, RESOURCE_EXHAUSTED: 5 });
    expect(await room(node, parameters)).toBe(0);
  });

  test('a create that exceeds the remaining capacity is refused before anything is written', async () => {
    const { node, path } = await smallPool();
    await node.create('first', sized(4, parameters));
    const before = listing(path);
    const call = node.create('second', sized(7, parameters));
    await expectRefusal(call, 'RESOURCE_EXHAUSTED', `pool "small" has room for ${6 * MIB} bytes`);
    expect(listing(path)).toEqual(before);
    expect(await room(node, parameters)).toBe(6 * MIB);
    await node.create('second', sized(6, parameters));
  });

  test('a repeated create counts once, also if it was refused or failed before', async () => {
    const { node, path } = await smallPool();
    const create = () => node.create('once', sized(4, parameters));
    await Promise.all(Array.from({ length: 20 }, () => outcomeOf(create())));
    await create();
    expect(await room(node, parameters)).toBe(6 * MIB);
    const incoming = join(path, '.incoming');
    rmdirSync(incoming);
    writeFileSync(incoming, '');
    for (let count = 0; count < 5; count++) {
      await expectRefusal(node.create('fails', sized(6, parameters)), 'INTERNAL');
    }
    rmSync(incoming);
    mkdirSync(incoming);
    expect(await room(node, parameters)).toBe(6 * MIB);
    await node.create('fails', sized(6, parameters));
    expect(await room(node, parameters)).toBe(0);
  });

  test('a volume that would exceed the remaining capacity keeps its size, and one that fits grows', async () => {
    const { node, flags } = await smallPool();
    const paths = await node.createStaged('grows', volume_capability, sized(4, parameters));
    const { volume_id } = paths;
    await node.create('other', sized(2, parameters));
    const expand = (mebibytes: number) =>
      node.controller.ControllerExpandVolume({ volume_id, ...sized(mebibytes) });
    const expandOnNode = (mebibytes: number) =>
      node.node.NodeExpandVolume({
        volume_id,
        volume_path: paths.staging_target_path,
        ...sized(mebibytes),
      });
    await expectRefusal(expand(9), 'OUT_OF_RANGE', 'small');
    await expectRefusal(expandOnNode(9), 'OUT_OF_RANGE', 'small');
    expect([await sizeOf(node, volume_id), await room(node, parameters)]).toEqual([4 * MIB, 4 * MIB]);
    expect((await expand(7)).capacity_bytes).toBe(`${7 * MIB}`);
    expect((await expand(7)).capacity_bytes).toBe(`${7 * MIB}`);
    expect((await expandOnNode(8)).capacity_bytes).toBe(`${8 * MIB}`);
    expect([await sizeOf(node, volume_id), await room(node, parameters)]).toEqual([8 * MIB, 0]);
    await node.restart({ flags });
    expect([await sizeOf(node, volume_id), await room(node, parameters)]).toEqual([8 * MIB, 0]);
    await node.node.NodeUnstageVolume(paths);
    await node.controller.DeleteVolume({ volume_id });
    expect(await room(node, parameters)).toBe(8 * MIB);
  });

  test('when volumes grow at the same time, as many succeed as there is room for', async () => {
    const { node } = await smallPool();
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const ids = await Promise.all(names.map((name) => node.create(name, sized(1, parameters))));
    const expands = ids.map(
      (volume_id) => () => node.controller.ControllerExpandVolume({ volume_id, ...sized(3) }),
    );
    expect(await tally(expands)).toEqual({ OK: 2, OUT_OF_RANGE: 4 });
    const sizes = await Promise.all(ids.map((id) => sizeOf(node, id)));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(10 * MIB);
    expect(await room(node, parameters)).toBe(0);
  });

  test('the largest volume is the remaining capacity, or --max-volume-size if that is less', async () => {
    const { node } = await smallPool(['--max-volume-size=4Mi']);
    const reported = async () => {
      const reply = await node.controller.GetCapacity({ parameters });
      return [Number(reply.available_capacity), Number(reply.maximum_volume_size?.value)];
    };
    expect(await reported()).toEqual([10 * MIB, 4 * MIB]);
    await expectRefusal(node.create('larger', sized(5, parameters)), 'OUT_OF_RANGE', '--max-volume-size');
    await node.create('a', sized(4, parameters));
    await node.create('b', sized(4, parameters));
    expect(await reported()).toEqual([2 * MIB, 2 * MIB]);
    await node.create('c', sized(2, parameters));
    expect(await reported()).toEqual([0, 0]);
  });
});

describe('GetCapacity', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = new TestNode();
    await node.start();
    return () => node.dispose();
  });

  const reported = async (request: GetCapacityRequest) => {
    const reply = await node.controller.GetCapacity(request);
    return [reply.available_capacity, reply.maximum_volume_size?.value, reply.minimum_volume_size?.value];
  };

  test.each<[string, GetCapacityRequest]>([
    ['in an unknown pool', { parameters: { pool: 'nowhere' } }],
    ['in an unknown class', { parameters: { kind: 'nowhere' } }],
    ['on another node', { accessible_topology: { segments: { 'topology.hostpath.csi/node': 'node-2' } } }],
    [
      'with another topology key',
      { accessible_topology: { segments: { 'topology.example/zone': 'node-1' } } },
    ],
  ])('reports no capacity %s', async (_, request) => {
    expect(await reported(request)).toEqual(['0', '0', '0']);
  });

  test('reports the free space of the disk if --capacity is not given', async () => {
    const { bavail, bsize } = statfsSync(node.pool);
    const [available] = await reported({});
    // Other processes write to the disk of the tests too.
    expect(Number(available) / (bavail * bsize)).toBeCloseTo(1, 1);
  });

  const images: [string, GetCapacityRequest, bigint][] = [
    ['a directory', { parameters: { backend: 'directory' } }, 1n],
    ['a block device', { volume_capabilities: [{ block: {}, access_mode }] }, 512n],
    ['an image', { parameters: { backend: 'image' } }, minimumBytes.ext4],
    ...availableFileSystems().map((fs_type): [string, GetCapacityRequest, bigint] => [
      `an image with ${fs_type}`,
      {
        parameters: { backend: 'image' },
        volume_capabilities: [{ mount: { fs_type }, access_mode }],
      },
      minimumBytes[fs_type],
    ]),
  ];
  test.each(isHostRoot ? images : images.slice(0, 1))(
    'reports the minimum size of %s, and a limit below that is refused',
    async (title, request, minimum) => {
      expect((await reported(request))[2]).toBe(`${minimum}`);
      const { volume_capabilities = [volume_capability], parameters = {} } = request;
      const capabilities = volume_capabilities.length > 0 ? volume_capabilities : [volume_capability];
      const asking = (bytes: bigint) => ({
        volume_capabilities: capabilities,
        parameters,
        capacity_range: { required_bytes: `${bytes}`, limit_bytes: `${bytes}` },
      });
      if (minimum > 1n) await expectRefusal(node.create(title, asking(minimum - 1n)), 'OUT_OF_RANGE');
      await node.create(title, asking(minimum));
    },
  );
});

describe.skipIf(!isHostRoot)('on a disk of 256 MiB', () => {
  const parameters = { pool: 'disk', backend: 'image' };
  const nodeOnDisk = async () => {
    const path = mountedImage({ mkfs: ['mkfs.ext4', '-q', '-m', '0'], sizeBytes: 256 * MIB });
    const node = testNode();
    const flags = [`--pool=disk=${path}`];
    await node.start({ flags });
    return { node, path, flags };
  };

  test('no more is reserved for images than the disk has, though their files are sparse', async () => {
    const { node, path, flags } = await nodeOnDisk();
    const { bavail, bsize } = statfsSync(path);
    const creates = Array.from(
      { length: 40 },
      (_, index) => () => node.create(`image ${index}`, sized(16, parameters)),
    );
    const { OK = 0, RESOURCE_EXHAUSTED = 0, ...others } = await tally(creates);
    expect([OK + RESOURCE_EXHAUSTED, others]).toEqual([40, {}]);
    expect(OK).toBe(Math.floor((bavail * bsize) / (16 * MIB)));
    expect(await room(node, parameters)).toBeLessThan(16 * MIB);
    const roomBefore = await room(node, parameters);
    await node.restart({ flags });
    expect(await room(node, parameters)).toBe(roomBefore);
    await expectRefusal(node.create('more', sized(16, parameters)), 'RESOURCE_EXHAUSTED', 'disk');
  });

  test('data written to an image was reserved for it, and all other images can still be filled', async () => {
    const { node, path } = await nodeOnDisk();
    const names = ['a', 'b', 'c'];
    const published = [];
    for (const name of names) {
      published.push(await node.createPublished(name, volume_capability, sized(64, parameters)));
    }
    const left = await room(node, parameters);
    expect(left).toBeLessThan(statfsSync(path).bsize * statfsSync(path).bavail - 150 * MIB);
    const [{ target_path } = { target_path: '' }] = published;
    writeFileSync(join(target_path, 'file'), Buffer.alloc(48 * MIB, 1), { flush: true });
    // Except for the blocks in which the file system of the pool stores the image's extents.
    expect(Math.abs((await room(node, parameters)) - left)).toBeLessThan(MIB);
    await expectRefusal(
      node.create('more', { ...sized(0, parameters), capacity_range: { required_bytes: left + MIB } }),
      'RESOURCE_EXHAUSTED',
    );
    const others = published.slice(1).map((paths) => join(paths.target_path, 'file'));
    for (const file of others) writeFileSync(file, Buffer.alloc(48 * MIB, 1), { flush: true });
    const { volume_id } = published[0] ?? { volume_id: '' };
    const tooMuch = { volume_id, ...sized(160) };
    await expectRefusal(node.controller.ControllerExpandVolume(tooMuch), 'OUT_OF_RANGE', 'disk');
    const { volume } = await node.controller.ControllerGetVolume({ volume_id });
    expect(volume?.capacity_bytes).toBe(`${64 * MIB}`);
  });

  test('no more is reserved for a directory without a limit than the disk has', async () => {
    const { node, path } = await nodeOnDisk();
    const directory = { pool: 'disk', backend: 'directory' };
    const before = listing(path);
    await expectRefusal(node.create('too large', sized(300, directory)), 'RESOURCE_EXHAUSTED', 'disk');
    expect(listing(path)).toEqual(before);
    for (const name of ['a', 'b', 'c']) await node.create(name, sized(150, directory));
    expect(readdirSync(join(path, 'volumes'))).toHaveLength(3);
    expect(await room(node, directory)).toBeGreaterThan(150 * MIB);
  });
});
