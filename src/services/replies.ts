import type { GroupSnapshot, Snapshot } from '../model/objects/snapshot.ts';
import type { ContentSource, Volume } from '../model/objects/volume.ts';
import { contextOf } from '../model/objects/volume-context.ts';
import type { Settings } from '../model/settings.ts';
import type { Snapshot as SnapshotMessage } from '../rpc/generated/csi/v1/Snapshot.ts';
import type { Volume as VolumeMessage } from '../rpc/generated/csi/v1/Volume.ts';
import type { VolumeContentSource } from '../rpc/generated/csi/v1/VolumeContentSource.ts';
import type { VolumeGroupSnapshot as GroupMessage } from '../rpc/generated/csi/v1/VolumeGroupSnapshot.ts';

/** A volume in replies (CSI specification, Volume). */
export function volumeMessage(settings: Settings, volume: Volume): VolumeMessage {
  const { id, capacityBytes, source } = volume;
  return {
    volume_id: id,
    capacity_bytes: capacityBytes.toString(),
    volume_context: contextOf(volume),
    content_source: source ? sourceMessage(source) : null,
    accessible_topology: topologyMessage(settings),
  };
}

/** The status of a volume: the nodes that it is published to, if the driver supports publishing. */
export function volumeStatus(settings: Settings, volume: Volume): { published_node_ids: string[] } {
  const { attachment } = volume;
  return { published_node_ids: settings.features.attach && attachment ? [attachment.nodeId] : [] };
}

function sourceMessage({ kind, id }: ContentSource): VolumeContentSource {
  return kind === 'snapshot' ? { snapshot: { snapshot_id: id } } : { volume: { volume_id: id } };
}

/** A snapshot in replies (CSI specification, Snapshot). Only complete snapshots are recorded. */
export function snapshotMessage(settings: Settings, snapshot: Snapshot): SnapshotMessage {
  return {
    snapshot_id: snapshot.id,
    source_volume_id: snapshot.sourceVolumeId,
    size_bytes: snapshot.sizeBytes.toString(),
    creation_time: timestampMessage(snapshot.createdAt),
    ready_to_use: true,
    group_snapshot_id: snapshot.groupId ?? '',
    accessible_topology: topologyMessage(settings),
  };
}

/** A group in replies (CSI specification, VolumeGroupSnapshot). */
export function groupMessage(settings: Settings, group: GroupSnapshot): GroupMessage {
  return {
    group_snapshot_id: group.id,
    snapshots: group.snapshots.map((snapshot) => snapshotMessage(settings, snapshot)),
    creation_time: timestampMessage(group.createdAt),
    ready_to_use: true,
  };
}

function timestampMessage(time: string) {
  const milliseconds = Date.parse(time);
  return {
    seconds: Math.floor(milliseconds / 1000).toString(),
    nanos: (milliseconds % 1000) * 1_000_000,
  };
}

function topologyMessage({ topology }: Settings) {
  return topology ? [{ segments: { ...topology } }] : [];
}
