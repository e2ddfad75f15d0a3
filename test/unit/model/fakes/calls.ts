import type { PublishSpec } from '../../../../src/model/mounting/mount-targets.ts';
import * as inline from '../../../../src/model/mounting/publish-inline.ts';
import * as publishing from '../../../../src/model/mounting/publish-volume.ts';
import * as staging from '../../../../src/model/mounting/stage-volume.ts';
import type { ContentSource, MutableParameters, Volume } from '../../../../src/model/objects/volume.ts';
import type { Parts } from '../../../../src/model/parts.ts';
import type { VolumeCapability } from '../../../../src/model/requests/capability.ts';
import type { CapacityRange } from '../../../../src/model/requests/capacity.ts';
import * as groups from '../../../../src/model/snapshots/create-group-snapshot.ts';
import * as snapshots from '../../../../src/model/snapshots/create-snapshot.ts';
import * as snapshotDeletion from '../../../../src/model/snapshots/delete-snapshot.ts';
import * as groupDeletion from '../../../../src/model/snapshots/group-snapshots.ts';
import { exclusive, type Held, type HoldRequest, Holds, shared } from '../../../../src/model/state/holds.ts';
import * as attachment from '../../../../src/model/volumes/attach-volume.ts';
import * as creation from '../../../../src/model/volumes/create-volume.ts';
import * as deletion from '../../../../src/model/volumes/delete-volume.ts';
import * as expansion from '../../../../src/model/volumes/expand-volume.ts';
import * as modification from '../../../../src/model/volumes/modify-volume.ts';
import type { KeyChange } from '../../../../src/model/volumes/rekey-volume.ts';
import * as rekeying from '../../../../src/model/volumes/rekey-volume.ts';
import * as restoring from '../../../../src/model/volumes/restore-volume.ts';

// What a start, the pools and the health calls ask of the model; none of it needs a hold.
export { type LimitCheckResult, restoreLimits } from '../../../../src/model/content/restore-limits.ts';
export type { HealthPaths } from '../../../../src/model/health/expected-mounts.ts';
export { nodeVolumeHealth } from '../../../../src/model/health/node-health.ts';
export { unhealthyAfter } from '../../../../src/model/health/unhealthy-volumes.ts';
export { volumeHealth } from '../../../../src/model/health/volume-health.ts';
export { volumeStats } from '../../../../src/model/health/volume-stats.ts';
export { findMounts } from '../../../../src/model/mounting/find-mounts.ts';
export { removeOrphans } from '../../../../src/model/mounting/remove-orphans.ts';

// The operations of the model, each as a call that holds what it needs. The holds of one call are not seen by another:
// tests that two calls exclude each other go through the services.

function holding(...requests: HoldRequest[]): Held {
  return new Holds().hold(requests);
}

function held(volume: Volume) {
  return holding(exclusive('volume', volume.id)).volume(volume);
}

function heldVolume(id: string) {
  return holding(exclusive('volume', id)).exclusive('volume', id);
}

function heldPath(path: string) {
  return holding(exclusive('path', path)).exclusive('path', path);
}

export type VolumeSpec = Omit<creation.VolumeSpec, 'source'> & { readonly source: ContentSource | undefined };

export type ContentRequest = VolumeSpec['contentRequest'];

export async function createVolume(model: Parts, { source, ...spec }: VolumeSpec): Promise<Volume> {
  const name = holding(exclusive('volume name', spec.name)).exclusive('volume name', spec.name);
  return creation.createVolume(model, name, {
    ...spec,
    source: source && holding(shared(source.kind, source.id)).shared(source.kind, source.id),
  });
}

export function deleteVolume(model: Parts, volumeId: string) {
  return deletion.deleteVolume(model, heldVolume(volumeId));
}

export function restoreVolume(
  model: Parts,
  volumeId: string,
  changes: Partial<restoring.RestoreChanges> = {},
) {
  return restoring.restoreVolume(model, heldVolume(volumeId), {
    name: undefined,
    claim: undefined,
    ...changes,
  });
}

