import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromVolume, snapshotOf, takeDown } from '../../support/copies.ts';
import { FaultyDisk } from '../../support/faulty-disk.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { allocatedBytes, blockDevice, fileSystem } from '../../support/image-node.ts';
import { attached, GIB, makeFileSystem, mounted, newImage } from '../../support/loop.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const SIZE = 48 * MIB;
const parameters = { pool: 'other', backend: 'image', provisioning: 'thick' };
const thick = { parameters, capacity_range: { required_bytes: SIZE } };

const usedBy = (pool: string, id: string) => allocatedBytes(join(pool, 'volumes', id, 'image'));

/** The extents of an image, each with its flags. */
const extentsOf = (pool: string, id: string) =>
  execFileSync('filefrag', ['-v', join(pool, 'volumes', id, 'image')], { encoding: 'utf8' });

/** A node with a pool on a disk of its own. */
async function nodeWithDisk(flags: readonly string[] = []) {
  const node = testNode();
  const disk = new FaultyDisk(node.directory);
  await node.start({ flags: [`--pool=other=${disk.path}`, ...flags] });
  return { node, disk };
}

/** A file system in a file, mounted below the directory of a node that has a pool there. */
async function nodeOn(fsType: 'xfs' | 'btrfs'): Promise<{ node: TestNode; pool: string }> {
  const { path, fd, directory } = await newImage(GIB);
  await makeFileSystem(path, fsType);
  const pool = join(directory, 'pool');
  mkdirSync(pool);
  await mounted(await attached(fd), fsType, pool);
  const node = testNode();
  await node.start({ flags: [`--pool=other=${pool}`] });
  return { node, pool };
}

describe.skipIf(!isHostRoot)('a volume with thick provisioning', () => {
  test('can be written in full although the disk has become full, and keeps its space when data is deleted', async () => {
    const { node, disk } = await nodeWithDisk();
    const paths = await node.createPublished('a', fileSystem('ext4'), thick);
    expect(usedBy(disk.path, paths.volume_id)).toBeGreaterThanOrEqual(SIZE);
    disk.fill();
    const file = join(paths.target_path, 'file');
    writeFileSync(file, Buffer.alloc(SIZE / 2, 'x'), { flush: true });
    rmSync(file);
    writeFileSync(file, Buffer.alloc(SIZE / 2, 'y'), { flush: true });
    expect(usedBy(disk.path, paths.volume_id)).toBeGreaterThanOrEqual(SIZE);
    await takeDown(node, paths);
  });

  test('as a block volume has all its space as well, and so has what it grows by', async () => {
    const { node, disk } = await nodeWithDisk();
    const id = await node.create('a', { ...thick, volume_capabilities: [blockDevice()] });
    expect(usedBy(disk.path, id)).toBeGreaterThanOrEqual(SIZE);
    const capacity_range = { required_bytes: SIZE + 16 * MIB };
    await node.controller.ControllerExpandVolume({ volume_id: id, capacity_range });
    expect(usedBy(disk.path, id)).toBeGreaterThanOrEqual(SIZE + 16 * MIB);
    const { volume } = await node.controller.ControllerGetVolume({ volume_id: id });
    expect(volume?.volume_context).toMatchObject({ provisioning: 'thick' });
  });

  test('is not made if the disk has less space, and nothing is left of it', async () => {
    const { node, disk } = await nodeWithDisk(['--overcommit=10']);
    const large = { ...thick, capacity_range: { required_bytes: 400 * MIB } };
    await expectRefusal(node.create('a', large), 'RESOURCE_EXHAUSTED', 'pool "other"');
    expect(readdirSync(join(disk.path, '.incoming'))).toEqual([]);
    await node.create('a', thick);
  });

  test('shares no blocks with the volume that it is copied from', async () => {
    const { node, pool } = await nodeOn('xfs');
    const thin = { ...thick, parameters: { ...parameters, provisioning: 'thin' } };
    const source = await node.createPublished('source', fileSystem('ext4'), thin);
    writeFileSync(join(source.target_path, 'file'), Buffer.alloc(SIZE / 2, 'x'), { flush: true });
    await takeDown(node, source);
    const id = await node.create('copy', { ...thick, ...fromVolume(source.volume_id) });
    expect(usedBy(pool, id)).toBeGreaterThanOrEqual(SIZE);
    expect(extentsOf(pool, id)).not.toContain('shared');
  });

  test('goes on sharing blocks with its snapshots when it is staged again, or grows', async () => {
    const { node, pool } = await nodeOn('xfs');
    const paths = await node.createPublished('a', fileSystem('ext4'), thick);
    writeFileSync(join(paths.target_path, 'file'), Buffer.alloc(SIZE / 2, 'x'), { flush: true });
    const { volume_id, staging_target_path } = paths;
    await snapshotOf(node, volume_id, 'snapshot');
    await takeDown(node, paths);
    const capacity_range = { required_bytes: SIZE + 16 * MIB };
    await node.controller.ControllerExpandVolume({ volume_id, capacity_range });
    await node.node.NodeStageVolume({
      volume_id,
      staging_target_path,
      volume_capability: fileSystem('ext4'),
    });
    expect(extentsOf(pool, volume_id)).toContain('shared');
  });

  test('is refused where it cannot be had, with the reason', async () => {
    const { node } = await nodeOn('btrfs');
    const refused = (changes: object, text: string) =>
      expectRefusal(node.create('a', { ...thick, ...changes }), 'INVALID_ARGUMENT', text);
    await refused({}, 'parameters.provisioning: "thick" is impossible in pool "other": btrfs');
    const directory = { parameters: { provisioning: 'thick' } };
    await refused(directory, 'parameters.provisioning: "thick" is for images and block volumes');
    await refused(
      { parameters: { provisioning: 'fat' } },
      'parameters.provisioning: "fat" must be one of thin, thick',
    );
  });

  test('is another volume than a thin one of the same name', async () => {
    const { node } = await nodeWithDisk();
    await node.create('a', thick);
    await node.create('a', thick);
    const thin = { ...thick, parameters: { ...parameters, provisioning: 'thin' } };
    await expectRefusal(node.create('a', thin), 'ALREADY_EXISTS', 'with provisioning thick');
  });
});
