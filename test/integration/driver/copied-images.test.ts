import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errno } from '../../../src/kernel/calls/errno.ts';
import { fromSnapshot, fromVolume, snapshotOf, takeDown } from '../../support/copies.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { allocatedBytes, df, expectNoLoops, fileSystem, mountedAs } from '../../support/image-node.ts';
import { makeRichTree } from '../../support/rich-tree.ts';
import {
  imageFileSystems,
  imagePools,
  images,
  nodeWith,
  type Storage,
  type StorageNode,
} from '../../support/storages.ts';
import { listTree } from '../../support/tree-listing.ts';

const MIB = 1024 ** 2;

const imageIn = (pool: string, volumeId: string) => join(pool, 'volumes', volumeId, 'image');

/** A published image volume. */
async function published({ capability, sizeBytes }: Storage, { node, parameters }: StorageNode) {
  return node.createPublished('source', capability, {
    parameters,
    capacity_range: { required_bytes: sizeBytes },
  });
}

/** Writes a file, synced to the disk, and leaves the file system in that state. */
function writeSynced(path: string, data: Buffer): void {
  const fd = openSync(path, 'w');
  writeSync(fd, data);
  fsyncSync(fd);
  closeSync(fd);
}

describe.skipIf(!isHostRoot).each(images)('on $name', (storage) => {
  const [, fsType = ''] = /with (\w+)/.exec(storage.name) ?? [];

  test('a larger copy is grown when it is staged', async () => {
    const on = await nodeWith(storage);
    const { node, parameters } = on;
    const source = await published(storage, on);
    writeFileSync(join(source.target_path, 'file'), 'content');
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    const sizeBytes = 2 * storage.sizeBytes;
    for (const from of [fromSnapshot(snapshot_id), fromVolume(source.volume_id)]) {
      const name = `larger ${JSON.stringify(from)}`.slice(0, 60);
      const changes = { ...from, parameters, capacity_range: { required_bytes: sizeBytes } };
      const copy = await node.createPublished(name, storage.capability, changes);
      expect(Number(df(copy.target_path).total)).toBeGreaterThan(0.85 * sizeBytes);
      expect(readFileSync(join(copy.target_path, 'file'), 'utf8')).toBe('content');
      // More than fitted before.
      execFileSync('fallocate', ['--length', `${storage.sizeBytes}`, join(copy.target_path, 'large')]);
    }
    expect(Number(df(source.target_path).total)).toBeLessThanOrEqual(storage.sizeBytes);
  });

  test('a copy made during writes can be mounted read-only', async () => {
    const on = await nodeWith(storage);
    const { node, parameters } = on;
    const source = await published(storage, on);
    const data = randomBytes(300_000);
    writeSynced(join(source.target_path, 'synced'), data);
    const { snapshot_id } = await snapshotOf(node, source.volume_id);
    const copies = {
      'by its mode': fileSystem(fsType, [], 'SINGLE_NODE_READER_ONLY'),
      'by its flags': fileSystem(fsType, ['ro'], 'SINGLE_NODE_READER_ONLY'),
    };
    for (const [name, capability] of Object.entries(copies)) {
      const copy = await node.createPublished(name, capability, { parameters, ...fromSnapshot(snapshot_id) });
      expect(mountedAs(copy.target_path)).toMatchObject({ fsType, options: expect.arrayContaining(['ro']) });
      expect(readFileSync(join(copy.target_path, 'synced')).equals(data)).toBe(true);
      const write = () => writeFileSync(join(copy.target_path, 'new'), '');
      expect(write).toThrow(expect.objectContaining({ errno: -errno.EROFS }));
      await takeDown(node, copy);
    }
    await takeDown(node, source);
    await expectNoLoops(node);
  });

  test('a volume that was never staged is copied blank, and each copy gets its own file system', async () => {
    const { node, parameters } = await nodeWith(storage);
    const capacity_range = { required_bytes: storage.sizeBytes };
    const volume_capabilities = [storage.capability];
    const root = { uid: '1234', gid: '4321', mode: '2750' };
    const source = await node.create('blank', {
      parameters: { ...parameters, ...root },
      capacity_range,
      volume_capabilities,
    });
    const { snapshot_id } = await snapshotOf(node, source);
    for (const from of [fromSnapshot(snapshot_id), fromVolume(source)]) {
      const name = Object.keys(from.volume_content_source ?? {}).join();
      const copy = await node.createPublished(name, storage.capability, {
        ...from,
        parameters: { ...parameters, ...root },
      });
      expect(mountedAs(copy.target_path).fsType).toBe(fsType);
      expect(readdirSync(copy.target_path).filter((entry) => entry !== 'lost+found')).toEqual([]);
      const { uid, gid, mode } = statSync(copy.target_path);
      expect({ uid, gid, mode: mode & 0o7777 }).toEqual({ uid: 1234, gid: 4321, mode: 0o2750 });
    }
  });
});

const poolNames = Object.keys(imagePools) as (keyof typeof imagePools)[];

describe.skipIf(!isHostRoot).each(poolNames)('between the default pool and %s', (poolName) => {
  const makePool = imagePools[poolName];

  test.skipIf(makePool === undefined).each(imageFileSystems)(
    'an image with %s is copied with its whole content, and stays sparse',
    async (fsType) => {
      const { node, pool } = await nodeWith({ backend: 'image', makePool });
      const capability = fileSystem(fsType);
      const sizeBytes = 320 * MIB;
      const inDefault = { parameters: { backend: 'image', pool: 'default' } };
      const inOther = { parameters: { backend: 'image', pool: 'other' } };
      const source = await node.createPublished('source', capability, {
        ...inDefault,
        capacity_range: { required_bytes: sizeBytes },
      });
      await makeRichTree(source.target_path);
      const content = await listTree(source.target_path);
      const { snapshot_id } = await snapshotOf(node, source.volume_id);
      const there = await node.createPublished('there', capability, {
        ...inOther,
        ...fromSnapshot(snapshot_id),
      });
      expect(await listTree(there.target_path)).toEqual(content);
      const back = await node.createPublished('back', capability, {
        ...inDefault,
        ...fromVolume(there.volume_id),
      });
      expect(await listTree(back.target_path)).toEqual(content);

      const original = allocatedBytes(imageIn(node.pool, source.volume_id));
      expect(original).toBeLessThan(sizeBytes / 2);
      for (const path of [imageIn(pool, there.volume_id), imageIn(node.pool, back.volume_id)]) {
        expect(allocatedBytes(path)).toBeLessThan(original + 16 * MIB);
      }
    },
  );
});