export type AttachSpec = attachment.AttachSpec;

export function attachVolume(model: Parts, volume: Volume, spec: attachment.AttachSpec) {
  return attachment.attachVolume(model, held(volume), spec);
}

export function detachVolume(model: Parts, volume: Volume, nodeId: string | undefined) {
  return attachment.detachVolume(model, held(volume), nodeId);
}

export function expandContent(model: Parts, volume: Volume, range: CapacityRange, maximumBytes: bigint) {
  return expansion.expandContent(model, held(volume), range, maximumBytes);
}

export function expandStaged(model: Parts, volume: Volume, path: string, key?: Buffer) {
  return expansion.expandStaged(model, held(volume), path, key);
}

export function expandMounted(model: Parts, volume: Volume) {
  return expansion.expandMounted(model, held(volume));
}

export function rekeyVolume(model: Parts, volume: Volume, change: KeyChange) {
  return rekeying.rekeyVolume(model, held(volume), change);
}

export function modifyVolume(model: Parts, volume: Volume, changes: Partial<MutableParameters>) {
  return modification.modifyVolume(model, held(volume), changes);
}

export type SnapshotSpec = Omit<snapshots.SnapshotSpec, 'source'> & { readonly sourceVolumeId: string };

export function createSnapshot(model: Parts, { sourceVolumeId, ...spec }: SnapshotSpec) {
  const name = holding(exclusive('snapshot name', spec.name)).exclusive('snapshot name', spec.name);
  const source = holding(shared('volume', sourceVolumeId)).shared('volume', sourceVolumeId);
  return snapshots.createSnapshot(model, name, { ...spec, source });
}

export function deleteSnapshot(model: Parts, id: string) {
  return snapshotDeletion.deleteSnapshot(model, holding(exclusive('snapshot', id)).exclusive('snapshot', id));
}

export type GroupSpec = Omit<groups.GroupSpec, 'sources'> & { readonly sourceVolumeIds: readonly string[] };

export function createGroupSnapshot(model: Parts, { name, sourceVolumeIds }: GroupSpec) {
  const hold = holding(exclusive('group snapshot name', name)).exclusive('group snapshot name', name);
  return groups.createGroupSnapshot(model, hold, { name, sources: sourceVolumeIds.map(heldVolume) });
}

export function deleteGroupSnapshot(model: Parts, id: string, snapshotIds: readonly string[]) {
  const hold = holding(exclusive('group snapshot', id)).exclusive('group snapshot', id);
  return groupDeletion.deleteGroupSnapshot(model, hold, snapshotIds);
}

export function stageVolume(
  model: Parts,
  volume: Volume,
  path: string,
  capability: VolumeCapability,
  key?: Buffer,
) {
  return staging.stageVolume(model, held(volume), heldPath(path), { capability, key });
}

export function unstageVolume(model: Parts, volumeId: string, path: string) {
  return staging.unstageVolume(model, heldVolume(volumeId), heldPath(path));
}

export function publishVolume(model: Parts, volume: Volume, { targetPath, ...spec }: PublishSpec) {
  const sharedVolume = holding(shared('volume', volume.id)).sharedVolume(volume);
  return publishing.publishVolume(model, sharedVolume, heldPath(targetPath), spec);
}

export function unpublishVolume(model: Parts, volumeId: string, targetPath: string) {
  return publishing.unpublishVolume(model, heldVolume(volumeId), heldPath(targetPath));
}

export type InlineSpec = Omit<inline.InlineSpec, 'volume' | 'target'> & {
  readonly volumeId: string;
  readonly targetPath: string;
};

export function publishInline(model: Parts, { volumeId, targetPath, ...spec }: InlineSpec) {
  const [volume, target] = [heldVolume(volumeId), heldPath(targetPath)];
  return inline.publishInline(model, { ...spec, volume, target });
}
