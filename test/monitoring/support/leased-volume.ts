import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CreateVolumeRequest } from '../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import { type HeldLeases, heldLeases } from '../../support/held-leases.ts';
import type { TestNode } from '../../support/test-node.ts';

const TENANT = 1000;
// The kernel takes a lease away after 45 seconds.
const FILES = 48;

/** A published volume whose copies wait, because its user has a lease on each file in it. */
export async function leasedVolume(
  node: TestNode,
  changes: Partial<CreateVolumeRequest> = {},
): Promise<{ readonly volume_id: string; readonly leases: HeldLeases }> {
  const { volume_id, target_path } = await node.createPublished('leased', undefined, changes);
  const files = Array.from({ length: FILES }, (_, number) => join(target_path, `file-${number}`));
  for (const file of files) writeFileSync(file, Buffer.alloc(65_536, 1));
  for (const path of [target_path, ...files]) chownSync(path, TENANT, TENANT);
  return { volume_id, leases: await heldLeases(TENANT, files) };
}
