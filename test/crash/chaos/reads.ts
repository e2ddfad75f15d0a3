import { expect } from 'vitest';
import type { ChaosNode } from './chaos-node.ts';
import { contentName } from './kinds.ts';
import type { Ledger, Snapshot, Volume } from './ledger.ts';

/** A call that changes nothing, and checks its reply. */
export type Read = () => Promise<unknown>;

/** All calls that only read, with what one client knows of the objects they are about. */
export function readsOf(
  { test }: ChaosNode,
  ledger: Ledger,
  pick: <Item>(items: readonly Item[]) => Item | undefined,
): Read[] {
  const volume = pick([...ledger.volumes.values()]);
  const snapshots = [...ledger.snapshots.values()];
  const withBlocks = snapshots.filter(({ kind }) => contentName(kind) === 'image');
  return [
    () => test.identity.Probe({}),
    () => test.identity.GetPluginInfo({}),
    () => test.node.NodeGetInfo({}),
    () => test.controller.ListVolumes({ max_entries: 3 }),
    () => test.controller.ListSnapshots({ max_entries: 3 }),
    () => test.controller.GetCapacity({}),
    () => test.controller.ControllerListVolumeHealth({}),
    () => test.node.NodeGetStorageHealth({}),
    ...(volume ? readsOfVolume(test, volume) : []),
    ...[pick(snapshots)].flatMap((snapshot) => (snapshot ? [() => readSnapshot(test, snapshot)] : [])),
    ...[pick(withBlocks)].flatMap((snapshot) => (snapshot ? readsOfBlocks(test, snapshot, withBlocks) : [])),
    ...ledger.groupIds.map((id) => () => readGroup(test, id, ledger.membersOf(id))),
  ];
}

type Node = ChaosNode['test'];

function readsOfVolume({ controller, node }: Node, volume: Volume): Read[] {
  const { id: volume_id, kind, sizeBytes, target: volume_path } = volume;
  const volume_capabilities = [kind.capability];
  const always: Read[] = [
    async () => {
      const { volume: found } = await controller.ControllerGetVolume({ volume_id });
      expect(Number(found?.capacity_bytes)).toBe(sizeBytes);
    },
    async () => {
      const { confirmed } = await controller.ValidateVolumeCapabilities({ volume_id, volume_capabilities });
      expect(confirmed).not.toBeNull();
    },
    () => controller.ControllerGetVolumeHealth({ volume_id }),
  ];
  if (!volume.isPublished) return always;
  return [
    ...always,
    () => node.NodeGetVolumeStats({ volume_id, volume_path }),
    () => node.NodeGetVolumeHealth({ volume_id, volume_publish_path: volume_path }),
  ];
}

async function readSnapshot({ controller }: Node, { id: snapshot_id, sourceId }: Snapshot): Promise<void> {
  const { snapshot } = await controller.GetSnapshot({ snapshot_id });
  expect(snapshot).toMatchObject({ snapshot_id, source_volume_id: sourceId, ready_to_use: true });
}

async function readGroup(
  { groupController }: Node,
  group_snapshot_id: string,
  members: Snapshot[],
): Promise<void> {
  const snapshot_ids = members.map(({ id }) => id);
  const { group_snapshot } = await groupController.GetVolumeGroupSnapshot({
    group_snapshot_id,
    snapshot_ids,
  });
  expect(group_snapshot?.snapshots.map(({ snapshot_id }) => snapshot_id).sort()).toEqual(snapshot_ids.sort());
}

function readsOfBlocks({ snapshotMetadata }: Node, snapshot: Snapshot, all: readonly Snapshot[]): Read[] {
  const base = all.find(({ sourceId, id }) => sourceId === snapshot.sourceId && id !== snapshot.id);
  const isWritten = snapshot.kind.form === 'block' && snapshot.marker !== undefined;
  const allocated: Read = async () => {
    const request = { snapshot_id: snapshot.id };
    const [first] = await snapshotMetadata.GetMetadataAllocated(request).toArray();
    if (isWritten) expect(first?.block_metadata[0]?.byte_offset).toBe('0');
  };
  if (!base) return [allocated];
  const isChanged = snapshot.kind.form === 'block' && snapshot.marker !== base.marker;
  const delta: Read = async () => {
    const request = { base_snapshot_id: base.id, target_snapshot_id: snapshot.id };
    const [first] = await snapshotMetadata.GetMetadataDelta(request).toArray();
    if (isChanged) expect(first?.block_metadata[0]?.byte_offset).toBe('0');
  };
  return [allocated, delta];
}
