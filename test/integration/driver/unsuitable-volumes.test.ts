import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { AccessMode } from '../../../src/model/requests/capability.ts';
import type { CreateVolumeRequest } from '../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { VolumeCapability } from '../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { fromSnapshot, fromVolume, snapshotOf, takeDown } from '../../support/copies.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, fileSystem, image } from '../../support/image-node.ts';
import { expectRefusal, outcomeOf } from '../../support/refusal.ts';
import { createRequest, mountCapability } from '../../support/requests.ts';
import { TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const flags = ['--abandoned-pools=deadbeef'];
const unlimited = { required_bytes: 320 * MIB };

let node: TestNode;

beforeAll(async () => {
  node = new TestNode();
  await node.start({ flags });
  return () => node.dispose();
});

function mount(fs_type: string, ...mount_flags: string[]): VolumeCapability {
  return { mount: { fs_type, mount_flags }, access_mode: { mode: 'SINGLE_NODE_WRITER' } };
}

/** The answers of the three calls that check capabilities before the first stage. */
async function answersFor(
  name: string,
  capability: VolumeCapability,
  parameters: CreateVolumeRequest['parameters'] = {},
) {
  const volume_capabilities = [capability];
  const { available_capacity } = await node.controller.GetCapacity({ volume_capabilities, parameters });
  const create = createRequest(name, { volume_capabilities, parameters, capacity_range: unlimited });
  return {
    hasCapacity: available_capacity !== '0',
    created: await outcomeOf(node.controller.CreateVolume(create)),
  };
}

async function validated(volume_id: string, ...volume_capabilities: VolumeCapability[]) {
  const { confirmed, message } = await node.controller.ValidateVolumeCapabilities({
    volume_id,
    volume_capabilities,
  });
  return { isConfirmed: confirmed !== null, message };
}

const directory = { backend: 'directory' } as const;
const imageBackend = { backend: 'image' } as const;

describe.skipIf(!isHostRoot)('volumes that no stage would accept are refused before they are made:', () => {
  test.each<[string, VolumeCapability, { backend: string }]>([
    ['discard on a directory', mount('', 'discard'), directory],
    ['inode64 on ext4', mount('ext4', 'inode64'), imageBackend],
    ['inode64 on the default file system', mount('', 'inode64'), imageBackend],
    ['data=ordered on xfs', mount('xfs', 'data=ordered'), imageBackend],
    ['allocsize=5k on xfs', mount('xfs', 'allocsize=5k'), imageBackend],
    ['commit=5 on xfs', mount('xfs', 'commit=5'), imageBackend],
    ['errors=remount-ro on btrfs', mount('btrfs', 'errors=remount-ro'), imageBackend],
    ['an unknown flag', mount('', 'bogus'), directory],
    ['an unsupported file system', mount('ntfs'), imageBackend],
  ])('%s', async (name, capability, parameters) => {
    const details = expect.stringMatching(/^volume_capabilities(\[0\])?\.mount\./);
    expect(await answersFor(name, capability, parameters)).toEqual({
      hasCapacity: false,
      created: { code: 'INVALID_ARGUMENT', details },
    });
  });

  test.each<[string, VolumeCapability, { backend: string }]>([
    ['lazytime on a directory', mount('', 'lazytime'), directory],
    ['discard and commit=5 on ext4', mount('ext4', 'discard', 'commit=5'), imageBackend],
    ['inode64 and nouuid on xfs', mount('xfs', 'inode64', 'nouuid'), imageBackend],
    ['compress=zstd:3 on btrfs', mount('btrfs', 'compress=zstd:3'), imageBackend],
  ])('all other volumes are created, and can be staged: %s', async (name, capability, parameters) => {
    expect(await answersFor(name, capability, parameters)).toEqual({ hasCapacity: true, created: 'OK' });
    const changes = { parameters, capacity_range: unlimited };
    const { volume_id } = await node.createStaged(name, capability, changes);
    expect(await validated(volume_id, capability)).toEqual({ isConfirmed: true, message: '' });
  });

  test('raw content as a mounted volume', async () => {
    const paths = await node.createPublished('raw', blockDevice(), image(16 * MIB));
    writeFileSync(paths.target_path, Buffer.alloc(4096, 7), { flush: true });
    await takeDown(node, paths);
    const { snapshot_id } = await snapshotOf(node, paths.volume_id);
    for (const source of [fromSnapshot(snapshot_id), fromVolume(paths.volume_id)]) {
      const request = {
        volume_capabilities: [mount('ext4')],
        capacity_range: unlimited,
        parameters: { allowVolumeModeChange: 'true' },
        ...source,
      };
      await expectRefusal(node.create('mounted', request), 'INVALID_ARGUMENT', 'volume_capabilities: ');
      await node.create(`block ${JSON.stringify(source)}`, {
        ...request,
        volume_capabilities: [blockDevice()],
      });
    }
  });
});

describe('a volume made for a single writer', () => {
  const single = mountCapability('SINGLE_NODE_SINGLE_WRITER');
  const several = mountCapability('SINGLE_NODE_MULTI_WRITER');

  test('is neither returned nor confirmed for other access modes', async () => {
    const volume_id = await node.create('single', { volume_capabilities: [single] });
    const again = node.create('single', { volume_capabilities: [several] });
    await expectRefusal(again, 'ALREADY_EXISTS', 'SINGLE_NODE_SINGLE_WRITER');
    expect((await validated(volume_id, several)).isConfirmed).toBe(false);
    expect((await validated(volume_id, single)).isConfirmed).toBe(true);
    expect(await node.create('single', { volume_capabilities: [single] })).toBe(volume_id);
  });
});

describe.skipIf(!isHostRoot)('a volume in use cannot be used in another way:', () => {
  test.each<[string, VolumeCapability, Partial<CreateVolumeRequest>]>([
    ['a directory', mount('ext4'), { parameters: directory }],
    ['ext4', fileSystem('ext4'), image(16 * MIB)],
    ['xfs', fileSystem('xfs'), image(300 * MIB)],
    ['btrfs', fileSystem('btrfs'), image(128 * MIB)],
  ])('%s', async (name, capability, changes) => {
    const paths = await node.createPublished(`used ${name}`, capability, changes);
    const others = [
      { ...capability, access_mode: { mode: 'SINGLE_NODE_MULTI_WRITER' } },
      { ...capability, mount: { ...capability.mount, fs_type: name === 'xfs' ? 'ext4' : 'xfs' } },
      { ...capability, mount: { ...capability.mount, mount_flags: ['noexec'] } },
      { ...capability, mount: { ...capability.mount, mount_flags: ['lazytime'] } },
    ] as VolumeCapability[];
    for (const volume_capability of others) {
      await expectRefusal(node.node.NodeStageVolume({ ...paths, volume_capability }), 'ALREADY_EXISTS');
      await expectRefusal(node.node.NodePublishVolume({ ...paths, volume_capability }), 'ALREADY_EXISTS');
    }
    await node.node.NodeStageVolume({ ...paths, volume_capability: capability });
    await node.node.NodePublishVolume({ ...paths, volume_capability: capability });
  });
});

test.skipIf(!isHostRoot)(
  'a block volume cannot be staged again with another access mode, also after a restart',
  async () => {
    const paths = await node.createStaged('staged block', blockDevice(), image(MIB));
    const stageAs = (mode: AccessMode) =>
      node.node.NodeStageVolume({ ...paths, volume_capability: blockDevice(mode) });
    for (const isRestarted of [false, true]) {
      if (isRestarted) await node.restart({ flags });
      await expectRefusal(stageAs('SINGLE_NODE_MULTI_WRITER'), 'ALREADY_EXISTS', 'as SINGLE_NODE_WRITER');
      await stageAs('SINGLE_NODE_WRITER');
    }
  },
);

test('an expansion with a wrong capability is INVALID_ARGUMENT', async () => {
  const paths = await node.createPublished('expanded');
  const request = {
    volume_id: paths.volume_id,
    volume_path: paths.target_path,
    capacity_range: { required_bytes: 2 * MIB },
    volume_capability: blockDevice(),
  };
  await expectRefusal(
    node.controller.ControllerExpandVolume(request),
    'INVALID_ARGUMENT',
    'volume_capability: ',
  );
  await expectRefusal(node.node.NodeExpandVolume(request), 'INVALID_ARGUMENT', 'volume_capability: ');
});

test('volumes in an abandoned pool count as deleted, which is logged', async () => {
  const id = (poolId: string) => `pvc-${'0'.repeat(16)}-${poolId}-01234567`;
  await node.controller.DeleteVolume({ volume_id: id('deadbeef') });
  await node.controller.DeleteSnapshot({ snapshot_id: id('deadbeef') });
  expect(node.log()).toContain(`"id":"${id('deadbeef')}","poolId":"deadbeef"`);
  const other = node.controller.DeleteVolume({ volume_id: id('cafecafe') });
  await expectRefusal(other, 'FAILED_PRECONDITION', '--abandoned-pools=cafecafe');
});
