import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { fileSystem } from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import {
  nodeWith,
  plainDirectory,
  type Storage,
  type StorageNode,
  subvolumes,
} from '../../support/storages.ts';
import { startedNode, type TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const modify = '--enable-controller-modify-volume';

const image: Storage = {
  name: 'an image',
  backend: 'image',
  capability: fileSystem('ext4'),
  sizeBytes: 64 * MIB,
  makePool: undefined,
};
const storages = isHostRoot ? [plainDirectory, ...subvolumes, image] : [plainDirectory];

/** A node where parameters can be changed, whose default pool can reserve 100 MiB. */
async function modifyingNode(storage: Storage): Promise<StorageNode> {
  const made = await nodeWith(storage);
  const name = made.pool === made.node.pool ? 'default' : 'other';
  const flags = [...made.flags, modify, `--capacity=${name}=100Mi`];
  await made.node.restart({ flags });
  return { ...made, flags };
}

async function room(node: TestNode, parameters: Record<string, string>): Promise<number> {
  return Number((await node.controller.GetCapacity({ parameters })).available_capacity);
}

/** Creates a volume, writes a file to it and unmounts it. */
async function writtenVolume(
  { node, parameters }: StorageNode,
  { capability, sizeBytes }: Storage,
  mutable_parameters: Record<string, string>,
): Promise<string> {
  const capacity_range = { required_bytes: sizeBytes };
  const changes = { parameters, capacity_range, mutable_parameters };
  const { volume_id, staging_target_path, target_path } = await node.createPublished(
    'a',
    capability,
    changes,
  );
  writeFileSync(join(target_path, 'file'), 'kept');
  await node.node.NodeUnpublishVolume({ volume_id, target_path });
  await node.node.NodeUnstageVolume({ volume_id, staging_target_path });
  return volume_id;
}

describe.each(storages)('$name with onDelete=retain', (storage) => {
  test('is moved aside completely when it is deleted, and counts until its owner removes it', async () => {
    const storageNode = await modifyingNode(storage);
    const { node, pool, flags, parameters } = storageNode;
    const before = await room(node, parameters);
    const volume_id = await writtenVolume(storageNode, storage, { onDelete: 'retain' });
    const left = await room(node, parameters);
    expect(before - left).toBeGreaterThanOrEqual(storage.sizeBytes - MIB);

    await node.controller.DeleteVolume({ volume_id });
    await node.controller.DeleteVolume({ volume_id });
    expect((await node.controller.ListVolumes({})).entries).toEqual([]);
    await expectRefusal(node.controller.ControllerGetVolume({ volume_id }), 'NOT_FOUND');
    expect(readdirSync(join(pool, 'volumes'))).toEqual([]);
    const retained = join(pool, 'retained', volume_id);
    const content = storage.backend === 'image' ? 'image' : 'data';
    expect(readdirSync(retained).sort()).toEqual([content, 'volume.json']);
    if (content === 'data') expect(readFileSync(join(retained, 'data', 'file'), 'utf8')).toBe('kept');
    // The disk of the machine is shared with others; the configured capacity is not.
    expect(await room(node, parameters)).toBeLessThanOrEqual(100 * MIB - storage.sizeBytes);

    await node.restart({ flags });
    expect(await room(node, parameters)).toBeLessThanOrEqual(100 * MIB - storage.sizeBytes);
    expect((await node.controller.ListVolumes({})).entries).toEqual([]);

    if (storage.backend === 'subvolume')
      spawnSync('btrfs', ['subvolume', 'delete', join(retained, 'data')], { stdio: 'ignore' });
    spawnSync('rm', ['-r', retained]);
    expect(await room(node, parameters)).toBeGreaterThan(100 * MIB - storage.sizeBytes);
  });

  test('is removed if it was changed back before', async () => {
    const storageNode = await modifyingNode(storage);
    const { node, pool } = storageNode;
    const volume_id = await writtenVolume(storageNode, storage, { onDelete: 'retain' });
    await node.controller.ControllerModifyVolume({ volume_id, mutable_parameters: { onDelete: 'delete' } });
    await node.controller.DeleteVolume({ volume_id });
    expect(existsSync(join(pool, 'retained', volume_id))).toBe(false);
    await eventually(() => expect(readdirSync(join(pool, '.outgoing'))).toEqual([]));
  });

  test('has no inode limit, and can neither be made nor changed with one', async () => {
    const storageNode = await modifyingNode(storage);
    const { node, pool, parameters } = storageNode;
    const mutable_parameters = { onDelete: 'retain', inodeLimit: '5000' };
    const create = node.create('b', {
      volume_capabilities: [storage.capability],
      parameters,
      mutable_parameters,
    });
    await expectRefusal(create, 'INVALID_ARGUMENT', 'inodeLimit');
    expect(readdirSync(join(pool, 'volumes'))).toEqual([]);
    const volume_id = await writtenVolume(storageNode, storage, {});
    const record = () => readFileSync(join(pool, 'volumes', volume_id, 'volume.json'), 'utf8');
    const before = record();
    await expectRefusal(
      node.controller.ControllerModifyVolume({ volume_id, mutable_parameters }),
      'INVALID_ARGUMENT',
      'inodeLimit',
    );
    expect(record()).toBe(before);
  });
});

test('a retained image has its file system and its data', async (context) => {
  context.skip(!isHostRoot, 'images need root of the host');
  const storageNode = await modifyingNode(image);
  const volume_id = await writtenVolume(storageNode, image, { onDelete: 'retain' });
  await storageNode.node.controller.DeleteVolume({ volume_id });
  const path = join(storageNode.pool, 'retained', volume_id, 'image');
  const { stdout } = spawnSync('debugfs', ['-R', 'cat /file', path], { encoding: 'utf8' });
  expect(stdout).toBe('kept');
});

test('only the accepted parameter names are accepted', async () => {
  const node = await startedNode({ flags: [modify, '--accepted-mutable-parameter-names=inodeLimit'] });
  const volume_id = await node.create('a');
  const mutable_parameters = { onDelete: 'retain' };
  await expectRefusal(
    node.controller.ControllerModifyVolume({ volume_id, mutable_parameters }),
    'INVALID_ARGUMENT',
    'expected one of inodeLimit',
  );
  await expectRefusal(node.create('b', { mutable_parameters }), 'INVALID_ARGUMENT', 'onDelete');
});

test('parameters unknown to the driver are stored if their names are accepted', async () => {
  const flags = [modify, '--accepted-mutable-parameter-names=onDelete,tier'];
  const node = await startedNode({ flags });
  const volume_id = await node.create('a', { mutable_parameters: { tier: 'gold' } });
  const tier = async () => {
    const { volume } = await node.controller.ControllerGetVolume({ volume_id });
    return volume?.volume_context['tier'];
  };
  expect(await tier()).toBe('gold');
  const mutable_parameters = { tier: 'silver', 'csi.storage.k8s.io/pvc/name': 'claim' };
  await node.controller.ControllerModifyVolume({ volume_id, mutable_parameters });
  await node.restart({ flags });
  expect(await tier()).toBe('silver');
});

test('a retained volume stays retained when its driver no longer changes parameters', async () => {
  const node = await startedNode({ flags: [modify] });
  const volume_id = await node.create('a', { mutable_parameters: { onDelete: 'retain' } });
  await node.restart();
  await expectRefusal(
    node.controller.ControllerModifyVolume({ volume_id, mutable_parameters: { onDelete: 'delete' } }),
    'UNIMPLEMENTED',
  );
  await node.controller.DeleteVolume({ volume_id });
  expect(readdirSync(join(node.pool, 'retained'))).toEqual([volume_id]);
});
