import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { VolumeCapability } from '../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { fromSnapshot, snapshotOf } from '../../support/copies.ts';
import type { TestNode } from '../../support/test-node.ts';

const CONTENT = 'content';

/** A kind of volume. */
export interface Kind {
  readonly name: string;
  readonly capability: VolumeCapability;
  readonly parameters: Record<string, string>;
  readonly sizeBytes: number;
  /** Whether its users see its size. */
  readonly isLimited: boolean;
  /** Makes a pool in a directory; by default there is only that in the state directory. @returns its path */
  readonly makePool?: (directory: string) => string;
}

/** The places where a volume and its copy are mounted, the same in each life. */
export interface Places {
  readonly staging: string;
  readonly target: string;
  readonly copyStaging: string;
}

/** One call in the life of a volume, which may be repeated. */
export interface Step {
  readonly name: string;
  readonly call: () => Promise<unknown>;
  /** What a user does afterwards. */
  readonly use?: () => unknown;
  /** Where nothing may be left if the mount fails. */
  readonly target?: string;
}

/** The calls in the life of one volume, of its snapshot, and of a copy that is restored from it. */
export function lifeOf(test: TestNode, kind: Kind, { staging, target, copyStaging }: Places): Step[] {
  const { controller, node } = test;
  const { capability: volume_capability, parameters, sizeBytes } = kind;
  const changes = { parameters, volume_capabilities: [volume_capability] };
  const larger = { required_bytes: 2 * sizeBytes };
  let volume_id = '';
  let snapshot_id = '';
  let copy_id = '';
  return [
    {
      name: 'CreateVolume',
      async call() {
        volume_id = await test.create('volume', {
          ...changes,
          capacity_range: { required_bytes: sizeBytes },
        });
      },
    },
    {
      name: 'NodeStageVolume',
      call: () => node.NodeStageVolume({ volume_id, staging_target_path: staging, volume_capability }),
    },
    {
      name: 'NodePublishVolume',
      call: () => {
        const paths = { staging_target_path: staging, target_path: target };
        return node.NodePublishVolume({ volume_id, ...paths, volume_capability });
      },
      use: () => writeFileSync(join(target, 'file'), CONTENT),
      target,
    },
    {
      name: 'CreateSnapshot',
      async call() {
        snapshot_id = (await snapshotOf(test, volume_id)).snapshot_id;
      },
    },
    {
      name: 'ControllerExpandVolume',
      call: () => controller.ControllerExpandVolume({ volume_id, capacity_range: larger }),
    },
    {
      name: 'NodeExpandVolume',
      call: () => node.NodeExpandVolume({ volume_id, volume_path: target, capacity_range: larger }),
      async use() {
        const { usage = [] } = await node.NodeGetVolumeStats({ volume_id, volume_path: target });
        // A file system keeps part of its device for itself.
        if (kind.isLimited) expect(Number(usage[0]?.total)).toBeGreaterThan(1.5 * sizeBytes);
        expect(readFileSync(join(target, 'file'), 'utf8')).toBe(CONTENT);
      },
    },
    {
      name: 'CreateVolume from a snapshot',
      async call() {
        copy_id = await test.create('copy', { ...changes, ...fromSnapshot(snapshot_id) });
      },
    },
    {
      name: 'NodeStageVolume of the copy',
      call: () =>
        node.NodeStageVolume({ volume_id: copy_id, staging_target_path: copyStaging, volume_capability }),
      use: () => expect(readFileSync(join(copyStaging, 'file'), 'utf8')).toBe(CONTENT),
    },
    {
      name: 'NodeUnstageVolume of the copy',
      call: () => node.NodeUnstageVolume({ volume_id: copy_id, staging_target_path: copyStaging }),
    },
    { name: 'DeleteVolume of the copy', call: () => controller.DeleteVolume({ volume_id: copy_id }) },
    { name: 'DeleteSnapshot', call: () => controller.DeleteSnapshot({ snapshot_id }) },
    {
      name: 'NodeUnpublishVolume',
      call: () => node.NodeUnpublishVolume({ volume_id, target_path: target }),
    },
    {
      name: 'NodeUnstageVolume',
      call: () => node.NodeUnstageVolume({ volume_id, staging_target_path: staging }),
    },
    { name: 'DeleteVolume', call: () => controller.DeleteVolume({ volume_id }) },
  ];
}
