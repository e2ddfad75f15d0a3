import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { minimumBytes } from '../../../src/backends/image/mkfs.ts';
import { minimumGrownBytes } from '../../../src/kernel/file-systems/grow-file-system.ts';
import type { VolumeCapability } from '../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { fromVolume } from '../../support/copies.ts';
import { editedRecord } from '../../support/edited-record.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, deviceBytes, fileSystem, imageFile } from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { createRequest } from '../../support/requests.ts';
import { TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const ODD_BYTES = 1_000_001;
const WHOLE_BYTES = 1_000_448;

let node: TestNode;

beforeAll(async () => {
  node = new TestNode();
  await node.start();
  return () => node.dispose();
});

/** The parameters of an image with a size in this range. */
function sized(capability: VolumeCapability, required_bytes: number, limit_bytes = 0) {
  return {
    parameters: { backend: 'image' },
    volume_capabilities: [capability],
    capacity_range: { required_bytes, limit_bytes },
  };
}

type Sized = Parameters<typeof createRequest>[1];

async function created(name: string, changes: Sized) {
  const { volume } = await node.controller.CreateVolume(createRequest(name, changes));
  return { volume_id: volume?.volume_id ?? '', capacityBytes: Number(volume?.capacity_bytes) };
}

async function listed(volumeId: string): Promise<number> {
  const { entries } = await node.controller.ListVolumes({});
  return Number(entries.find(({ volume }) => volume?.volume_id === volumeId)?.volume?.capacity_bytes);
}

const sizeOf = (volumeId: string) => statSync(imageFile(node, volumeId)).size;

describe.skipIf(!isHostRoot)('an image that is requested smaller than its file system can be', () => {
  test.each(['ext4', 'xfs', 'btrfs'] as const)(
    'gets the minimum size of its file system, if the limit allows it: %s',
    async (fsType) => {
      const least = Number(minimumBytes[fsType]);
      const ask = (limit = 0) => created(`small ${fsType}`, sized(fileSystem(fsType), MIB, limit));
      await expectRefusal(ask(least - 1), 'OUT_OF_RANGE', `limit_bytes: ${least - 1} is too small`);
      const { volume_id, capacityBytes } = await ask(least);
      expect([capacityBytes, await listed(volume_id), sizeOf(volume_id)]).toEqual([least, least, least]);
      expect(await ask()).toEqual({ volume_id, capacityBytes });
      expect(await ask(least)).toEqual({ volume_id, capacityBytes });
      const staging_target_path = node.newStaging();
      const volume_capability = fileSystem(fsType);
      await node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
      await node.node.NodeUnstageVolume({ volume_id, staging_target_path });
    },
  );

  test('and staged with a file system that needs more is refused until it has grown', async () => {
    const { volume_id } = await created('open', sized(fileSystem(), MIB));
    const staging_target_path = node.newStaging();
    const paths = { volume_id, staging_target_path };
    const stage = () => node.node.NodeStageVolume({ ...paths, volume_capability: fileSystem('xfs') });
    await expectRefusal(stage(), 'FAILED_PRECONDITION', `xfs needs at least ${minimumBytes.xfs} bytes`);
    const capacity_range = { required_bytes: minimumBytes.xfs.toString() };
    await node.controller.ControllerExpandVolume({ volume_id, capacity_range });
    await stage();
    await node.node.NodeUnstageVolume(paths);
  });

  test('is handled the same way as an inline volume', async () => {
    const paths = { volume_id: 'inline', target_path: node.newPath() };
    const volume_context = { 'csi.storage.k8s.io/ephemeral': 'true', backend: 'image', size: '1Mi' };
    await node.node.NodePublishVolume({ ...paths, volume_context, volume_capability: fileSystem() });
    expect(await listed('inline')).toBe(Number(minimumBytes.ext4));
    await node.node.NodeUnpublishVolume(paths);
  });
});

test.skipIf(!isHostRoot)('btrfs grows by its minimum increment when less is requested', async () => {
  const least = Number(minimumGrownBytes.btrfs);
  const capability = fileSystem('btrfs');
  const paths = await node.createStaged('grown', capability, sized(capability, 128 * MIB));
  const { volume_id, staging_target_path: volume_path } = paths;
  const grow = (limit_bytes: number) =>
    node.controller.ControllerExpandVolume({
      volume_id,
      capacity_range: { required_bytes: 200 * MIB, limit_bytes },
    });
  await expectRefusal(grow(least - 1), 'OUT_OF_RANGE', 'limit_bytes');
  const clone = sized(capability, 200 * MIB, least);
  expect((await created('clone', { ...fromVolume(volume_id), ...clone })).capacityBytes).toBe(least);
  expect(await grow(least)).toMatchObject({ capacity_bytes: String(least) });
  // The kubelet passes the size of the claim.
  const capacity_range = { required_bytes: 200 * MIB };
  const grown = await node.node.NodeExpandVolume({ volume_id, volume_path, capacity_range });
  expect(grown).toEqual({ capacity_bytes: String(least) });
  await node.node.NodeUnstageVolume(paths);
});

describe.skipIf(!isHostRoot)('a block volume whose size is not a multiple of the sector size', () => {
  const capability = blockDevice();

  test('is rounded up, and every call reports that size', async () => {
    const ask = (limit = 0) => created('odd', sized(capability, ODD_BYTES, limit));
    await expectRefusal(ask(ODD_BYTES), 'OUT_OF_RANGE', `rounded up to ${WHOLE_BYTES}, a multiple of 512`);
    const paths = await node.createPublished('odd', capability, sized(capability, ODD_BYTES, WHOLE_BYTES));
    const { volume_id, target_path } = paths;
    expect(await ask()).toEqual({ volume_id, capacityBytes: WHOLE_BYTES });
    expect([await listed(volume_id), deviceBytes(target_path)]).toEqual([WHOLE_BYTES, WHOLE_BYTES]);
    const { usage } = await node.node.NodeGetVolumeStats({ volume_id, volume_path: target_path });
    expect(usage[0]?.total).toBe(String(WHOLE_BYTES));

    const capacity_range = { required_bytes: 2 * ODD_BYTES };
    const capacity_bytes = String(2_000_384);
    expect(await node.controller.ControllerExpandVolume({ volume_id, capacity_range })).toMatchObject({
      capacity_bytes,
    });
    const expansion = { volume_id, volume_path: target_path, capacity_range };
    expect(await node.node.NodeExpandVolume(expansion)).toEqual({ capacity_bytes });
    expect(deviceBytes(target_path)).toBe(2_000_384);
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    const { snapshot } = await node.controller.CreateSnapshot({ source_volume_id: volume_id, name: 'odd' });
    expect(snapshot?.size_bytes).toBe(capacity_bytes);
  });

  test('and was recorded by an older driver as requested, is the same volume, with its actual size', async () => {
    const asked = (limit: number) => sized(capability, ODD_BYTES, limit);
    const { volume_id } = await created('old', asked(0));
    await node.stop();
    const record = join(node.pool, 'volumes', volume_id, 'volume.json');
    const older = editedRecord(readFileSync(record, 'utf8'), (text) =>
      text.replace(`"${WHOLE_BYTES}"`, `"${ODD_BYTES}"`),
    );
    writeFileSync(record, older);
    await node.start();
    for (const limit of [0, ODD_BYTES, WHOLE_BYTES]) {
      expect(await created('old', asked(limit))).toEqual({ volume_id, capacityBytes: WHOLE_BYTES });
    }
    const { capacity_range } = asked(ODD_BYTES);
    const same = await node.controller.ControllerExpandVolume({ volume_id, capacity_range });
    expect(same.capacity_bytes).toBe(String(WHOLE_BYTES));
    const staging_target_path = node.newStaging();
    await node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability: capability });
    expect(sizeOf(volume_id)).toBe(WHOLE_BYTES);
    await node.node.NodeUnstageVolume({ volume_id, staging_target_path });
  });
});
