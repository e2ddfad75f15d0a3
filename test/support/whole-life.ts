import { expect } from 'vitest';
import { mountCapability } from './requests.ts';
import type { TestNode } from './test-node.ts';

/** Publishes a volume, and ends that after `use`. */
export async function whilePublished(
  test: TestNode,
  volume_id: string,
  use: (path: string) => unknown,
  volume_capability = mountCapability(),
): Promise<void> {
  const paths = { volume_id, staging_target_path: test.newStaging(), target_path: test.newPath() };
  await test.node.NodeStageVolume({ ...paths, volume_capability });
  await test.node.NodePublishVolume({ ...paths, volume_capability });
  await use(paths.target_path);
  await test.node.NodeUnpublishVolume(paths);
  await test.node.NodeUnstageVolume(paths);
}

/** Snapshots a volume and restores the snapshot, and deletes all three. @param use gets the path of each of the two volumes */
export async function expectWholeLife(
  test: TestNode,
  volume_id: string,
  use: (path: string) => unknown,
  volume_capability = mountCapability(),
): Promise<void> {
  await whilePublished(test, volume_id, use, volume_capability);
  const name = `life-${volume_id}`.slice(0, 100);
  const { snapshot } = await test.controller.CreateSnapshot({ name, source_volume_id: volume_id });
  expect(snapshot).toMatchObject({ ready_to_use: true });
  await expectRestored(test, snapshot?.snapshot_id ?? '', use, volume_capability);
  await test.controller.DeleteVolume({ volume_id });
}

/** Restores a snapshot to a volume, and deletes both. @param use gets the path of the volume */
export async function expectRestored(
  test: TestNode,
  snapshot_id: string,
  use: (path: string) => unknown,
  volume_capability = mountCapability(),
): Promise<void> {
  const volume_id = await test.create(`from-${snapshot_id}`.slice(0, 100), {
    capacity_range: {},
    volume_content_source: { snapshot: { snapshot_id } },
    volume_capabilities: [volume_capability],
  });
  await whilePublished(test, volume_id, use, volume_capability);
  await test.controller.DeleteVolume({ volume_id });
  await test.controller.DeleteSnapshot({ snapshot_id });
}
