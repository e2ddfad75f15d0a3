import type { CreateVolumeRequest } from '../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { Snapshot__Output } from '../../src/rpc/generated/csi/v1/Snapshot.ts';
import type { Published, TestNode } from './test-node.ts';

/** The request for a restored snapshot, with the size of its source. */
export function fromSnapshot(snapshot_id: string): Partial<CreateVolumeRequest> {
  return { capacity_range: null, volume_content_source: { snapshot: { snapshot_id } } };
}

/** The request for a clone of a volume, with the same size. */
export function fromVolume(volume_id: string): Partial<CreateVolumeRequest> {
  return { capacity_range: null, volume_content_source: { volume: { volume_id } } };
}

/** Takes a snapshot of a volume. */
export async function snapshotOf(
  { controller }: TestNode,
  source_volume_id: string,
  name = 'snapshot',
): Promise<Snapshot__Output> {
  const { snapshot } = await controller.CreateSnapshot({ name, source_volume_id });
  if (!snapshot) throw new Error('the reply has no snapshot');
  return snapshot;
}

/** Unpublishes and unstages a volume. */
export async function takeDown({ node }: TestNode, paths: Published): Promise<void> {
  await node.NodeUnpublishVolume(paths);
  await node.NodeUnstageVolume(paths);
}
