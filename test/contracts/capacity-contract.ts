import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asUser } from '../support/as-user.ts';
import { eventually } from '../support/eventually.ts';
import { mountCapability } from '../support/requests.ts';
import type { Published, TestNode } from '../support/test-node.ts';

/** A node with a driver, and how to request volumes whose size is enforced. */
export interface CapacitySubject {
  readonly node: TestNode;
  readonly parameters: Record<string, string>;
  readonly fsType?: string;
  readonly sizeBytes: number;
  /** Has the file system of the pool free now what it would free later. */
  readonly settle?: () => void;
}

// The overhead of file systems.
const LEAST_USABLE = 0.75;
const MIB = 1024 ** 2;

/** What every volume with an enforced size must do, whatever enforces it. */
export function capacityContract(name: string, makeSubject: () => Promise<CapacitySubject>): void {
  describe(`${name} enforces the size of a volume`, () => {
    test('it can be filled, expanded and filled again, and its space is freed when it is deleted', async () => {
      const subject = await makeSubject();
      const { node, sizeBytes } = subject;
      const roomBefore = await roomOf(subject);
      const volume = await publish(subject);
      const { volume_id, target_path, staging_target_path } = volume;
      writeFileSync(join(target_path, 'before'), 'kept');
      expect(await roomOf(subject)).toBeLessThanOrEqual(roomBefore - sizeBytes + MIB);

      await expectFull(subject, volume, sizeBytes);

      const capacity_range = { required_bytes: 2 * sizeBytes };
      await node.controller.ControllerExpandVolume({ volume_id, capacity_range });
      await node.node.NodeExpandVolume({ volume_id, volume_path: target_path });
      await expectFull(subject, volume, 2 * sizeBytes);

      await node.node.NodeUnpublishVolume({ volume_id, target_path });
      await node.node.NodeUnstageVolume({ volume_id, staging_target_path });
      await node.controller.DeleteVolume({ volume_id });
      // The content is removed in the background, and some file systems report free space late.
      const expectFreed = async () => {
        subject.settle?.();
        expect(await roomOf(subject)).toBeGreaterThan(roomBefore - 8 * MIB);
      };
      await eventually(expectFreed, { interval: 200 });
    });
  });
}

function capabilityOf({ fsType }: CapacitySubject) {
  return { ...mountCapability(), mount: { fs_type: fsType ?? '' } };
}

function publish(subject: CapacitySubject): Promise<Published> {
  const { node, parameters, sizeBytes } = subject;
  const capacity_range = { required_bytes: sizeBytes };
  return node.createPublished('a', capabilityOf(subject), { capacity_range, parameters });
}

async function roomOf(subject: CapacitySubject): Promise<number> {
  const { available_capacity } = await subject.node.controller.GetCapacity({
    parameters: subject.parameters,
    volume_capabilities: [capabilityOf(subject)],
  });
  return Number(available_capacity);
}

/** A writer is stopped between the guaranteed capacity and the size of the volume, and keeps its data. */
async function expectFull({ node }: CapacitySubject, volume: Published, sizeBytes: number): Promise<void> {
  const { volume_id, target_path } = volume;
  const path = join(target_path, 'filling');
  rmSync(path, { force: true });
  const blocks = Math.ceil((sizeBytes * 1.5) / MIB);
  const { status, stderr } = asUser(`dd if=/dev/zero of="$1" bs=1M count=${blocks} conv=fsync`, path);
  expect(status, stderr).not.toBe(0);
  expect(stderr).toMatch(/No space left on device|Disk quota exceeded/);
  const written = statSync(path).size;
  expect(written).toBeLessThanOrEqual(sizeBytes);
  expect(written).toBeGreaterThan(sizeBytes * LEAST_USABLE);
  expect(statSync(join(target_path, 'before')).size).toBe('kept'.length);

  const { usage = [] } = await node.node.NodeGetVolumeStats({ volume_id, volume_path: target_path });
  const { total, used, available } = usage.find(({ unit }) => unit === 'BYTES') ?? {};
  expect(Number(total)).toBeLessThanOrEqual(sizeBytes);
  expect(Number(total)).toBeGreaterThan(sizeBytes * LEAST_USABLE);
  expect(Number(used) + Number(available)).toBeLessThanOrEqual(Number(total));
  expect(Number(available)).toBeLessThan(sizeBytes * 0.1);
}
